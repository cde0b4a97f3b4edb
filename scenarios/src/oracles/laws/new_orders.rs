//! `manager.new-orders` (M4): a CA creates no more orders for its clients than the scenario allows.
//!
//! `at-most` of them in any stretch as long as `per`, or in the whole run. Without `at-most` it only counts.

use std::collections::VecDeque;

use crate::oracles::{
    law::{Law, Seen, Settings, Verdict, in_words},
    reader::{http::Moment, step::Resource},
};

/// The law.
#[derive(Debug)]
pub(crate) struct NewOrders {
    at_most: usize,
    per_ns: u64,
    /// When the latest were created, as many as matter.
    latest_ns: VecDeque<u64>,
}

impl NewOrders {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            at_most: settings.at_most.map_or(usize::MAX, |most| most as usize),
            per_ns: settings.per.map_or(u64::MAX, |per| u64::try_from(per.as_nanos()).unwrap_or(u64::MAX)),
            latest_ns: VecDeque::new(),
        }
    }
}

impl Law for NewOrders {
    fn observe(&mut self, seen: &Seen<'_>, verdict: &mut Verdict) {
        let Some(step) = seen.step() else { return };
        if step.moment != Moment::Answered || step.resource != Resource::NewOrder || step.status() != 201 {
            return;
        }
        verdict.exercise(seen.moment);
        if self.at_most == usize::MAX {
            return;
        }
        let now_ns = seen.moment.at_ns;
        self.latest_ns.push_back(now_ns);
        while self.latest_ns.front().is_some_and(|first| now_ns - first >= self.per_ns) {
            self.latest_ns.pop_front();
        }
        if self.latest_ns.len() > self.at_most {
            let per = match self.per_ns {
                u64::MAX => "in the whole run".to_owned(),
                per_ns => format!("in {}", in_words(std::time::Duration::from_nanos(per_ns))),
            };
            verdict.find(
                seen.moment,
                format!(
                    "at most {} orders should be created {per}, and this is number {}",
                    self.at_most,
                    self.latest_ns.len()
                ),
            );
            self.latest_ns.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::oracles::{law::Settings, testing::Story};

    fn two_orders() -> Story {
        let mut story = Story::new();
        story.new_order(&["a.test"]);
        story.wait(60);
        story.new_order(&["b.test"]);
        story
    }

    #[test]
    fn orders_are_counted_and_too_many_are_found() {
        let story = two_orders();
        let with = |at_most, per| Settings { at_most, per, ..Settings::default() };
        assert_eq!(story.verdict("manager.new-orders").exercised().total(), 2);
        assert_eq!(story.verdict_with("manager.new-orders", with(Some(2), None)).findings_total(), 0);
        let verdict = story.verdict_with("manager.new-orders", with(Some(1), None));
        assert!(verdict.findings()[0].message.contains("this is number 2"), "{verdict:?}");
        let verdict = story.verdict_with("manager.new-orders", with(Some(1), Some(Duration::from_secs(60))));
        assert_eq!(verdict.findings_total(), 0, "they are as far apart as that");
    }
}
