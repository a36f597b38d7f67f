//! The changes of links, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::direct_links::DirectLinks;
use super::links::{Direction, LinkStates, NamedTreatment, Transition, Treatment};
use super::probe::{Expected, Prober, Proven};
use super::proof::{self, ChangedLinks};
use super::rules::Rules;
use super::shape_device::ShapeDevice;
use super::shape_outcome::ShapeOutcome;
use super::sockets::Sockets;
use super::{ClientHost, LinksError};
use crate::evidence::{Clock, LinkChange, NetworkChange, Reach};
use crate::vocab::{HostName, Instant, Link, Shape};

/// Why nothing can be proven.
const NO_LINK: &str = "it is about no link";
const ALL_CUT: &str = "every link of it is cut";
const NO_DEVICE: &str = "no device shapes its links";

/// What the kernel did.
struct Changed {
    /// The instant just before it was told.
    began: Instant,
    /// The instant just after it had done all.
    done: Instant,
    /// How many open connections ended because links are rejected from now on; or why it left them open.
    ended: io::Result<usize>,
}

/// What is in force on the links of a lab, and what it takes to change it.
pub(super) struct LinkChanges {
    ips: BTreeMap<HostName, Ipv4Addr>,
    clock: Clock,
    /// Of all that shapes draw.
    seed: u64,
    states: Mutex<LinkStates>,
    reach: watch::Sender<Reach>,
    rules: Rules,
    sockets: Sockets,
    prober: Arc<Prober>,
    /// The device that shapes, once it is needed. Whoever changes links holds it.
    turn: tokio::sync::Mutex<Option<ShapeDevice>>,
}

