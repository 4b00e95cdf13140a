//! Signals to `run_child`, which is between its user and a program.

use std::{
    fs,
    io::Write,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;
use tokio::process::Child;

use crate::{
    examples::{example, parsed, path, run_emit},
    support::{Errors, Scenario, Talk, temporary, within},
};

/// `run_child`, and its output.
struct Started {
    child: Child,
    talk: Talk,
    errors: Errors,
}

impl Started {
    fn new(scenario: Scenario) -> Self {
        let (mut command, errors) = scenario.into_command();
        let mut child = command.spawn().expect("run_child");
        let talk = Talk::of(&mut child);
        Self {
            child,
            talk,
            errors,
        }
    }

    fn send(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("a process"), signal).expect("a process that is there");
    }

    /// Returns its status, and its output since.
    async fn end(mut self) -> (Option<i32>, String, String) {
        let (status, said) = tokio::join!(self.child.wait(), self.talk.rest());
        (status.expect("a status").code(), said, self.errors.text())
    }
}

fn run_child(own: &[&str], program: &[&str]) -> Scenario {
    let start = own.iter().fold(example("run_child"), Scenario::arg);
    program.iter().fold(start.arg("--"), Scenario::arg)
}

/// A program that prints the signals that it gets.
fn listener(own: &[&str]) -> Scenario {
    run_child(own, &[env!("CARGO_BIN_EXE_e2e-child"), "listen"])
}

fn summary(said: &str) -> Value {
    parsed(said).1
}

#[test]
fn a_signal_to_run_child_alone_reaches_the_child_and_the_summary_follows() {
    for signal in [
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::USR1,
    ] {
        within(async {
            let scenario = run_emit("--format json", "--records 5 --end hang");
            let mut started = Started::new(scenario);
            for _ in 0..5 {
                started.talk.line().await;
            }
            started.send(signal);
            let (code, said, errors) = started.end().await;
            let expected = 128 + signal.as_raw();
            assert_eq!(code, Some(expected), "{signal:?}: {errors}");
            let summary = summary(&said);
            assert_eq!(summary["received"], 5, "{signal:?}");
            assert_eq!(
                (&summary["end"], &summary["exit"]),
                (&"eof".into(), &expected.into())
            );
        });
    }
}

#[test]
fn a_child_that_handles_a_signal_ends_with_its_own_status() {
    within(async {
        let mut started = Started::new(listener(&[]));
        assert_eq!(started.talk.line().await, "ready");
        started.send(Signal::INT);
        assert_eq!(started.talk.line().await, "INT");
        started.send(Signal::HUP);
        assert_eq!(started.talk.line().await, "HUP");
        started.send(Signal::TERM);
        let (code, said, errors) = started.end().await;
        assert_eq!((code, &*said), (Some(7), "TERM\n"), "{errors}");
        assert!(errors.contains("exit 7"), "{errors}");
    });
}

/// It goes to all processes of the terminal.
#[test]
fn what_the_terminal_sends_is_not_sent_twice() {
    within(async {
        let (mut keyboard, terminal) = terminal();
        let of_the_terminal = || {
            // SAFETY: it takes nothing.
            unsafe { libc::setsid() };
            // SAFETY: the descriptor is the new stdin.
            unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
        };
        let mut started = Started::new(listener(&[]).stdin(terminal).before(of_the_terminal));
        assert_eq!(started.talk.line().await, "ready");
        keyboard.write_all(b"\x03").expect("a terminal");
        assert_eq!(started.talk.line().await, "INT");
        // It is passed on after the earlier one.
        started.send(Signal::TERM);
        let (code, said, _) = started.end().await;
        assert_eq!((code, &*said), (Some(7), "TERM\n"));
    });
}

/// Opens a new terminal and returns its two sides.
fn terminal() -> (fs::File, OwnedFd) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&side).expect("a terminal");
    unlockpt(&side).expect("a terminal");
    let name = ptsname(&side, Vec::new()).expect("a name");
    let mut options = fs::OpenOptions::new();
    let other = options
        .read(true)
        .write(true)
        .open(name.to_str().expect("a path"));
    (side.into(), other.expect("the other side").into())
}

