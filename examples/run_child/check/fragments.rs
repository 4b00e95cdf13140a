//! `Fragments`: joins records, and applies the rules of their pieces.

use std::collections::HashMap;

use record_proto::{Fragment, Progress, Reassembler, Rejected};

use super::{
    place::Place,
    rule::{self, Finding},
};

#[derive(Debug, Default)]
pub(crate) struct Fragments {
    reassembler: Reassembler,
    /// The place of the first fragment of each unfinished record, by pid and fragment stream.
    open: HashMap<(Option<u64>, u64), Place>,
    found: Vec<Finding>,
}

impl Fragments {
    /// Takes one fragment, and returns the payload of its record, with the place of its first fragment, once it is
    /// whole.
    pub(crate) fn push(
        &mut self,
        fragment: &Fragment<'_>,
        place: Place,
    ) -> Option<(Place, Vec<u8>)> {
        let key = (fragment.pid, fragment.stream);
        if fragment.index == 0 {
            let unfinished = self.open.insert(key, place);
            self.incomplete(
                unfinished,
                "the next record of its stream begins before its last",
            );
        }
        let first = self.open.get(&key).copied().unwrap_or(place);
        match self.reassembler.push(fragment) {
            Progress::Incomplete => None,
            Progress::Complete(payload) => {
                self.open.remove(&key);
                Some((first, payload))
            }
            Progress::Rejected(why) => {
                let was_open = self.open.remove(&key).is_some();
                self.rejected(why, was_open, place);
                None
            }
            _ => None,
        }
    }

    /// Ends the stream, and returns all that was found. `has_ended`: the processes have ended in good order.
    pub(crate) fn finish(mut self, has_ended: bool) -> Vec<Finding> {
        if has_ended {
            for (_, place) in std::mem::take(&mut self.open) {
                self.incomplete(Some(place), "the stream ends before its last");
            }
        }
        self.found
    }

    fn incomplete(&mut self, first: Option<Place>, text: &str) {
        if let Some(place) = first {
            let text = format!("the fragment of a record that is never whole: {text}");
            self.found
                .push(Finding::new(place, &rule::FRAGMENT_COMPLETE, text));
        }
    }

    fn rejected(&mut self, why: Rejected, was_open: bool, place: Place) {
        let rule = match why {
            Rejected::TooLong { .. } => &rule::FRAGMENT_LENGTH,
            // The later fragments of a record that was given up.
            Rejected::NoStart if !was_open && !self.found.is_empty() => return,
            _ => &rule::FRAGMENT_ORDER,
        };
        self.found.push(Finding::new(place, rule, why.to_string()));
    }
}
