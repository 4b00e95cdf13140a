//! `logbook_aiopipe`, the ancestor in Python. It brings its own parent and child.

use std::{
    env::current_exe,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::report::Report;

pub const NAME: &str = "logbook_aiopipe";
pub const TITLE: &str = "logbook_aiopipe (Python)";
pub const PER_SECOND: u64 = 30_000;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/aiopipe_peer.py");

/// With 0.2 of aiopipe it does not start.
const PACKAGES: [&str; 3] = ["logbook-aiopipe", "aiopipe<0.2", "logbook"];

/// A measurement; `only_if_there` installs nothing for it.
pub fn report(records: u64, only_if_there: bool) -> Result<Report> {
    let python = python(only_if_there)?;
    let records = records.to_string();
    Report::from_output(Command::new(python).args([PROGRAM, &records]))
}

/// The interpreter of an environment with the packages, made where it is not there.
fn python(only_if_there: bool) -> Result<PathBuf> {
    let target = current_exe()?;
    let target = target.ancestors().nth(2).context("a target directory")?;
    let environment = target.join("python-peers");
    let python = environment.join("bin/python");
    if has_packages(&python) {
        return Ok(python);
    }
    if only_if_there {
        bail!("not installed, and --quick installs nothing");
    }
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES))?;
    Ok(python)
}

fn has_packages(python: &Path) -> bool {
    let mut import = Command::new(python);
    import.args(["-c", "import aiopipe, logbook, logbook_aiopipe"]);
    run(&mut import).is_ok()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", text.trim());
    Ok(())
}
