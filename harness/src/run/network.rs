//! Partitions and shapes: applied, and told with their proof.

use super::engine::Abort;
use crate::evidence::{Journal, LinkChange, NetworkChange, What};
use crate::fault::links::Meant;
use crate::lab::{Disturbance, Disturbed, Lab};
use crate::plan::Plan;
use crate::vocab::{CutBy, Shape};

/// Cuts links, under the name that the plan has for the step.
pub(super) async fn cut(
    plan: &Plan,
    lab: &Lab,
    journal: &Journal,
    step: usize,
    meant: &Meant,
    by: CutBy,
) -> Result<(), Abort> {
    let name = plan.disturbance_name(step);
    let disturbed = lab.cut(&name, &meant.links, by).await?;
    tell(journal, Some(step), name, meant.text.clone(), LinkChange::Cut(by), disturbed);
    Ok(())
}

/// Shapes links, under the name that the plan has for the step.
pub(super) async fn shape(
    plan: &Plan,
    lab: &Lab,
    journal: &Journal,
    step: usize,
    meant: &Meant,
    shape: Shape,
) -> Result<(), Abort> {
    let name = plan.disturbance_name(step);
    let disturbed = lab.shape(&name, &meant.links, shape).await?;
    tell(journal, Some(step), name, meant.text.clone(), LinkChange::Shape(shape), disturbed);
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
        tell(journal, step, name, String::new(), change, disturbed);
    }
    Ok(())
}

fn tell(journal: &Journal, step: Option<usize>, name: String, text: String, change: LinkChange, disturbed: Disturbed) {
    let Disturbed { links, began, done, proof, .. } = disturbed;
    let (proof, doubt) = match proof {
        Ok(proof) => (Some(proof), None),
        Err(doubt) => (None, Some(doubt)),
    };
    journal.record(What::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt }));
}
