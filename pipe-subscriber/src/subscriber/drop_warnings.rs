//! `DropWarnings`: the warnings about records that a child has dropped.

use std::time::{Duration, Instant};

use record_proto::{Levels, LogRecord};

use super::level_report::report;

/// The least time between two warnings about one child.
const PERIOD: Duration = Duration::from_secs(10);

/// A warning when a child drops records, and then at most one in each [`PERIOD`], with all drops since the one before.
/// The last one may come sooner, at the end of the stream.
///
/// No timer wakes the reader for it: one would need a runtime, which a reader of other streams may not have. So a
/// warning that becomes due while nothing arrives comes with the next input.
#[derive(Debug, Default)]
pub(crate) struct DropWarnings {
    /// The drops that were shown: all, and those whose level is known.
    shown: (u64, Levels),
    last: Option<Instant>,
    due: Option<Instant>,
}

impl DropWarnings {
    /// Notes that there may be new drops.
    pub(crate) fn note(&mut self, now: Instant) {
        self.due
            .get_or_insert(self.last.map_or(now, |last| last + PERIOD));
    }

    /// Returns whether there may be a warning, now or later.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.due.is_some()
    }

    /// Returns a warning if one is due and not all of the drops so far were shown: these are `total`, of which `by_level`
    /// have levels.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        drops: impl FnOnce() -> (u64, Levels),
    ) -> Option<LogRecord<'static>> {
        self.due.take_if(|due| *due <= now)?;
        let drops = drops();
        let new = drops.0.saturating_sub(self.shown.0);
        let mut by_level = drops.1;
        for (count, shown) in by_level.0.iter_mut().zip(self.shown.1.0) {
            *count = count.saturating_sub(shown);
        }
        if new == 0 {
            return None;
        }
        self.shown = drops;
        self.last = Some(now);
        let what = "dropped by the child, which found no room for them";
        Some(report(new, &by_level, what))
    }

    /// Makes a warning about the rest due now. To be called at the end of the stream. Returns whether there may be one.
    pub(crate) fn hurry(&mut self, now: Instant) -> bool {
        self.due = self.due.map(|due| due.min(now));
        self.is_set()
    }

    /// Whether a warning may be due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drops(warn: u64, without_level: u64) -> (u64, Levels) {
        (warn + without_level, Levels([0, warn, 0, 0, 0]))
    }

    /// Returns the message and the key-values of the warning at this time.
    fn warning(warnings: &mut DropWarnings, now: Instant, found: (u64, Levels)) -> Option<String> {
        let record = warnings.take(now, || found)?;
        Some(format!("{} {}", record.message, record.key_values))
    }

    #[test]
    fn the_first_drops_are_shown_at_once_and_then_every_ten_seconds_until_all_are_shown() {
        let (mut warnings, begin) = (DropWarnings::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        let what = "dropped by the child, which found no room for them";
        assert_eq!(warning(&mut warnings, begin, drops(1, 0)), None);
        warnings.note(begin);
        let first = warning(&mut warnings, begin, drops(1, 0));
        assert_eq!(first, Some(format!(r#"1 record {what} {{"warn":1}}"#)));

        for second in 1..10 {
            warnings.note(after(second));
            assert!(warnings.is_set());
            assert_eq!(
                warning(&mut warnings, after(second), drops(second, 0)),
                None
            );
        }
        let second = warning(&mut warnings, after(10), drops(9, 4));
        assert_eq!(second, Some(format!(r#"12 records {what} {{"warn":8}}"#)));
        assert!(!warnings.is_set());
        assert!(!warnings.hurry(after(11)), "all are shown");

        warnings.note(after(11));
        assert_eq!(warning(&mut warnings, after(11), drops(9, 6)), None);
        assert!(warnings.hurry(after(12)));
        let last = warning(&mut warnings, after(12), drops(9, 6));
        assert_eq!(last, Some(format!("2 records {what} {{}}")));
    }

    #[test]
    fn what_is_known_already_is_no_warning() {
        let (mut warnings, now) = (DropWarnings::default(), Instant::now());
        warnings.note(now);
        assert!(warning(&mut warnings, now, drops(3, 0)).is_some());
        warnings.note(now);
        assert!(warnings.hurry(now));
        assert_eq!(warning(&mut warnings, now, drops(3, 0)), None);
    }
}
