//! Two children of one parent. One of them looks for the other's pipe.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{self, Command, Stdio},
};

use pipe_subscriber::Spawn;
use rustix::process::{DumpableBehavior, getuid, set_dumpable_behavior};

use crate::{
    parents::runtime,
    tools::{hear, init, pipe, say},
};

/// Users that run nothing else.
const NOBODY: u32 = 65_534;
const ANOTHER: u32 = 65_533;

/// One frame: a record of level info, target "t" and message "forged".
const FORGED: &[u8] = b"\0\0\0\x0e\x01\x95\0\0\x03\xa1t\xa6forged";

/// The protections between the children.
struct Setting<'a> {
    /// The parent is not dumpable, so that `/proc` hides it.
    parent_hidden: bool,
    /// The victim is not dumpable.
    victim_hidden: bool,
    /// Root stays root, and the children run as users of their own.
    other_users: bool,
    /// The command that runs the intruder.
    wrapper: Vec<&'a str>,
}

/// Prints how far the intruder came through the descriptors of the parent and of the victim, and how many records the
/// parent has under the victim's label that the victim did not log.
pub(crate) fn parent(how: &str, wrapper: &str) {
    let setting = Setting {
        parent_hidden: how.contains("parent-hidden"),
        victim_hidden: how.contains("victim-hidden"),
        other_users: how.contains("other-users"),
        wrapper: wrapper.split_whitespace().collect(),
    };
    if getuid().is_root() && !how.contains("root") {
        become_nobody();
    }
    if setting.parent_hidden {
        hide();
    }
    let (mut victim, logs) = Spawn::new(setting.victim())
        .label("victim")
        .filter("info")
        .spawn()
        .expect("a victim");
    let mut said = BufReader::new(victim.stdout.take().expect("a stdout"));
    let mut pipe = String::new();
    said.read_line(&mut pipe).expect("a line");

    let intruder = setting.intruder(victim.id(), pipe.trim());
    let (intruder, _its_logs) = Spawn::new(intruder)
        .filter("info")
        .spawn()
        .expect("an intruder");
    let told = intruder.wait_with_output().expect("an end").stdout;
    drop(victim.stdin.take());
    let mut forged = 0;
    let run = logs.run_with(|record| forged += u32::from(record.message == "forged"));
    runtime().block_on(run).expect("no read error");
    assert!(victim.wait().expect("a status").success());
    let told = String::from_utf8(told).expect("text");
    say(&format!("{}, forged {forged}", told.trim()));
}

impl Setting<'_> {
    fn victim(&self) -> Command {
        let mut command = this(&[], "victim");
        command.arg(if self.victim_hidden { "hidden" } else { "open" });
        if self.other_users {
            command.uid(NOBODY);
        }
        command
    }

    fn intruder(&self, victim: u32, pipe: &str) -> Command {
        let mut command = this(&self.wrapper, "intruder");
        command
            .arg(process::id().to_string())
            .arg(victim.to_string())
            .arg(pipe);
        if self.other_users {
            command.uid(ANOTHER);
        }
        command
    }
}

fn this(wrapper: &[&str], scenario: &str) -> Command {
    let mut command = match wrapper {
        // A path that any user may use, wherever this program is. For a wrapper it would be the wrapper itself.
        [] => Command::new("/proc/self/exe"),
        [program, options @ ..] => {
            let mut command = Command::new(program);
            command
                .args(options)
                .arg(std::env::current_exe().expect("a path"));
            command
        }
    };
    command
        .arg(scenario)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

fn become_nobody() {
    // SAFETY: it has no conditions.
    let group = unsafe { libc::setgid(NOBODY) };
    // SAFETY: it has no conditions.
    let user = unsafe { libc::setuid(NOBODY) };
    assert_eq!((group, user), (0, 0), "{}", io::Error::last_os_error());
    // The change of the user has made it not dumpable.
    set_dumpable_behavior(DumpableBehavior::Dumpable).expect("PR_SET_DUMPABLE");
}

fn hide() {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).expect("PR_SET_DUMPABLE");
}

/// Prints its pipe, and lives until its stdin ends.
pub(crate) fn victim(how: &str) {
    init();
    if how == "hidden" {
        hide();
    }
    let stat = rustix::fs::fstat(pipe()).expect("fstat");
    say(&format!("{}:{}", stat.st_dev, stat.st_ino));
    hear();
}

/// Looks for a pipe among the descriptors of its parent and of its sibling, and writes into it.
pub(crate) fn intruder(parent: &str, sibling: &str, pipe: &str) {
    let how_far = |pid| match find(pid, pipe).and_then(|mut end| end.write_all(FORGED)) {
        Ok(()) => "reached".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    };
    say(&format!(
        "parent {}, sibling {}",
        how_far(parent),
        how_far(sibling)
    ));
}

/// Opens the pipe once more for writing.
fn find(pid: &str, pipe: &str) -> io::Result<File> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let path = entry?.path();
        let metadata = fs::metadata(&path)?;
        if format!("{}:{}", metadata.dev(), metadata.ino()) == pipe {
            return OpenOptions::new().write(true).open(path);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
