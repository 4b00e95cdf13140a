use log::{LevelFilter, Metadata};

/// Which records are sent: env_logger's directives.
#[derive(Debug)]
pub(crate) struct Filter {
    directives: env_filter::Filter,
    /// The level of all targets, where they have the same: then nothing else is asked.
    level_of_all: Option<LevelFilter>,
}

impl Filter {
    /// `None` where the directives cannot be read. What env_logger has behind a slash, a search in the message, would have
    /// the message formatted for the filter alone.
    pub(crate) fn parse(directives: &str) -> Option<Self> {
        if directives.contains('/') {
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
}
