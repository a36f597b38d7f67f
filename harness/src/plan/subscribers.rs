//! What is wrong with the subscribers of a load.

use crate::load::Load;
use crate::scenario::{SUBSCRIBERS_MAX, SUBSCRIPTIONS_MAX};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;

impl Checker<'_> {
    /// Who hears what the load publishes.
    pub(super) fn check_subscribers(&mut self, load: &Load, at: Cursor<'_>) {
        let (field, from) = (at.field("subscribers"), at.field("subscribers_from"));
        let Some(subscribers) = load.subscribers else {
            if load.subscribers_from.is_some() {
                let problem = Problem::new(from.head(), "the load has no subscribers that could come from there");
                self.report(problem.help("write how many: `subscribers: 4`"));
            }
            return;
        };
        let channels = u32::try_from(load.channel_types().len()).unwrap_or(u32::MAX).saturating_mul(load.keys.count());
        if !(1..=SUBSCRIBERS_MAX).contains(&subscribers) {
            let message = format!("a load has 1 to {SUBSCRIBERS_MAX} subscribers, not {subscribers}");
            let problem = Problem::new(field.head(), message);
            self.report(if subscribers == 0 { problem.help("leave `subscribers` out") } else { problem });
        } else if load.channel_types().is_empty() {
            let problem = Problem::new(field.head(), "the load publishes nothing that they could hear");
            self.report(problem.help("add to its mix `Publish(value: \"16B\")`, or `Spublish(value: \"16B\")`"));
        } else if u32::from(subscribers).saturating_mul(channels) > SUBSCRIPTIONS_MAX {
            let message = format!("{subscribers} subscribers to each of {channels} channels are too many");
            let problem = Problem::new(field.head(), message).also(at.field("keys").head(), "so many channels");
            self.report(problem.help(format!("a load has at most {SUBSCRIPTIONS_MAX} subscriptions in all")));
        }
        if load.threads() > 1 {
            let problem = Problem::new(at.field("threads").head(), "a load with subscribers lives on one thread");
            self.report(problem.help("leave `threads` out, or divide the work over several loads"));
        }
        if let Some(host) = &load.subscribers_from {
            self.check_host_name(host, from);
        }
    }
}
