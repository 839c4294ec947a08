//! What will happen, in order of time; things of the same moment in the order in which they were planned.

use std::collections::BTreeMap;

use swath_model::Instant;

use crate::event::Event;

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    events: BTreeMap<(Instant, u64), Event>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Instant, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    pub(crate) fn next(&mut self) -> Option<(Instant, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }
}