impl LinkChanges {
    /// Nothing is disturbed. The calling thread must be in the router's namespace, within a runtime.
    pub(super) fn none(
        hosts: &BTreeMap<HostName, (Ipv4Addr, ClientHost)>,
        direct: DirectLinks,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, LinksError> {
        let by_ip = || hosts.values().cloned();
        Ok(Self {
            ips: hosts.iter().map(|(name, (ip, _))| (name.clone(), *ip)).collect(),
            clock,
            seed,
            states: Mutex::default(),
            reach: watch::Sender::new(Reach::default()),
            rules: Rules::connect(by_ip(), direct)?,
            sockets: Sockets::of(by_ip()),
            prober: Arc::new(Prober::open(by_ip())?),
            turn: tokio::sync::Mutex::new(None),
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.states().names()
    }

    pub(super) fn reach(&self) -> watch::Receiver<Reach> {
        self.reach.subscribe()
    }

    fn states(&self) -> MutexGuard<'_, LinkStates> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn direction(&self, link: &Link) -> Result<Direction, LinksError> {
        let ip = |host: &HostName| self.ips.get(host).copied().ok_or_else(|| LinksError::NoSuchHost(host.clone()));
        Ok(Direction { from: ip(&link.from)?, to: ip(&link.to)? })
    }

    fn links(&self, directions: &BTreeSet<Direction>) -> Vec<Link> {
        let named: BTreeMap<_, _> = self.ips.iter().map(|(name, ip)| (*ip, name)).collect();
        let link = |direction: &Direction| {
            Some(Link::new((*named.get(&direction.from)?).clone(), (*named.get(&direction.to)?).clone()))
        };
        let links: BTreeSet<_> = directions.iter().filter_map(link).collect();
        links.into_iter().collect()
    }

    /// Puts a cut or a shape in force.
    pub(super) async fn begin(
        &self,
        name: &str,
        links: &BTreeSet<Link>,
        what: Treatment,
    ) -> Result<ChangedLinks, LinksError> {
        let directions = links.iter().map(|link| self.direction(link)).collect::<Result<BTreeSet<_>, _>>()?;
        let mut device = self.turn.lock().await;
        let old = self.states().clone();
        let mut new = old.clone();
        let transitions = new.begin(name, &directions, what).ok_or_else(|| LinksError::NameInForce(name.to_owned()))?;
        let before = match what {
            Treatment::Cut(_) => {
                // What is cut already cannot be seen to pass.
                let open = Expected::of(&directions, &old).into_iter().filter(|link| !link.is_cut()).collect();
                self.prober.prove(open).await
            }
            Treatment::Shape(_) => Ok(Proven::default()),
        };
        let Changed { began, done, ended } = self.change(&mut device, (&directions, &transitions), &new).await?;
        let change = match what {
            Treatment::Cut(by) => LinkChange::Cut(by),
            Treatment::Shape(shape) => LinkChange::Shape(shape),
        };
        let links = self.links(&directions);
        self.publish(name, change, &links, (began, done));
        let proof = match (before, what) {
            (Err(why), _) => Err(why),
            _ if directions.is_empty() => Err(NO_LINK.to_owned()),
            (Ok(before), Treatment::Cut(by)) => {
                let after = self.prober.prove(Expected::of(&directions, &new)).await;
                after.map(|after| proof::cut(by, before, after, &ended))
            }
            (Ok(_), Treatment::Shape(_)) => self.see_shaped(device.as_mut(), name, &directions, &new).await,
        };
        Ok(ChangedLinks { links, was: what, began, done, proof })
    }

    /// Sees what a shape does that has begun.
    async fn see_shaped(
        &self,
        device: Option<&mut ShapeDevice>,
        name: &str,
        directions: &BTreeSet<Direction>,
        states: &LinkStates,
    ) -> Result<String, String> {
        // It is there: the links have a shape.
        let device = device.ok_or(NO_DEVICE)?;
        device.begin(name).await?;
        let directions: Vec<_> = directions.iter().copied().collect();
        let seen = device.see(&self.prober, &directions, states).await?;
        if seen.passed == 0 { Err(ALL_CUT.to_owned()) } else { Ok(proof::shaped(seen)) }
    }

    /// Ends a cut or a shape.
    pub(super) async fn end(&self, name: &str) -> Result<ChangedLinks, LinksError> {
        let mut device = self.turn.lock().await;
        let old = self.states().clone();
        let mut new = old.clone();
        let (NamedTreatment { directions, what, .. }, transitions) =
            new.end(name).ok_or_else(|| LinksError::NotInForce(name.to_owned()))?;
        let before = match what {
            _ if directions.is_empty() => Err(NO_LINK.to_owned()),
            Treatment::Cut(_) => {
                self.prober.prove(Expected::of(&directions, &old)).await.map(|seen| (seen, String::new()))
            }
            Treatment::Shape(shape) => self.see_done(device.as_mut(), (name, shape), &directions, &old).await,
        };
        let Changed { began, done, .. } = self.change(&mut device, (&directions, &transitions), &new).await?;
        let change = match what {
            Treatment::Cut(_) => LinkChange::HealCut,
            Treatment::Shape(_) => LinkChange::HealShape,
        };
        let links = self.links(&directions);
        self.publish(name, change, &links, (began, done));
        let after = self.prober.prove(Expected::of(&directions, &new)).await;
        let proof = before.and_then(|(before, did)| {
            after.map(|after| match what {
                Treatment::Cut(_) => proof::healed_cut(before, after),
                Treatment::Shape(_) => proof::healed_shape(before, &did, after),
            })
        });
        Ok(ChangedLinks { links, was: what, began, done, proof })
    }

    /// Sees that a shape which is to end works until now, and what it did.
    async fn see_done(
        &self,
        device: Option<&mut ShapeDevice>,
        (name, shape): (&str, Shape),
        directions: &BTreeSet<Direction>,
        states: &LinkStates,
    ) -> Result<(Proven, String), String> {
        let device = device.ok_or(NO_DEVICE)?;
        let is_own = |direction: &Direction| states.shaper(*direction).is_some_and(|(shaper, _)| shaper == name);
        let own: Vec<_> = directions.iter().copied().filter(is_own).collect();
        let seen = device.see(&self.prober, &own, states).await;
        // Also without a proof: the name may be used again.
        let unread = device.end(name).await;
        let seen = seen?;
        let did = ShapeOutcome { counters: device.counters(&own), unread: unread? };
        Ok((seen, did.told(&shape)?))
    }

    /// Makes the links what they become.
    ///
    /// A link keeps its shape's state in the device for as long as no other shape counts on it, cut or not.
    async fn change(
        &self,
        device: &mut Option<ShapeDevice>,
        (directions, transitions): (&BTreeSet<Direction>, &[Transition]),
        states: &LinkStates,
    ) -> Result<Changed, LinksError> {
        let reshaped = states.reshaped(&self.states(), directions);
        if device.is_none() && !reshaped.is_empty() {
            *device = Some(ShapeDevice::start(self.seed)?);
        }
        // Also when the kernel refuses some of it: what it took must be found when it is healed.
        *self.states() = states.clone();
        let began = self.clock.now();
        // Before the rules change: what has waited arrives before what no longer comes to the device.
        if let Some(device) = device {
            for (direction, shape) in reshaped {
                device.set(direction, shape);
            }
        }
        self.rules.change(transitions).await?;
        // Now that no new connection takes their place.
        let ended = self.sockets.end_rejected(transitions).await;
        Ok(Changed { began, done: self.clock.now(), ended })
    }

    fn publish(&self, name: &str, change: LinkChange, links: &[Link], (began, done): (Instant, Instant)) {
        let (name, links) = (name.to_owned(), links.to_vec());
        let (text, proof, doubt) = (String::new(), None, None);
        let change = NetworkChange { step: None, name, text, change, links, began, done, proof, doubt };
        self.reach.send_modify(|reach| reach.apply(&change));
    }
}
