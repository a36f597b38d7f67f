//! One port of the links between hosts, cut and healed, as sockets on the hosts see it. It takes no server.

use std::collections::BTreeSet;

use harness::provider::Provider;
use harness::vocab::{CutBy, LinkShape, ServerPort};
use rtnetlink::packet_route::rule::RuleAction;

use super::links::{
    Done, both, connect, connect_at, connection, connection_at, expect, link, passes, proof, remove_rules,
};

const CLOSED: u16 = *ServerPort::Bus.ranges()[0].start();
const OPEN: u16 = *ServerPort::Clients.ranges()[0].start();

/// The connections of the port fall silent, whoever opened them, and those of the other port go on. One direction is enough.
pub(super) async fn one_port(lab: &dyn Provider) -> Done {
    let (mut a_to_b, mut b_accepted, _of_b) = connection_at(lab, "A", "B", CLOSED).await?;
    let (mut b_to_a, mut a_accepted, _of_a) = connection_at(lab, "B", "A", CLOSED).await?;
    let (mut other, mut other_accepted, _of_other) = connection_at(lab, "A", "B", OPEN).await?;
    let cut = lab.cut_port("bus", &BTreeSet::from([link("A", "B")]), ServerPort::Bus).await?;
    proof(
        &cut,
        "2 probes to and from the bus port vanished on 1 link that had passed them before, and 1 probe of another port passed",
    )?;
    expect("what A asks passes", &passes(&mut a_to_b, &mut b_accepted).await?, &false)?;
    expect("what B asks passes", &passes(&mut b_to_a, &mut a_accepted).await?, &true)?;
    expect("what A answers passes", &passes(&mut a_accepted, &mut b_to_a).await?, &false)?;
    expect("what passes on the other port", &passes(&mut other, &mut other_accepted).await?, &true)?;
    expect("what comes back on the other port", &passes(&mut other_accepted, &mut other).await?, &true)?;
    expect("a new connection of A", &connect_at(lab, "A", "B", CLOSED).await.is_err(), &true)?;
    expect("a new connection of B", &connect_at(lab, "B", "A", CLOSED).await.is_err(), &true)?;
    connect_at(lab, "A", "B", OPEN).await?;
    let on_bus = lab.reach().borrow().nodes_connected(&"A".into(), &"B".into(), ServerPort::Bus);
    let asks = lab.reach().borrow().connected(&"A".into(), &"B".into());
    expect("who reaches whom", &(on_bus, asks), &(false, true))?;
    let healed = lab.heal("bus").await?;
    proof(&healed, "2 probes to and from the bus port vanished on 1 link just before the end, and 2 passed after it")?;
    connect_at(lab, "A", "B", CLOSED).await?;
    expect("all is whole", &lab.reach().borrow().is_whole(), &true)
}

/// Cuts of links, cuts of ports and shapes on the same links; each ends by itself.
pub(super) async fn overlap(lab: &dyn Provider) -> Done {
    let (links, shape) =
        (both("A", "B"), LinkShape { delay: harness::vocab::Duration::from_millis(20), ..LinkShape::default() });
    lab.shape("slow", &links, shape).await?;
    let (_opened, _accepted, _of_closed) = connection_at(lab, "A", "B", CLOSED).await?;
    let (_opened, _accepted, _of_other) = connection(lab, "A", "B").await?;
    let cut = lab.cut_port("bus", &links, ServerPort::Bus).await?;
    proof(
        &cut,
        "4 probes to and from the bus port vanished on 2 links that had passed them before, and 2 probes of another port passed",
    )?;
    let wide: BTreeSet<_> = links.iter().cloned().chain(both("A", "A1")).collect();
    lab.cut("wide", &wide, CutBy::Drop).await?;
    let cut = lab.cut_port("clients", &wide, ServerPort::Clients).await?;
    proof(
        &cut,
        "24 probes to and from the client port vanished on 4 links that were cut already, and 0 probes of another port passed; \
         4 links cut by others",
    )?;
    lab.heal("clients").await?.proof?;
    // Its rule must not take the port's with it.
    proof(&lab.heal("wide").await?, "4 probes vanished on 4 links just before the end, and 4 passed after it")?;
    expect("a connection of the port", &connect_at(lab, "A", "B", CLOSED).await.is_err(), &true)?;
    connect(lab, "A", "B").await?;
    lab.heal("slow").await?.proof?;
    expect("a connection of the port", &connect_at(lab, "A", "B", CLOSED).await.is_err(), &true)?;
    let healed = lab.heal("bus").await?;
    proof(&healed, "4 probes to and from the bus port vanished on 2 links just before the end, and 4 passed after it")?;
    connect_at(lab, "A", "B", CLOSED).await.map(drop)?;
    expect("in force", &lab.link_changes_in_force(), &Vec::new())
}

/// A rule that beats the lab's own lets packets pass; rules of the lab's own are gone; another rule stops what must pass.
pub(super) async fn unproven(lab: &dyn Provider) -> Done {
    let (netlink, kernel, _) = rtnetlink::new_connection()?;
    tokio::spawn(netlink);
    let rule = || {
        let rule = kernel.rule().add().v4().source_prefix(super::links::ip("A"), 32);
        rule.destination_prefix(super::links::ip("B"), 32).priority(50)
    };
    let leak = rule().table_id(254).action(RuleAction::ToTable);
    leak.execute().await?;
    let cut = lab.cut_port("leaky", &both("A", "B"), ServerPort::Bus).await?;
    expect("the proof of a cut that leaks", &cut.proof.is_ok(), &false)?;
    remove_rules(&kernel, 50).await?;
    expect("the proof of an end", &lab.heal("leaky").await?.proof.is_ok(), &true)?;
    let cut = lab.cut_port("lost", &both("A", "B"), ServerPort::Bus).await?;
    expect("the proof of a cut", &cut.proof.is_ok(), &true)?;
    remove_rules(&kernel, 150).await?;
    expect("the proof of the end of a cut that is gone", &lab.heal("lost").await?.proof.is_ok(), &false)?;
    rule().action(RuleAction::Blackhole).execute().await?;
    let cut = lab.cut_port("too much", &both("A", "B"), ServerPort::Bus).await?;
    let reason = "no probe arrives on 10.128.0.2 -> 10.128.0.3".to_owned();
    expect("the proof of a cut that stops everything", &cut.proof.as_deref(), &Err(&reason))?;
    remove_rules(&kernel, 50).await?;
    lab.heal("too much").await?;
    expect("links are whole", &lab.reach().borrow().is_whole(), &true)
}
