//! `record_cat --follow`, which reads a file as `tail -f` does.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    process::ExitStatus,
};

use log::Level;
use record_proto::{BatchInfo, BatchReason};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use super::stored::{Stored, frames, record};
use crate::support::{Errors, Talk, within};

/// A `record_cat` that follows a file.
struct Follower {
    child: Child,
    talk: Talk,
    errors: Errors,
}

impl Follower {
    fn start(stored: &Stored) -> Self {
        let (mut command, errors) = stored.cat("--follow").into_command();
        let mut child = command.spawn().expect("record_cat");
        Self {
            talk: Talk::of(&mut child),
            child,
            errors,
        }
    }

    /// Waits for a line with this message, and until the follower waits for more: it never looks again and again.
    async fn assert_prints(&mut self, message: &str) {
        let line = self.talk.line().await;
        assert!(
            line.ends_with(message),
            "{line:?} for {message:?}: {}",
            self.errors.text()
        );
        let status = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        while !fs::read_to_string(&status)
            .expect("a process")
            .contains("(sleeping)")
        {
            tokio::task::yield_now().await;
        }
    }

    fn pid(&self) -> Pid {
        let pid = self.child.id().expect("a child that nobody has waited for");
        Pid::from_raw(pid.cast_signed()).expect("a pid")
    }

    /// Waits for a text on standard error, which is a file.
    async fn wait_for_error(&self, text: &str) {
        while !self.errors.text().contains(text) {
            tokio::task::yield_now().await;
        }
    }

    async fn stop(mut self, signal: Signal) -> (ExitStatus, String, String) {
        kill_process(self.pid(), signal).expect("record_cat");
        let rest = self.talk.rest().await;
        let status = self.child.wait().await.expect("a status");
        (status, rest, self.errors.text())
    }
}

fn frame(message: &str) -> Vec<u8> {
    frames(&[record(1, Level::Info, "worker", message)])
}

fn append(stored: &Stored, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).open(&stored.0);
    file.and_then(|mut file| file.write_all(bytes))
        .expect("a file");
}

#[test]
fn what_is_appended_is_printed_until_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let stored = Stored::new(&frame("before"));
        within(async {
            let mut follower = Follower::start(&stored);
            follower.assert_prints("before").await;
            append(&stored, &frame("after"));
            follower.assert_prints("after").await;
            // A frame in two pieces is one record.
            let halves = frame("in two pieces");
            append(&stored, &halves[..9]);
            append(&stored, &halves[9..]);
            follower.assert_prints("in two pieces").await;
            let (status, rest, errors) = follower.stop(signal).await;
            assert_eq!((status.code(), &*rest), (Some(0), ""), "{errors}");
            assert!(errors.starts_with("summary: "), "{errors}");
            assert!(errors.contains("3 records received"), "{errors}");
        });
    }
}

#[test]
fn a_batch_whose_rest_never_comes_keeps_no_other_record_back() {
    let mut torn = record(1, Level::Debug, "worker", "held");
    torn.batch = Some(BatchInfo::new(BatchReason::Escalation, 1, 1));
    let stored = Stored::of(&[torn]);
    within(async {
        let mut follower = Follower::start(&stored);
        append(&stored, &frame("after"));
        follower.assert_prints("after").await;
        let (status, rest, errors) = follower.stop(Signal::INT).await;
        assert_eq!(status.code(), Some(0), "{errors}");
        let lines: Vec<_> = rest.lines().collect();
        assert!(lines[0].ends_with("has not arrived"), "{rest}");
        assert!(lines[1].ends_with("worker: held"), "{rest}");
    });
}

#[test]
fn following_ends_if_nobody_reads_the_output() {
    let stored = Stored::new(&frame("before"));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (status, _, errors) = stored.cat("--follow").stdout(writer).run_alone();
    assert_eq!(status.code(), Some(0), "{errors}");
}

#[test]
fn a_file_that_is_truncated_is_read_from_its_start() {
    let stored = Stored::new(&frame("before it was truncated"));
    within(async {
        let mut follower = Follower::start(&stored);
        follower.assert_prints("before it was truncated").await;
        fs::write(&stored.0, frame("now")).expect("a file");
        follower.assert_prints("now").await;
        let (status, _, errors) = follower.stop(Signal::INT).await;
        assert_eq!(status.code(), Some(0), "{errors}");
        let said = format!("record_cat: {} was truncated\n", stored.0.display());
        assert_eq!(errors.matches(&said).count(), 1, "{errors}");
    });
}

#[test]
fn a_file_that_takes_its_place_is_followed() {
    let stored = Stored::new(&frame("before"));
    let old = Stored(stored.0.with_extension("old"));
    within(async {
        let mut follower = Follower::start(&stored);
        follower.assert_prints("before").await;
        fs::rename(&stored.0, &old.0).expect("a file");
        // The writer that has the old file open goes on for a while.
        append(&old, &frame("late"));
        follower.assert_prints("late").await;
        let path = stored.0.display();
        follower.wait_for_error(&format!("{path} is gone")).await;
        fs::write(&stored.0, frame("new")).expect("a file");
        follower.assert_prints("new").await;
        append(&stored, &frame("newer"));
        follower.assert_prints("newer").await;
        let (status, _, errors) = follower.stop(Signal::INT).await;
        assert_eq!(status.code(), Some(0), "{errors}");
        for said in [
            format!("{path} is gone, waiting"),
            format!("{path} was replaced\n"),
        ] {
            assert_eq!(errors.matches(&said).count(), 1, "{said}: {errors}");
        }
    });
}
