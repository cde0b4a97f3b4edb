//! `manager.no-hot-loop` (M6): nothing of an order is asked for again and again without a pause.
//!
//! So many requests to one order, authorization, challenge, finalize or certificate URL, or for one certificate's renewal
//! information, in so short a time are a loop, whatever Retry-After says: 0 is no invitation.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::KEPT_MAX;
use crate::oracles::{
    law::{Law, Seen, Settings, Verdict, in_words},
    reader::{http::Moment, place::Place, step::Resource},
    recent::Recent,
};

const AT_MOST: usize = 10;
const PER: Duration = Duration::from_secs(10);

/// The law.
#[derive(Debug)]
pub(crate) struct NoHotLoop {
    at_most: usize,
    per: Duration,
    sent_ns: Recent<(Option<Arc<str>>, Place), VecDeque<u64>>,
}

impl NoHotLoop {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            at_most: settings.at_most.map_or(AT_MOST, |most| most as usize),
            per: settings.per.unwrap_or(PER),
            sent_ns: Recent::new(KEPT_MAX),
        }
    }
}

impl Law for NoHotLoop {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step().filter(|step| step.moment == Moment::Sent) else { return };
        let is_one_thing = match step.resource {
            Resource::Order
            | Resource::Authorization
            | Resource::Challenge { .. }
            | Resource::Finalize { .. }
            | Resource::Certificate { .. }
            | Resource::RenewalInfo { .. } => true,
            Resource::Directory
            | Resource::NewNonce
            | Resource::NewAccount
            | Resource::NewAuthorization
            | Resource::NewOrder
            | Resource::RevokeCertificate
            | Resource::KeyChange
            | Resource::Account
            | Resource::Http01 { .. }
            | Resource::Other => false,
        };
        if !is_one_thing {
            return;
        }
        verdict.exercise(seen.moment);
        let now_ns = seen.moment.at_ns;
        let sent_ns = self.sent_ns.get_or_insert_with((step.client.clone(), step.place.clone()), VecDeque::new);
        sent_ns.push_back(now_ns);
        while sent_ns.front().is_some_and(|first| u128::from(now_ns - first) >= self.per.as_nanos()) {
            sent_ns.pop_front();
        }
        if sent_ns.len() > self.at_most {
            let (client, place, most, per) = (step.client_name(), &step.place, self.at_most, in_words(self.per));
            verdict.find(
                seen.moment,
                format!("{client} should ask {place} at most {most} times in {per}, but asked once more"),
            );
            sent_ns.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::oracles::testing::Story;

    const LAW: &str = "manager.no-hot-loop";

    #[test]
    fn looking_again_and_again_without_a_pause_is_found() {
        for (pause, is_loop) in [(1, false), (0, true)] {
            let mut story = Story::new();
            let order = story.new_order(&["a.test"]);
            for _ in 0..15 {
                story.authorization("a.test", order, "pending");
                story.wait(pause);
            }
            if is_loop { story.breaks(LAW, "at most 10 times in 10s") } else { story.keeps(LAW) }
        }
    }
}