#[test]
fn what_is_ignored_at_the_start_stays_ignored_in_the_child_too() {
    within(async {
        let report = "exec grep ^SigIgn /proc/self/status";
        const IGNORED: [Signal; 3] = [Signal::HUP, Signal::INT, Signal::PIPE];
        let scenario = run_child(&[], &["sh", "-c", report]).ignoring(&IGNORED);
        let (code, said, errors) = Started::new(scenario).end().await;
        assert_eq!(code, Some(0), "{errors}");
        let bits = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("SigIgn"));
            let bits = line.and_then(|line| line.split_whitespace().last());
            u64::from_str_radix(bits.expect("a mask"), 16).expect("a mask")
        };
        // The standard library ignores SIGPIPE in this process, and not in the programs that it starts.
        let own = fs::read_to_string("/proc/self/status").expect("a status");
        let of = |signal: Signal| 1_u64 << (signal.as_raw() - 1);
        let reset = [
            Signal::HUP,
            Signal::INT,
            Signal::QUIT,
            Signal::TERM,
            Signal::PIPE,
        ];
        let own = reset
            .into_iter()
            .map(of)
            .fold(bits(&own), |bits, bit| bits & !bit);
        let expected = IGNORED
            .into_iter()
            .map(of)
            .fold(own, |bits, bit| bits | bit);
        assert_eq!(bits(&said), expected, "{said}");

        let scenario = run_emit("", "--records 1 --end hang").ignoring(&IGNORED);
        let mut started = Started::new(scenario);
        started.talk.line().await;
        started.send(Signal::HUP);
        started.send(Signal::INT);
        started.send(Signal::TERM);
        let (code, _, errors) = started.end().await;
        assert_eq!(code, Some(128 + 15), "{errors}");
    });
}

/// A sleeper holds the pipe after the child's exit; its pid comes first, then that of the child.
const LEAVES_A_SLEEPER: &str = "sleep 1000 >/dev/null 2>&1 & echo $!; echo $$; ";

async fn two_pids(talk: &mut Talk) -> [Pid; 2] {
    let mut pids = [Pid::INIT; 2];
    for pid in &mut pids {
        let line = talk.line().await;
        *pid = Pid::from_raw(line.parse().expect("a number")).expect("a pid");
    }
    pids
}

fn patient(script: &str) -> Scenario {
    let script = format!("{LEAVES_A_SLEEPER}{script}");
    run_child(&["--grace-ms", "1000000"], &["sh", "-c", &script])
}

#[test]
fn a_signal_in_the_grace_period_ends_it_with_the_summary() {
    within(async {
        let mut started = Started::new(patient("exit 7"));
        let [sleeper, child] = two_pids(&mut started.talk).await;
        // It was waited for: it is not a zombie.
        let proc = format!("/proc/{}", child.as_raw_nonzero());
        while Path::new(&proc).exists() {
            thread::yield_now();
        }
        started.send(Signal::INT);
        let (code, _, errors) = started.end().await;
        kill_process(sleeper, Signal::KILL).expect("a sleeper that is still there");
        assert_eq!(code, Some(7), "{errors}");
        assert!(errors.contains("the stream has not ended, "), "{errors}");
    });
}

#[test]
fn whoever_asks_twice_waits_for_the_child_and_for_no_grace_period() {
    within(async {
        let script = "trap '' HUP INT; trap 'exit 7' USR1; echo ready; wait";
        let mut started = Started::new(patient(script));
        let [sleeper, _] = two_pids(&mut started.talk).await;
        assert_eq!(started.talk.line().await, "ready");
        started.send(Signal::HUP);
        started.send(Signal::INT);
        started.send(Signal::USR1);
        let (code, _, errors) = started.end().await;
        kill_process(sleeper, Signal::KILL).expect("a sleeper that is still there");
        assert_eq!(code, Some(7), "{errors}");
        assert!(errors.contains("the stream has not ended, "), "{errors}");
    });
}

/// Signals are passed on even while printing waits, for a pager for example.
#[test]
fn a_signal_reaches_the_child_although_nobody_reads_the_output() {
    within(async {
        let pid = temporary("pid");
        let script = format!(
            "echo $$ >{}; exec {} --records 1000000",
            pid.display(),
            path("emit")
        );
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let same = writer.try_clone().expect("a descriptor");
        let started = Started::new(run_child(&[], &["sh", "-c", &script]).stdout(writer));
        while has_room(&same) {
            thread::yield_now();
        }
        started.send(Signal::TERM);
        let number = fs::read_to_string(&pid).expect("a pid");
        let stat = format!("/proc/{}/stat", number.trim());
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            thread::yield_now();
        }
        drop((reader, fs::remove_file(&pid)));
        let (code, _, errors) = started.end().await;
        assert_eq!(code, Some(128 + 15), "{errors}");
    });
}

fn has_room(pipe: &impl AsFd) -> bool {
    let at_once = Some(&Timespec::default());
    poll(&mut [PollFd::new(pipe, PollFlags::OUT)], at_once).expect("poll") > 0
}
