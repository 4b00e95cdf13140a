//! The levels that words and numbers stand for.

use log::Level;

/// The words that can only be levels, in small letters.
const WORDS: [(&str, Level); 29] = [
    ("error", Level::Error),
    ("err", Level::Error),
    ("erro", Level::Error),
    ("eror", Level::Error),
    ("fatal", Level::Error),
    ("ftl", Level::Error),
    ("critical", Level::Error),
    ("crit", Level::Error),
    ("severe", Level::Error),
    ("emerg", Level::Error),
    ("pnc", Level::Error),
    ("dpanic", Level::Error),
    ("warn", Level::Warn),
    ("warning", Level::Warn),
    ("wrn", Level::Warn),
    ("info", Level::Info),
    ("inf", Level::Info),
    ("information", Level::Info),
    ("notice", Level::Info),
    ("debug", Level::Debug),
    ("debg", Level::Debug),
    ("dbug", Level::Debug),
    ("dbg", Level::Debug),
    ("trace", Level::Trace),
    ("trce", Level::Trace),
    ("trc", Level::Trace),
    ("finer", Level::Trace),
    ("finest", Level::Trace),
    ("silly", Level::Trace),
];

/// The words that have other uses too.
const AMBIGUOUS: [(&str, Level); 10] = [
    ("fail", Level::Error),
    ("panic", Level::Error),
    ("alert", Level::Error),
    ("emergency", Level::Error),
    ("note", Level::Info),
    ("success", Level::Info),
    ("fine", Level::Debug),
    ("config", Level::Debug),
    ("verbose", Level::Trace),
    ("verb", Level::Trace),
];

/// Returns the level of a word that can only be a level.
pub(super) fn clear_word(word: &str) -> Option<Level> {
    find(&WORDS, word)
}

/// Returns the level of a word that stands where a level is expected.
pub(super) fn any_word(word: &str) -> Option<Level> {
    find(&WORDS, word).or_else(|| find(&AMBIGUOUS, word))
}

fn find(words: &[(&str, Level)], word: &str) -> Option<Level> {
    let is_same = |(name, _): &&(&str, Level)| name.eq_ignore_ascii_case(word);
    words.iter().find(is_same).map(|&(_, level)| level)
}

/// Returns the level of a number: from 10 as pino and bunyan have them, up to 7 as syslog has them.
pub(super) fn number(number: u64) -> Option<Level> {
    Some(match number {
        0..=3 => Level::Error,
        4 => Level::Warn,
        5..=6 => Level::Info,
        7 => Level::Debug,
        8..=9 => return None,
        10..=19 => Level::Trace,
        20..=29 => Level::Debug,
        30..=39 => Level::Info,
        40..=49 => Level::Warn,
        50.. => Level::Error,
    })
}
