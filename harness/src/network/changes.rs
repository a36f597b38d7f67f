//! Cutting, shaping and healing links, one change at a time.

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
use crate::evidence::{Clock, LinkChange, LinksText, NetworkChange, Reach};
use crate::vocab::{HostName, Instant, Link, LinkShape};

/// Why nothing can be proven.
const NO_LINK: &str = "it is about no link";
const ALL_CUT: &str = "every link of it is cut";
const NO_DEVICE: &str = "no device shapes its links";

/// What the kernel did.
struct Changed {
    /// The instant just before the first request to the kernel.
    began: Instant,
    /// The instant just after the kernel carried out the last one.
    done: Instant,
    /// How many open connections the kernel ended because their links are now rejected, or why it ended none.
    ended: io::Result<usize>,
}

/// What is in force on the links, and everything needed to change it.
pub(super) struct LinkChanges {
    ips: BTreeMap<HostName, Ipv4Addr>,
    clock: Clock,
    /// Seeds everything that shapes draw at random.
    seed: u64,
    states: Mutex<LinkStates>,
    reach: watch::Sender<Reach>,
    rules: Rules,
    sockets: Sockets,
    prober: Arc<Prober>,
    /// The shaping device, once a shape has needed it. To change links is to hold this lock.
    turn: tokio::sync::Mutex<Option<ShapeDevice>>,
}

impl LinkChanges {
    /// All links are open. Must be called in the router's namespace, within a tokio runtime.
    pub(super) fn none(
        hosts: &BTreeMap<HostName, (Ipv4Addr, ClientHost)>,
        direct: DirectLinks,
        reach: Reach,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, LinksError> {
        let by_ip = || hosts.values().cloned();
        Ok(Self {
            ips: hosts.iter().map(|(name, (ip, _))| (name.clone(), *ip)).collect(),
            clock,
            seed,
            states: Mutex::default(),
            reach: watch::Sender::new(reach),
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
            Treatment::Cut(_) | Treatment::CutPort(_) => {
                // A probe cannot pass a link that is cut already.
                let open = what.probes(&directions, &old).into_iter().filter(|link| !link.is_cut()).collect();
                self.prober.prove(open).await
            }
            Treatment::Shape(_) => Ok(Proven::default()),
        };
        let Changed { began, done, ended } = self.change(&mut device, (&directions, &transitions), &new).await?;
        let change = match what {
            Treatment::Cut(by) => LinkChange::Cut(by),
            Treatment::CutPort(port) => LinkChange::CutPort(port),
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
            (Ok(before), Treatment::CutPort(port)) => {
                let after = self.prober.prove(what.probes(&directions, &new)).await;
                let others = self.prober.prove(Expected::of(&directions, &new)).await;
                after.and_then(|after| Ok(proof::cut_port(port, before, after, others?)))
            }
            (Ok(_), Treatment::Shape(_)) => self.see_shaped(device.as_mut(), name, &directions, &new).await,
        };
        Ok(ChangedLinks { links, was: what, began, done, proof })
    }

    /// Proves that a new shape has its effect.
    async fn see_shaped(
        &self,
        device: Option<&mut ShapeDevice>,
        name: &str,
        directions: &BTreeSet<Direction>,
        states: &LinkStates,
    ) -> Result<String, String> {
        // It exists, because these links have a shape.
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
            Treatment::Cut(_) | Treatment::CutPort(_) => {
                self.prober.prove(what.probes(&directions, &old)).await.map(|seen| (seen, String::new()))
            }
            Treatment::Shape(shape) => self.see_done(device.as_mut(), (name, shape), &directions, &old).await,
        };
        let Changed { began, done, .. } = self.change(&mut device, (&directions, &transitions), &new).await?;
        let change = match what {
            Treatment::Cut(_) | Treatment::CutPort(_) => LinkChange::HealCut,
            Treatment::Shape(_) => LinkChange::HealShape,
        };
        let links = self.links(&directions);
        self.publish(name, change, &links, (began, done));
        let after = self.prober.prove(what.probes(&directions, &new)).await;
        let proof = before.and_then(|(before, outcome)| {
            after.map(|after| match what {
                Treatment::Cut(_) => proof::healed_cut(before, after),
                Treatment::CutPort(port) => proof::healed_port(port, before, after),
                Treatment::Shape(_) => proof::healed_shape(before, &outcome, after),
            })
        });
        Ok(ChangedLinks { links, was: what, began, done, proof })
    }

    /// Proves that a shape still works just before it ends, and reads what it did.
    async fn see_done(
        &self,
        device: Option<&mut ShapeDevice>,
        (name, shape): (&str, LinkShape),
        directions: &BTreeSet<Direction>,
        states: &LinkStates,
    ) -> Result<(Proven, String), String> {
        let device = device.ok_or(NO_DEVICE)?;
        let is_own = |direction: &Direction| states.shaper(*direction).is_some_and(|(shaper, _)| shaper == name);
        let own: Vec<_> = directions.iter().copied().filter(is_own).collect();
        let seen = device.see(&self.prober, &own, states).await;
        // Even without a proof, because the name may be used again.
        let unread = device.end(name).await;
        let seen = seen?;
        let outcome = ShapeOutcome { counters: device.counters(&own), unread: unread? };
        Ok((seen, outcome.told(&shape)?))
    }

    /// Applies the transitions.
    ///
    /// A link keeps its random sequence and its counters in the device until another shape takes over, whether or not
    /// it is cut meanwhile.
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
        // Recorded even if the kernel then refuses a part of it: healing must find what the kernel did accept.
        *self.states() = states.clone();
        let began = self.clock.now();
        // Before the rules change, so that waiting packets arrive ahead of those that no longer enter the device.
        if let Some(device) = device {
            for (direction, shape) in reshaped {
                device.set(direction, shape);
            }
        }
        self.rules.change(transitions).await?;
        // Only now: earlier, new connections could still replace the ended ones.
        let ended = self.sockets.end_rejected(transitions).await;
        Ok(Changed { began, done: self.clock.now(), ended })
    }

    fn publish(&self, name: &str, change: LinkChange, links: &[Link], (began, done): (Instant, Instant)) {
        let (name, links) = (name.to_owned(), links.to_vec());
        let (text, proof, doubt) = (LinksText::default(), None, None);
        let change = NetworkChange { step: None, name, text, change, links, began, done, proof, doubt };
        self.reach.send_modify(|reach| reach.apply(&change));
    }
}
