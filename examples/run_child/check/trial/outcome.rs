//! `Outcome`: the result of a trial, with the rules of its end.

use super::{
    super::{
        place::Place,
        rule::{self, Finding},
        scenario::Scenario,
    },
    Trial,
};

/// The result of a run.
pub(crate) struct Outcome {
    pub(crate) found: Vec<Finding>,
    pub(crate) frames: u64,
    pub(crate) records: u64,
}

impl Trial<'_> {
    /// Ends the trial, after the end of the program and of its pipe.
    pub(super) fn finish(mut self) -> Outcome {
        let (frames, records) = self.stream.counts();
        let place = self.place();
        let reads_all = self.scenario.reads_all();
        let was_killed = self.program.was_killed();
        if !was_killed {
            self.found.extend(self.writers.finish());
            self.found.extend(self.program.finding(place));
        }
        if reads_all && frames == 0 && !was_killed && !self.ended_while_full {
            let finding = Finding::new(place, &rule::ADOPT, "no frame came");
            self.found.push(finding);
        }
        let has_ended = reads_all && self.program.has_succeeded();
        let is_whole = reads_all || self.scenario == Scenario::Kill;
        self.finish_rings(has_ended);
        self.found.extend(self.stream.finish(has_ended, is_whole));
        self.found.sort_by_key(Finding::place);
        Outcome {
            found: self.found,
            frames,
            records,
        }
    }

    /// Ends the reading of the buffer. `has_ended`: the program has ended in good order, and everything was read.
    fn finish_rings(&mut self, has_ended: bool) {
        let Some(rings) = &mut self.rings else { return };
        let place = Place::Stream(self.stream.position());
        self.found.extend(rings.finish(has_ended));
        for dropped in rings.take_dropped() {
            self.stream.dropped(&dropped);
        }
        if has_ended {
            self.found.extend(self.bell.finish());
        }
        let is_sealed = self.scenario != Scenario::Unsealed;
        let wrong = rings.use_or_disuse(is_sealed, has_ended);
        let finding = wrong.map(|text| Finding::new(place, &rule::BUFFER, text));
        self.found.extend(finding);
    }
}
