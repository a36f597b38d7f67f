//! Partitions and shapes: applied, and told with their proof.

use super::engine::Abort;
use crate::evidence::{EventKind, Journal, LinkChange, LinksText, NetworkChange};
use crate::fault::links::Meant;
use crate::lab::{Disturbance, Disturbed, Lab};
use crate::plan::Plan;

/// Cuts or shapes links, under the name that the plan has for the step.
pub(super) async fn begin(
    plan: &Plan,
    lab: &Lab,
    journal: &Journal,
    step: usize,
    meant: &Meant,
    what: Disturbance,
) -> Result<(), Abort> {
    let name = plan.disturbance_name(step);
    let (disturbed, change) = match what {
        Disturbance::Cut(by) => (lab.cut(&name, &meant.links, by).await?, LinkChange::Cut(by)),
        Disturbance::Shape(shape) => (lab.shape(&name, &meant.links, shape).await?, LinkChange::Shape(shape)),
    };
    tell(journal, Some(step), name, meant.text.clone(), change, disturbed);
    Ok(())
}

/// Ends the partition or shape of that name; all of them, the latest first, if none is said.
pub(super) async fn heal(lab: &Lab, journal: &Journal, step: Option<usize>, name: Option<&str>) -> Result<(), Abort> {
    let active = lab.disturbances();
    let names = active.into_iter().rev().filter(|active| name.is_none_or(|name| name == active));
    for name in names {
        let disturbed = lab.heal(&name).await?;
        let change = match disturbed.was {
            Disturbance::Cut(_) => LinkChange::HealCut,
            Disturbance::Shape(_) => LinkChange::HealShape,
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
    disturbed: Disturbed,
) {
    let Disturbed { links, began, done, proof, .. } = disturbed;
    let (proof, doubt) = match proof {
        Ok(proof) => (Some(proof), None),
        Err(doubt) => (None, Some(doubt)),
    };
    journal.record(EventKind::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt }));
}
