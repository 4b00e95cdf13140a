//! The filter stage: decides which records are sent.

use log::{LevelFilter, Metadata};

/// A filter that is written in env_logger's directives.
#[derive(Debug)]
pub(crate) struct Filter {
    directives: env_filter::Filter,
    /// The level of all targets if they have the same one: then a comparison of levels replaces the search for a
    /// directive.
    level_of_all: Option<LevelFilter>,
}

impl Filter {
    /// Parses directives. `None` if they cannot be read, or if there are none.
    ///
    /// env_logger's search in the message, which follows a slash, is refused: it would format each message only for the
    /// filter.
    pub(crate) fn parse(directives: &str) -> Option<Self> {
        let parts = directives.split(',').map(str::trim);
        let mut parts = parts.filter(|part| !part.is_empty()).peekable();
        if directives.contains('/') || parts.peek().is_none() || parts.any(is_mistake) {
            return None;
        }
        let mut builder = env_filter::Builder::new();
        builder.try_parse(directives).ok()?;
        Some(Self {
            directives: builder.build(),
            level_of_all: directives.parse().ok(),
        })
    }

    /// Returns the most verbose level that is enabled for any target.
    pub(crate) fn level(&self) -> LevelFilter {
        self.directives.filter()
    }

    #[inline]
    pub(crate) fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match self.level_of_all {
            Some(level) => metadata.level() <= level,
            None => self.directives.enabled(metadata),
        }
    }
}

/// Words that are meant as a level and are none. env_logger takes each for a target, sends all records of that target,
/// and no others.
const MISTAKEN_LEVELS: [&str; 8] = [
    "all", "critical", "err", "fatal", "none", "verbose", "warning", "warnings",
];

/// Whether a directive would be read as a target that does not exist: it is a mistyped level, or two directives in one.
fn is_mistake(directive: &str) -> bool {
    let is_alone = !directive.contains('=');
    let target = directive.split('=').next().unwrap_or_default().trim();
    target.contains([';', ' ']) || is_alone && is_mistyped_level(&target.to_ascii_lowercase())
}

fn is_mistyped_level(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_misspelt = ["off", "error", "warn", "info", "debug", "trace"]
        .into_iter()
        .any(|level| word != level && is_one_mistake_from(word.as_bytes(), level.as_bytes()));
    is_number || is_misspelt || MISTAKEN_LEVELS.contains(&word)
}

/// Whether a letter is missing, one is superfluous, or two neighbours are swapped.
///
/// A replaced letter does not count as a mistake: `warp` is a crate.
fn is_one_mistake_from(word: &[u8], level: &[u8]) -> bool {
    let same = word.iter().zip(level).take_while(|(a, b)| a == b).count();
    match (&word[same..], &level[same..]) {
        ([_, rest @ ..], other) if rest == other => true,
        (other, [_, rest @ ..]) if rest == other => true,
        ([a, b, rest @ ..], [c, d, other @ ..]) => (a, b, rest) == (d, c, other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn a_level_alone_means_the_same_as_in_env_logger() {
        for text in ["off", "error", "WARN", "info", "Debug", "trace"] {
            let filter = Filter::parse(text).unwrap();
            assert!(filter.level_of_all.is_some(), "{text}");
            for level in Level::iter() {
                let metadata = Metadata::builder().level(level).target("a::b").build();
                let expected = filter.directives.enabled(&metadata);
                assert_eq!(filter.enabled(&metadata), expected, "{text} {level}");
            }
        }
    }

    #[test]
    fn a_mistyped_level_is_refused_and_a_target_is_not() {
        for text in [
            "inof",
            "infoo",
            "inf",
            "eror",
            "wran",
            "debgu",
            "tarce",
            "of",
            "warning",
            "Err",
            "all",
            "3",
            "info;a=debug",
            "info a=debug",
            "a;b",
            "inof,a=debug",
            "a=inof",
            "",
            " ",
            ",",
        ] {
            assert!(Filter::parse(text).is_none(), "{text:?}");
        }
        for text in [
            "a",
            "my_crate",
            "warp",
            "tracing",
            "error_stack",
            "info::a",
            "a=",
            "info,",
            " info , a=debug",
            "trace,inner::debug_utils",
            "http:request=debug",
        ] {
            assert!(Filter::parse(text).is_some(), "{text:?}");
        }
    }
}
