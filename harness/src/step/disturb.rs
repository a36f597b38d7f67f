//! What partitions and shapes have in common: what can be wrong with them, how they begin and end, and how that is told with
//! its proof.

use super::LinkDisturbance;
use super::error::{Abort, StepEnd};
use super::links::Links;
use super::stage::Stage;
use crate::evidence::{EventKind, Journal, LinkChange, LinksText, NetworkChange};
use crate::network::{ChangedLinks, Treatment};
use crate::provider::Provider;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};

/// Reports what is wrong with the links and the name.
pub(super) fn check(checker: &mut Checker<'_>, links: &Links, name: Option<&str>, at: Cursor<'_>) {
    links.check(checker, at.field("links"));
    if let Some(name) = name {
        checker.check_label(name, at.field("name"));
    }
}

/// Notes that links are disturbed from this step on; reported if nobody can be chosen, or the name is taken.
pub(super) fn follow<'a>(
    checker: &mut Checker<'a>,
    foreseen: &mut Foreseen<'a>,
    disturbance: Option<LinkDisturbance<'_>>,
    at: Cursor<'a>,
) {
    let Some(disturbance) = disturbance else { return };
    let target = disturbance.links.kind().target();
    if let Some(selector) = target.filter(|target| target.node.is_none()).and_then(|target| target.select) {
        selector.kind().check_anybody(checker, foreseen, at.field("links").field("select"));
    }
    let name = foreseen.disturbance_names.next(disturbance.noun, disturbance.name);
    foreseen.disturbed = true;
    if let Some((_, first)) = foreseen.disturbances.iter().find(|(active, _)| *active == name) {
        let first = first.head();
        let problem = Problem::new(at.field("name").head(), format!("`{name}` is still in force"));
        checker.report(problem.also(first, "since here").help("`Heal` it first, or take another name"));
    } else {
        foreseen.disturbances.push((name, at));
    }
}

/// Cuts or shapes links, under the name that the plan has for the step.
pub(super) async fn begin(
    stage: &mut Stage<'_>,
    index: usize,
    links: &Links,
    what: Treatment,
) -> Result<StepEnd, Abort> {
    let chosen = stage.chosen_links(index, links).await?;
    let name = stage.disturbance_names.get(index).cloned().flatten().unwrap_or_default();
    let (disturbed, change) = match what {
        Treatment::Cut(by) => (stage.servers.provider().cut(&name, &chosen.links, by).await?, LinkChange::Cut(by)),
        Treatment::CutPort(port) => {
            (stage.servers.provider().cut_port(&name, &chosen.links, port).await?, LinkChange::CutPort(port))
        }
        Treatment::Shape(shape) => {
            (stage.servers.provider().shape(&name, &chosen.links, shape).await?, LinkChange::Shape(shape))
        }
    };
    tell(stage.journal, Some(index), name, chosen.text, change, disturbed);
    Ok(StepEnd::Done)
}

/// Ends the partition or shape of that name; all of them, the latest first, if none is said.
pub async fn heal(
    provider: &dyn Provider,
    journal: &Journal,
    step: Option<usize>,
    name: Option<&str>,
) -> Result<(), Abort> {
    let active = provider.link_changes_in_force();
    let names = active.into_iter().rev().filter(|active| name.is_none_or(|name| name == active));
    for name in names {
        let disturbed = provider.heal(&name).await?;
        let change = match disturbed.was {
            Treatment::Cut(_) | Treatment::CutPort(_) => LinkChange::HealCut,
            Treatment::Shape(_) => LinkChange::HealShape,
        };
        tell(journal, step, name, LinksText::default(), change, disturbed);
    }
    Ok(())
}

fn tell(
    journal: &Journal,
    step: Option<usize>,
    name: String,
    text: LinksText,
    change: LinkChange,
    disturbed: ChangedLinks,
) {
    let ChangedLinks { links, began, done, proof, .. } = disturbed;
    let (proof, doubt) = match proof {
        Ok(proof) => (Some(proof), None),
        Err(doubt) => (None, Some(doubt)),
    };
    journal.record(EventKind::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt }));
}
