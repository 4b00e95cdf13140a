//! A relay with a child of the tests.

use std::{
    fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use serde::Deserialize;

use super::{Process, Server, Site};

/// A relay that runs, and the load that is its child.
pub(crate) struct Relay {
    pub(crate) process: Process,
    pub(crate) tag: String,
    report: PathBuf,
}

/// What a load did.
#[derive(Debug, Deserialize)]
pub(crate) struct Logged {
    pub(crate) logged: u64,
    pub(crate) dropped: u64,
    /// The longest log call, if the load had a rate.
    pub(crate) longest_us: u64,
}

impl Relay {
    /// Starts a relay on the host of a leaf. Its label is the tag of the load.
    pub(crate) fn start(site: &Site, leaf: usize, tag: &str, load: &[&str]) -> Self {
        Self::start_with(site, &site.leaves[leaf], tag, tag, &[], load)
    }

    pub(crate) fn start_with(
        site: &Site,
        leaf: &Server,
        label: &str,
        tag: &str,
        options: &[&str],
        load: &[&str],
    ) -> Self {
        let report = site.path(&format!("{tag}.json"));
        let mut command = leaf.place.command(env!("CARGO_BIN_EXE_relay"));
        let mut defaults = leaf.options("relay");
        defaults.extend(["--host", &leaf.name, "--label", label].map(str::to_owned));
        // An option may be given once.
        for default in defaults
            .chunks(2)
            .filter(|default| !options.contains(&&*default[0]))
        {
            command.args(default);
        }
        command.args(options).arg("--").arg(load_program());
        command
            .args(["--tag", tag, "--report"])
            .arg(&report)
            .args(load);
        if !load.contains(&"--records") {
            command.arg("--until").arg(site.path("until"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = Process::start(&format!("relay {tag}"), &mut command);
        Self {
            process,
            tag: tag.to_owned(),
            report,
        }
    }

    /// Waits for the end of the relay.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        self.process.end().await
    }

    /// Waits for the end of a relay that succeeds, and returns what its child logged.
    pub(crate) async fn success(&mut self) -> Logged {
        let status = self.end().await;
        assert!(
            status.success(),
            "{}: {status}\n{}",
            self.tag,
            self.process.errors()
        );
        self.logged()
    }

    pub(crate) fn logged(&self) -> Logged {
        let report = fs::read_to_string(&self.report).expect("the load wrote its report");
        serde_json::from_str(&report).unwrap()
    }
}

/// The program of `tests/load/load.rs`, which cargo builds beside the tests.
pub(crate) fn load_program() -> PathBuf {
    let relay = PathBuf::from(env!("CARGO_BIN_EXE_relay"));
    relay.with_file_name("examples").join("load")
}
