//! `Trial`: one run of the program in one scenario, from its start to the end of its pipe.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl},
    io::{Errno, read},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};

use super::{
    Settings,
    processes::{descendants, holders},
    rule::{self, Finding},
    scenario::{Pipe, Scenario, Setup},
    stream::Stream,
    writers::Writers,
};

/// How long another process may hold the pipe after the program's end.
const GRACE: Duration = Duration::from_secs(1);

/// Longer than what any pipe with packets gives at once.
const READ_SIZE: usize = 64 * 1024;

/// The program may run this many times as long as it may be silent.
const RUN_FACTOR: u32 = 30;

/// The result of a run.
pub(crate) struct Outcome {
    pub(crate) found: Vec<Finding>,
    pub(crate) frames: u64,
    pub(crate) records: u64,
}

pub(crate) struct Trial<'a> {
    scenario: Scenario,
    settings: &'a Settings,
    /// The number of the packet at which the program is killed.
    kill_at: Option<u64>,
    child: Child,
    pidfd: OwnedFd,
    pipe: Option<Pipe>,
    stream: Stream,
    writers: Writers,
    packets: u64,
    status: Option<ExitStatus>,
    was_killed: bool,
    /// The program has ended before anything was read.
    ended_while_full: bool,
    found: Vec<Finding>,
}

enum Event {
    Readable,
    Exited,
    Silent,
}

/// Runs the program once. Its output goes to `output`.
pub(crate) fn run(
    scenario: Scenario,
    kill_at: Option<u64>,
    settings: &Settings,
    output: &File,
) -> io::Result<Outcome> {
    let mut setup = scenario.setup()?;
    let child = start(scenario, &mut setup, settings, output)?;
    let pidfd = pidfd_open(pid(&child), PidfdFlags::empty())?;
    let Setup {
        pipe,
        mut untouched,
        ..
    } = setup;
    let inode = pipe.as_ref().map(|pipe| pipe.inode);
    let mut trial = Trial {
        scenario,
        settings,
        kill_at,
        writers: Writers::new(child.id(), inode, scenario == Scenario::Descriptor0),
        child,
        pidfd,
        pipe,
        stream: Stream::new(settings.alone),
        packets: 0,
        status: None,
        was_killed: false,
        ended_while_full: false,
        found: Vec::new(),
    };
    let read = trial.run_to_the_end();
    trial.end_all();
    read?;
    trial.found.extend(untouched.finding()?);
    Ok(trial.finish())
}

/// Starts the program, and closes the write end in this process.
fn start(
    scenario: Scenario,
    setup: &mut Setup,
    settings: &Settings,
    output: &File,
) -> io::Result<Child> {
    let mut words = settings.command.iter();
    let mut command = if scenario == Scenario::Launcher {
        let mut shell = Command::new("sh");
        // Without the last command, the shell would become the program.
        shell.args(["-c", "\"$@\"; exit $?", "sh"]);
        shell
    } else {
        Command::new(words.next().expect("clap requires a program"))
    };
    command
        .args(words)
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
    setup.inherited = None;
    Ok(child)
}

