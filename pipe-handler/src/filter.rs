use log::{LevelFilter, Metadata};

/// Which records are sent: env_logger's directives.
#[derive(Debug)]
pub(crate) struct Filter {
    directives: env_filter::Filter,
    /// The level of all targets, where they have the same: then nothing else is asked.
    level_of_all: Option<LevelFilter>,
}

impl Filter {
    /// `None` if the directives cannot be read, or there are none. What env_logger has after a slash, a search in the message,
    /// would have the message formatted for the filter alone.
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

    /// The most verbose level that is let through anywhere.
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

/// What means a level and is none. To env_logger it is a target: all of its records are sent, and no others.
const NO_LEVELS: [&str; 8] = [
    "all", "critical", "err", "fatal", "none", "verbose", "warning", "warnings",
];

/// Whether a directive would be read as a target that nobody has: a level that is mistyped, or two directives in one.
fn is_mistake(directive: &str) -> bool {
    let (target, is_alone) = match directive.split_once('=') {
        Some((target, _)) => (target.trim(), false),
        None => (directive, true),
    };
    target.contains([';', ' ']) || is_alone && is_mistyped_level(&target.to_ascii_lowercase())
}

fn is_mistyped_level(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let near = ["off", "error", "warn", "info", "debug", "trace"]
        .into_iter()
        .any(|level| word != level && is_near(word.as_bytes(), level.as_bytes()));
    is_number || near || NO_LEVELS.contains(&word)
}

/// One letter is missing, one is too many, or two have changed places. Not if one is another: `warp` is a crate.
fn is_near(word: &[u8], level: &[u8]) -> bool {
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
    fn a_level_alone_means_what_it_means_to_env_logger() {
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
    fn a_mistyped_level_is_no_target() {
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
