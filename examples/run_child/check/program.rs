//! `Program`: the process that is checked, from its start to its exit.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use super::{
    Settings,
    place::Place,
    processes::descendants,
    rule::{self, Finding},
    scenario::{Scenario, Setup},
};

/// The longest wait for the end of a process that was killed.
const DEATH: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

pub(crate) struct Program {
    child: Child,
    pidfd: OwnedFd,
    status: Option<ExitStatus>,
    was_killed: bool,
}

impl Program {
    /// Starts the program, and closes its descriptor in this process. Its output goes to `output`.
    pub(crate) fn start(
        scenario: Scenario,
        setup: &mut Setup,
        settings: &Settings,
        output: &File,
    ) -> io::Result<Self> {
        let mut command = command(scenario, settings);
        command
            .env_remove("RECORD_PIPE")
            .env_remove("RECORD_PIPE_FILTER")
            .stdin(std::mem::replace(&mut setup.stdin, Stdio::null()))
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        if let Some(variable) = &setup.variable {
            command.env("RECORD_PIPE", variable);
            command.env("RECORD_PIPE_FILTER", &settings.filter);
        }
        let child = command.spawn()?;
        setup.inherited.clear();
        Ok(Self {
            pidfd: pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?,
            child,
            status: None,
            was_killed: false,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the descriptor that becomes readable at the exit; `None` once the exit was taken.
    pub(crate) fn awaited_exit(&self) -> Option<&OwnedFd> {
        self.status.is_none().then_some(&self.pidfd)
    }

    /// Returns whether the program has ended, without waiting.
    pub(crate) fn has_exited(&self) -> io::Result<bool> {
        let mut exit = [PollFd::new(&self.pidfd, PollFlags::IN)];
        Ok(poll(&mut exit, Some(&Timespec::default()))? > 0)
    }

    /// Takes the exit.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.status = Some(self.child.wait()?);
        Ok(())
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.was_killed
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        !self.was_killed && self.status.is_some_and(|status| status.success())
    }

    /// Kills the program before it has ended by itself, and all that it has started.
    pub(crate) fn kill(&mut self) {
        self.was_killed = true;
        self.end_all();
    }

    /// Ends the program, if it has not ended, and all that it has started.
    pub(crate) fn end_all(&mut self) {
        for pid in descendants(self.id()) {
            end(pid);
        }
        if self.status.is_none() {
            end(self.id());
        }
    }

    /// Returns what is wrong with the way in which the program has ended at this place.
    pub(crate) fn finding(&self, place: Place) -> Option<Finding> {
        let status = self.status.filter(|_| !self.was_killed)?;
        let rule = match status.signal() {
            _ if status.success() => return None,
            Some(signal) if signal == Signal::PIPE.as_raw() => &rule::SIGPIPE,
            _ => &rule::EXIT,
        };
        let text = format!("the program ended with {status}");
        Some(Finding::new(place, rule, text))
    }
}

/// Kills a process, and waits until it writes no more.
pub(crate) fn end(pid: u32) {
    let pidfd = Pid::from_raw(pid.cast_signed()).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
    if let Some(Ok(pidfd)) = pidfd
        && pidfd_send_signal(&pidfd, Signal::KILL).is_ok()
    {
        let _has_ended = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&DEATH));
    }
}

fn command(scenario: Scenario, settings: &Settings) -> Command {
    let mut words = settings.command.iter();
    let mut command = if scenario == Scenario::Launcher {
        let mut shell = Command::new("sh");
        // Without the last command, the shell would become the program.
        shell.args(["-c", "\"$@\"; exit $?", "sh"]);
        shell
    } else {
        Command::new(words.next().expect("clap requires a program"))
    };
    command.args(words);
    command
}
