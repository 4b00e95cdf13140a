//! `Language`: how a client's test child is started, and what its language can express.

use std::{env, path::Path};

use crate::support::{Scenario, program};

pub(crate) struct Language {
    /// As in the message of `hello`, in any case of its letters.
    pub(crate) name: &'static str,
    /// Its letter in nasty.md.
    pub(crate) letter: &'static str,
    /// The child; `{clients}` is the folder of `CLIENTS` and `{examples}` is `examples/clients`.
    command: &'static [&'static str],
    /// Whether 1.0 is not the same as 1.
    pub(crate) has_floats: bool,
    /// Whether errors have a backtrace.
    pub(crate) has_backtraces: bool,
    /// The libraries of the scenario `recipes`.
    pub(crate) recipes: &'static [&'static str],
}

pub(crate) fn python() -> Language {
    Language {
        name: "python",
        letter: "P",
        command: &["{clients}/venv/bin/python", "{examples}/python/child.py"],
        has_floats: true,
        has_backtraces: true,
        recipes: &["structlog", "loguru", "logbook"],
    }
}

pub(crate) fn node() -> Language {
    Language {
        name: "node",
        letter: "N",
        // A copy beside its packages, because an import is resolved from the place of its file.
        command: &["node", "{clients}/node/child.mjs"],
        has_floats: false,
        has_backtraces: true,
        recipes: &["pino", "console"],
    }
}

pub(crate) fn go() -> Language {
    Language {
        name: "go",
        letter: "G",
        command: &["{clients}/go-child"],
        has_floats: true,
        has_backtraces: false,
        recipes: &[],
    }
}

pub(crate) fn ruby() -> Language {
    Language {
        name: "ruby",
        letter: "R",
        command: &["ruby", "{examples}/ruby/child.rb"],
        has_floats: true,
        has_backtraces: true,
        recipes: &[],
    }
}

pub(crate) fn c() -> Language {
    Language {
        name: "c",
        letter: "C",
        command: &["{clients}/c-child"],
        has_floats: true,
        has_backtraces: false,
        recipes: &["glib", "syslog"],
    }
}

pub(crate) fn cpp() -> Language {
    Language {
        command: &["{clients}/cpp-child"],
        ..c()
    }
}

/// As on kernels before 6.18, which cannot suppress SIGPIPE for one write.
pub(crate) fn c_old() -> Language {
    Language {
        command: &["{clients}/c-old-child"],
        ..c()
    }
}

impl Language {
    /// Returns the program and the arguments of a scenario.
    pub(crate) fn command(&self, scenario: &str) -> Vec<String> {
        let clients = env::var("CLIENTS").expect("CLIENTS: the folder of tests/clients/install");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("a root");
        let examples = root.join("examples/clients");
        let full = |part: &&str| {
            part.replace("{clients}", &clients)
                .replace("{examples}", examples.to_str().expect("a readable path"))
        };
        let child = self.command.iter().map(full);
        child
            .chain(scenario.split_whitespace().map(str::to_owned))
            .collect()
    }

    /// Returns the child, to be started with a scenario; blanks separate its arguments.
    pub(crate) fn child(&self, scenario: &str) -> Scenario {
        let command = self.command(scenario);
        let (first, rest) = command.split_first().expect("a program");
        rest.iter().fold(program(first), Scenario::arg)
    }
}
