//! A timeline with the steps inside of steps in their places: what is done, in the order in which it is done.

use super::Step;
use crate::text::Cursor;

/// Steps inside of a step.
#[derive(Clone, Copy, Debug)]
pub struct InnerSteps<'s> {
    /// The field that holds them.
    pub field: &'static str,
    /// The steps.
    pub steps: &'s [Step],
    /// How many times they are done.
    pub times: u32,
    /// Whether they follow the step that they stand in; else they take its place.
    pub follow: bool,
}

/// A step in its place.
#[derive(Clone, Copy, Debug)]
pub struct FlatStep<'s, 't> {
    /// The step.
    pub step: &'s Step,
    /// Where it is written.
    pub at: Cursor<'t>,
    /// Which time it is done, from 1, and of how many; none for a step that is not repeated.
    pub round: Option<(u32, u32)>,
}

/// How many steps are done in all.
pub fn count(steps: &[Step]) -> usize {
    let of = |step: &Step| match step.kind().inner() {
        None => 1,
        Some(InnerSteps { steps, times, follow, .. }) => {
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            count(steps).saturating_mul(times).saturating_add(usize::from(follow))
        }
    };
    steps.iter().map(of).fold(0, usize::saturating_add)
}

/// The steps in the order in which they are done, at most `limit` of them. `at` is where the list of them stands.
pub fn flatten<'s, 't>(steps: &'s [Step], at: Cursor<'t>, limit: usize) -> Vec<FlatStep<'s, 't>> {
    let mut flat = Vec::new();
    extend(&mut flat, steps, at, None, limit);
    flat
}

fn extend<'s, 't>(
    flat: &mut Vec<FlatStep<'s, 't>>,
    steps: &'s [Step],
    at: Cursor<'t>,
    round: Option<(u32, u32)>,
    limit: usize,
) {
    for (index, step) in steps.iter().enumerate() {
        let at = at.index(index);
        let inner = step.kind().inner();
        if inner.is_none_or(|inner| inner.follow) && flat.len() < limit {
            flat.push(FlatStep { step, at, round });
        }
        let Some(InnerSteps { field, steps, times, .. }) = inner else { continue };
        for time in 1..=times {
            if flat.len() >= limit || steps.is_empty() {
                break;
            }
            let round = if times > 1 { Some((time, times)) } else { round };
            extend(flat, steps, at.field(field), round, limit);
        }
    }
}
