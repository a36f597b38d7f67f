//! The changes of links, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::device::Device;
use super::disturbed::{self, Disturbed};
use crate::evidence::{Clock, LinkChange, NetworkChange, Reach};
use crate::lab::network::lanes::Lanes;
use crate::lab::network::links::{Disturbance, InForce, LinkStates, State, Transition, Way};
use crate::lab::network::probe::{Expected, Prober, Proven};
use crate::lab::network::rules::Rules;
use crate::lab::network::sockets::Sockets;
use crate::lab::{ClientHost, LabError, LinkCounters};
use crate::vocab::{HostName, Instant, Link};

/// Why nothing can be proven.
const NO_LINK: &str = "it is about no link";
const ALL_CUT: &str = "every link of it is cut";

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
pub(in crate::lab) struct Disturbances {
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
    turn: tokio::sync::Mutex<Option<Device>>,
}

impl Disturbances {
    /// Nothing is disturbed. The calling thread must be in the router's namespace, within a runtime.
    pub(in crate::lab) fn none(
        hosts: &BTreeMap<HostName, (Ipv4Addr, ClientHost)>,
        lanes: Lanes,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, LabError> {
        let by_ip = || hosts.values().cloned();
        Ok(Self {
            ips: hosts.iter().map(|(name, (ip, _))| (name.clone(), *ip)).collect(),
            clock,
            seed,
            states: Mutex::default(),
            reach: watch::Sender::new(Reach::default()),
            rules: Rules::connect(by_ip(), lanes)?,
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

    fn way(&self, link: &Link) -> Result<Way, LabError> {
        let ip = |host: &HostName| self.ips.get(host).copied().ok_or_else(|| LabError::NoSuchHost(host.clone()));
        Ok(Way { from: ip(&link.from)?, to: ip(&link.to)? })
    }

    fn links(&self, ways: &BTreeSet<Way>) -> Vec<Link> {
        let named: BTreeMap<_, _> = self.ips.iter().map(|(name, ip)| (*ip, name)).collect();
        let link = |way: &Way| Some(Link::new((*named.get(&way.from)?).clone(), (*named.get(&way.to)?).clone()));
        let links: BTreeSet<_> = ways.iter().filter_map(link).collect();
        links.into_iter().collect()
    }

    /// Puts a cut or a shape in force.
    pub(super) async fn begin(
        &self,
        name: &str,
        links: &BTreeSet<Link>,
        what: Disturbance,
    ) -> Result<Disturbed, LabError> {
        let ways = links.iter().map(|link| self.way(link)).collect::<Result<BTreeSet<_>, _>>()?;
        let mut device = self.turn.lock().await;
        let old = self.states().clone();
        let mut new = old.clone();
        let transitions = new.begin(name, &ways, what).ok_or_else(|| LabError::NameInForce(name.to_owned()))?;
        let before = match what {
            Disturbance::Cut(_) => {
                // What is cut already cannot be seen to pass.
                let open = Expected::of(&ways, &old).into_iter().filter(|link| !link.is_cut()).collect();
                self.prober.prove(open).await
            }
            Disturbance::Shape(_) => Ok(Proven::default()),
        };
        let Changed { began, done, ended } = self.change(&mut device, &transitions, &new).await?;
        let mut disturbed = Disturbed { links: self.links(&ways), was: what, began, done, proof: None };
        let change = match what {
            Disturbance::Cut(by) => LinkChange::Cut(by),
            Disturbance::Shape(shape) => LinkChange::Shape(shape),
        };
        self.publish(name, change, &disturbed);
        let proof = match before {
            Ok(before) => self.see_begun(device.as_ref(), (&ways, what), &new, (before, ended)).await,
            Err(why) => Err(why),
        };
        disturbed.proof = told(name, proof);
        Ok(disturbed)
    }

    /// Sees what a cut or a shape does that has begun.
    async fn see_begun(
        &self,
        device: Option<&Device>,
        (ways, what): (&BTreeSet<Way>, Disturbance),
        states: &LinkStates,
        (before, ended): (Proven, io::Result<usize>),
    ) -> Result<String, String> {
        match what {
            _ if ways.is_empty() => Err(NO_LINK.to_owned()),
            Disturbance::Cut(by) => {
                let after = self.prober.prove(Expected::of(ways, states)).await?;
                Ok(disturbed::cut(by, before, after, &ended))
            }
            Disturbance::Shape(_) => {
                let shaped = ways.iter().copied().filter(|way| matches!(states.state(*way), State::Shaped(_)));
                let (Some(device), shaped) = (device, shaped.collect::<Vec<_>>()) else {
                    return Err(ALL_CUT.to_owned());
                };
                if shaped.is_empty() {
                    return Err(ALL_CUT.to_owned());
                }
                self.watch_shaping(device, &shaped).await?;
                Ok(disturbed::shaped(shaped.len()))
            }
        }
    }

    /// Ends a cut or a shape.
    pub(super) async fn end(&self, name: &str) -> Result<Disturbed, LabError> {
        let mut device = self.turn.lock().await;
        let old = self.states().clone();
        let mut new = old.clone();
        let (InForce { ways, what, .. }, transitions) =
            new.end(name).ok_or_else(|| LabError::NotInForce(name.to_owned()))?;
        let before = match what {
            Disturbance::Cut(_) => self.prober.prove(Expected::of(&ways, &old)).await,
            Disturbance::Shape(_) => Ok(Proven::default()),
        };
        let did = shaped_by(device.as_ref(), &transitions);
        let Changed { began, done, .. } = self.change(&mut device, &transitions, &new).await?;
        let mut disturbed = Disturbed { links: self.links(&ways), was: what, began, done, proof: None };
        let change = match what {
            Disturbance::Cut(_) => LinkChange::HealCut,
            Disturbance::Shape(_) => LinkChange::HealShape,
        };
        self.publish(name, change, &disturbed);
        let after = self.prober.prove(Expected::of(&ways, &new)).await;
        let proof = before.and_then(|before| match what {
            _ if ways.is_empty() => Err(NO_LINK.to_owned()),
            Disturbance::Cut(_) => after.map(|after| disturbed::healed_cut(before, after)),
            Disturbance::Shape(_) => after.map(|after| disturbed::healed_shape(after, did)),
        });
        disturbed.proof = told(name, proof);
        Ok(disturbed)
    }

    /// Makes the links what they become.
    async fn change(
        &self,
        device: &mut Option<Device>,
        transitions: &[Transition],
        states: &LinkStates,
    ) -> Result<Changed, LabError> {
        for Transition { way, new, .. } in transitions {
            if let State::Shaped(shape) = new {
                let device = match device {
                    Some(started) => started,
                    None => device.insert(Device::start(self.seed)?),
                };
                device.set(*way, *shape);
            }
        }
        // Also when the kernel refuses some of it: what it took must be found when it is healed.
        *self.states() = states.clone();
        let began = self.clock.now();
        self.rules.change(transitions).await?;
        // Now that no new connection takes their place.
        let ended = self.sockets.end_rejected(transitions).await;
        let done = self.clock.now();
        for Transition { way, old, new } in transitions {
            if let (State::Shaped(_), State::Open | State::Cut(_), Some(device)) = (old, new, device.as_ref()) {
                device.clear(*way);
            }
        }
        Ok(Changed { began, done, ended })
    }

    fn publish(&self, name: &str, change: LinkChange, disturbed: &Disturbed) {
        let change = NetworkChange {
            step: None,
            name: name.to_owned(),
            text: String::new(),
            change,
            links: disturbed.links.clone(),
            began: disturbed.began,
            done: disturbed.done,
            proof: None,
        };
        self.reach.send_modify(|reach| reach.apply(&change));
    }

    /// Sees packets of each of these links come to the device (2 s at most).
    async fn watch_shaping(&self, device: &Device, ways: &[Way]) -> Result<(), String> {
        let before: Vec<_> = ways.iter().map(|way| (*way, device.counters(*way).seen)).collect();
        for _ in 0..Prober::TRIES {
            self.prober.knock(ways).await?;
            if before.iter().all(|(way, seen)| device.counters(*way).seen > *seen) {
                return Ok(());
            }
        }
        Err("not every probe came to the device that shapes".to_owned())
    }
}

/// What became of the packets of links that are shaped until now.
fn shaped_by(device: Option<&Device>, transitions: &[Transition]) -> LinkCounters {
    let shaped = transitions.iter().filter(|transition| matches!(transition.old, State::Shaped(_)));
    let counters = shaped.filter_map(|transition| Some(device?.counters(transition.way)));
    counters.fold(LinkCounters::default(), LinkCounters::plus)
}

/// A proof; if there is none, says why in the lab's log.
fn told(name: &str, proof: Result<String, String>) -> Option<String> {
    proof.map_err(|why| writeln!(io::stderr(), "no proof of `{name}`: {why}")).ok()
}