impl Trial<'_> {
    fn run_to_the_end(&mut self) -> io::Result<()> {
        if self.scenario == Scenario::Full {
            self.writers.wait_until_idle();
            self.ended_while_full = self.has_exited()?;
            // The packet that filled the pipe.
            self.read_packet()?;
        }
        let end = Instant::now() + self.settings.limit * RUN_FACTOR;
        while self.status.is_none() || self.pipe.is_some() {
            match self.wait(end)? {
                Event::Readable => self.on_readable()?,
                Event::Exited => self.on_exit()?,
                Event::Silent if self.status.is_none() => self.on_hang(),
                Event::Silent => self.on_held_open(),
            }
        }
        Ok(())
    }

    /// Waits for the pipe and for the program's exit.
    fn wait(&self, end: Instant) -> io::Result<Event> {
        let limit = match self.status {
            Some(_) => GRACE,
            None => self.settings.limit,
        };
        let limit = limit.min(end.saturating_duration_since(Instant::now()));
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        // The exit is looked at only while it is awaited: a process that has ended stays readable.
        let exit = self.status.is_none().then_some(&self.pidfd);
        let ends = self.pipe.iter().map(|pipe| &pipe.end).chain(exit);
        let mut fds: Vec<_> = ends.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        loop {
            match poll(&mut fds, Some(&limit)) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(Event::Silent),
                Ok(_) if self.pipe.is_some() && !fds[0].revents().is_empty() => {
                    return Ok(Event::Readable);
                }
                Ok(_) => return Ok(Event::Exited),
            }
        }
    }

    fn on_readable(&mut self) -> io::Result<()> {
        if self.kill_at == Some(self.packets + 1) && self.status.is_none() {
            self.kill();
        }
        let packet = self.read_packet()?;
        if packet.is_empty() {
            self.pipe = None;
            return Ok(());
        }
        self.packets += 1;
        for sighting in self.stream.push(&packet) {
            self.check_blocking(sighting.offset)?;
            self.found.extend(self.writers.look_at(sighting));
        }
        if self.scenario == Scenario::ReaderGone {
            self.pipe = None;
        }
        Ok(())
    }

    fn has_exited(&self) -> io::Result<bool> {
        let mut exit = [PollFd::new(&self.pidfd, PollFlags::IN)];
        Ok(poll(&mut exit, Some(&Timespec::default()))? > 0)
    }

    fn on_exit(&mut self) -> io::Result<()> {
        self.status = Some(self.child.wait()?);
        if let Some(pipe) = &mut self.pipe {
            // From here on, the end of the pipe can come.
            pipe.write_end = None;
        }
        Ok(())
    }

    /// Finds O_NONBLOCK once.
    fn check_blocking(&mut self, offset: u64) -> io::Result<()> {
        let write_end = self.pipe.as_ref().and_then(|pipe| pipe.write_end.as_ref());
        let is_known = self
            .found
            .iter()
            .any(|finding| finding.rule() == &rule::BLOCKING);
        if let Some(end) = write_end
            && !is_known
            && fcntl_getfl(end)?.contains(OFlags::NONBLOCK)
        {
            let text = "the program has set O_NONBLOCK on the file that it shares";
            self.found.push(Finding::new(offset, &rule::BLOCKING, text));
        }
        Ok(())
    }

    /// Returns the next packet; it is empty at the end of the pipe.
    fn read_packet(&mut self) -> io::Result<Vec<u8>> {
        let Some(pipe) = &self.pipe else {
            return Ok(Vec::new());
        };
        let mut packet = vec![0; READ_SIZE];
        let length = rustix::io::retry_on_intr(|| read(&pipe.end, &mut packet[..]))?;
        packet.truncate(length);
        Ok(packet)
    }

    fn on_hang(&mut self) {
        let text = format!(
            "the program has not ended and has written nothing for {:?}",
            self.settings.limit
        );
        self.found
            .push(Finding::new(self.stream.position(), &rule::HANG, text));
        self.kill();
    }

    /// The program has ended, and another process holds the pipe.
    fn on_held_open(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        // A process that has written may outlive the first one.
        let holders = holders(pipe.inode);
        for holder in holders
            .iter()
            .filter(|holder| !self.writers.has_seen(holder.pid))
        {
            let text = format!(
                "process {} ({}) holds the pipe after the program's end",
                holder.pid, holder.name
            );
            let finding = Finding::new(self.stream.position(), &rule::CLOSE_ON_EXEC, text);
            self.found.push(finding);
            end(holder.pid);
        }
    }

    fn kill(&mut self) {
        self.was_killed = true;
        self.end_all();
    }

    /// Ends the program, if it has not ended, and all that it has started.
    fn end_all(&mut self) {
        for pid in descendants(self.child.id()) {
            end(pid);
        }
        if self.status.is_none() {
            let _has_ended = self.child.kill();
        }
    }

    fn finish(mut self) -> Outcome {
        let (frames, records) = self.stream.counts();
        let position = self.stream.position();
        let status = self.status.unwrap_or_default();
        if !self.was_killed {
            self.found.extend(self.writers.finish());
            self.found.extend(exit_finding(status, position));
        }
        let is_mute = !self.stream.has_processes() && position == 0;
        let may_be_mute = self.was_killed || self.ended_while_full;
        if is_mute && self.scenario.reads_all() && !may_be_mute {
            let text = "no frame came".to_owned();
            self.found.push(Finding::new(0, &rule::ADOPT, text));
        }
        let reads_all = self.scenario.reads_all();
        let has_ended = reads_all && !self.was_killed && status.success();
        let is_whole = reads_all || self.scenario == Scenario::Kill;
        self.found.extend(self.stream.finish(has_ended, is_whole));
        self.found.sort_by_key(Finding::offset);
        Outcome {
            found: self.found,
            frames,
            records,
        }
    }
}

fn exit_finding(status: ExitStatus, position: u64) -> Option<Finding> {
    let rule = match status.signal() {
        _ if status.success() => return None,
        Some(signal) if signal == Signal::PIPE.as_raw() => &rule::SIGPIPE,
        _ => &rule::EXIT,
    };
    let text = format!("the program ended with {status}");
    Some(Finding::new(position, rule, text))
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn end(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _has_ended = kill_process(pid, Signal::KILL);
    }
}
