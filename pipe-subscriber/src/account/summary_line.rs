//! The text of a summary.

use std::fmt;

use log::Level;
use record_proto::Levels;

#[cfg(feature = "capture")]
use super::captured::CapturedStream;
use super::reasons::{FILTER_OFF, NOT_ADOPTED};
use super::summary::{StreamEnd, Summary};

/// Formats the summary as one line.
///
/// If nothing was lost, it is `all 1,234 records received`. Otherwise every figure that is not zero is shown, the worst
/// first: `1 process did not close and may have logged more, 3 missing, 20 dropped (info 20), 1,211 records received`.
/// The exit status of the child comes last, if it is known.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.faults();
        parts.push(match (self.received, parts.is_empty()) {
            (0, _) => "no records received".to_owned(),
            (1, _) => "1 record received".to_owned(),
            (received, true) => format!("all {} records received", Grouped(received)),
            (received, false) => format!("{} records received", Grouped(received)),
        });
        #[cfg(feature = "capture")]
        parts.extend(self.captured_lines());
        if self.suppressed > 0 {
            let levels = by_level(&self.suppressed_by_level);
            parts.push(format!("{} suppressed{levels}", Grouped(self.suppressed)));
        }
        parts.extend(self.exit_status.map(|status| status.to_string()));
        f.write_str(&parts.join(", "))
    }
}

impl Summary {
    /// Returns the parts of the line that report a problem, the worst first.
    fn faults(&self) -> Vec<String> {
        // A child cannot produce these texts, because reasons quote nothing that a child sent.
        let is_shown = |reason: &&String| [NOT_ADOPTED, FILTER_OFF].contains(&reason.as_str());
        let mut faults: Vec<_> = self.reasons.iter().filter(is_shown).cloned().collect();
        faults.extend(match self.end {
            StreamEnd::Corrupt => Some("the stream is corrupt".to_owned()),
            StreamEnd::Truncated => Some("the stream ends inside a frame".to_owned()),
            StreamEnd::HeldOpen => Some("another process holds the pipe".to_owned()),
            StreamEnd::Open => Some("the stream has not ended".to_owned()),
            StreamEnd::Clean | StreamEnd::Eof => None,
        });
        if self.end != StreamEnd::Open {
            faults.extend(match self.unclosed {
                0 => None,
                1 => Some("1 process did not close and may have logged more".to_owned()),
                more => Some(format!(
                    "{} processes did not close and may have logged more",
                    Grouped(more)
                )),
            });
        }
        let levels = by_level(&self.dropped_by_level);
        for (count, noun) in [
            (self.missing, "missing"),
            (self.dropped, &*format!("dropped{levels}")),
            (self.malformed, "malformed"),
            (self.evicted, "given up for want of memory"),
            (self.incomplete, "incomplete"),
            (self.unknown, "of unknown kinds"),
            (self.logger_panics, "panics of the logger"),
            (self.in_flight, "calls in flight"),
            (self.held_back, "held back"),
        ] {
            if count > 0 {
                faults.push(format!("{} {noun}", Grouped(count)));
            }
        }
        faults
    }
}

#[cfg(feature = "capture")]
impl Summary {
    /// Returns the part of the line that reports the captured lines, if there are any.
    fn captured_lines(&self) -> Option<String> {
        let sum = |figure: fn(&CapturedStream) -> u64| self.captured.iter().map(figure).sum();
        let lines = match sum(|stream| stream.lines) {
            0 => return None,
            1 => "1 line captured".to_owned(),
            lines => format!("{} lines captured", Grouped(lines)),
        };
        Some(match sum(|stream| stream.cut) {
            0 => lines,
            cut => format!("{lines} ({} cut)", Grouped(cut)),
        })
    }
}

/// Returns ` (warn 1, info 19)`, or an empty text if no levels are known.
fn by_level(levels: &Levels) -> String {
    let named = Level::iter().filter(|&level| levels.of(level) > 0);
    let named: Vec<_> = named
        .map(|level| {
            let name = level.as_str().to_ascii_lowercase();
            format!("{name} {}", Grouped(levels.of(level)))
        })
        .collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(" ({})", named.join(", ")),
    }
}

/// Formats a number with a comma between each three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}
