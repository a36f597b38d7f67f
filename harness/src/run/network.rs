//! Partitions and shapes: applied, and told with their proof.

use super::engine::Abort;
use crate::evidence::{EventKind, Journal, LinkChange, LinksText, NetworkChange};
use crate::fault::links::Meant;
use crate::network::{ChangedLinks, Treatment};
use crate::plan::Plan;
use crate::provider::Provider;

/// Cuts or shapes links, under the name that the plan has for the step.
pub(super) async fn begin(
    plan: &Plan,
    provider: &dyn Provider,
    journal: &Journal,
    step: usize,
    meant: &Meant,
    what: Treatment,
) -> Result<(), Abort> {
    let name = plan.disturbance_name(step);
    let (changed, change) = match what {
        Treatment::Cut(by) => (provider.cut(&name, &meant.links, by).await?, LinkChange::Cut(by)),
        Treatment::Shape(shape) => (provider.shape(&name, &meant.links, shape).await?, LinkChange::Shape(shape)),
    };
    tell(journal, Some(step), name, meant.text.clone(), change, changed);
    Ok(())
}

/// Ends the partition or shape of that name; all of them, the latest first, if none is said.
pub(super) async fn heal(
    provider: &dyn Provider,
    journal: &Journal,
    step: Option<usize>,
    name: Option<&str>,
) -> Result<(), Abort> {
    let active = provider.link_changes_in_force();
    let names = active.into_iter().rev().filter(|active| name.is_none_or(|name| name == active));
    for name in names {
        let changed = provider.heal(&name).await?;
        let change = match changed.was {
            Treatment::Cut(_) => LinkChange::HealCut,
            Treatment::Shape(_) => LinkChange::HealShape,
        };
        tell(journal, step, name, LinksText::default(), change, changed);
    }
    Ok(())
}

fn tell(
    journal: &Journal,
    step: Option<usize>,
    name: String,
    text: LinksText,
    change: LinkChange,
    changed: ChangedLinks,
) {
    let ChangedLinks { links, began, done, proof, .. } = changed;
    let (proof, doubt) = match proof {
        Ok(proof) => (Some(proof), None),
        Err(doubt) => (None, Some(doubt)),
    };
    journal.record(EventKind::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt }));
}
