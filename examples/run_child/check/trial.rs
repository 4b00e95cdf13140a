//! `Trial`: one run of the program in one scenario, from its start to the end of its pipe.

use std::{
    fs::File,
    io,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl},
    io::{Errno, read, retry_on_intr},
};

use super::{
    Settings,
    processes::holders,
    program::{Program, end},
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

struct Trial<'a> {
    scenario: Scenario,
    settings: &'a Settings,
    /// The number of the packet at which the program is killed.
    kill_at: Option<u64>,
    program: Program,
    /// The pipe, until its end.
    pipe: Option<Pipe>,
    stream: Stream,
    writers: Writers,
    packets: u64,
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
    let program = Program::start(scenario, &mut setup, settings, output)?;
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
        writers: Writers::new(program.id(), inode, scenario == Scenario::Descriptor0),
        program,
        pipe,
        stream: Stream::new(settings.alone),
        packets: 0,
        ended_while_full: false,
        found: Vec::new(),
    };
    let result = trial.run_to_the_end();
    trial.program.end_all();
    result?;
    trial.found.extend(untouched.finding()?);
    Ok(trial.finish())
}

impl Trial<'_> {
    fn run_to_the_end(&mut self) -> io::Result<()> {
        if self.scenario == Scenario::Full {
            self.writers.wait_until_idle();
            self.ended_while_full = self.program.has_exited()?;
            // The packet that filled the pipe.
            self.read_packet()?;
        }
        let end = Instant::now() + self.settings.limit * RUN_FACTOR;
        while self.is_running() || self.pipe.is_some() {
            match self.wait(end)? {
                Event::Readable => self.on_readable()?,
                Event::Exited => self.on_exit()?,
                Event::Silent if self.is_running() => self.on_hang(),
                Event::Silent => self.on_held_open(),
            }
        }
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.program.awaited_exit().is_some()
    }

    /// Waits for the pipe and for the program's exit.
    fn wait(&self, end: Instant) -> io::Result<Event> {
        let limit = match self.is_running() {
            true => self.settings.limit,
            false => GRACE,
        };
        let limit = limit.min(end.saturating_duration_since(Instant::now()));
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let pipe = self.pipe.iter().map(|pipe| &pipe.end);
        let ends = pipe.chain(self.program.awaited_exit());
        let mut fds: Vec<_> = ends.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        loop {
            return match poll(&mut fds, Some(&limit)) {
                Err(Errno::INTR) => continue,
                Err(error) => Err(error.into()),
                Ok(0) => Ok(Event::Silent),
                Ok(_) if self.pipe.is_some() && !fds[0].revents().is_empty() => Ok(Event::Readable),
                Ok(_) => Ok(Event::Exited),
            };
        }
    }

    fn on_readable(&mut self) -> io::Result<()> {
        if self.kill_at == Some(self.packets + 1) && self.is_running() {
            self.program.kill();
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

    fn on_exit(&mut self) -> io::Result<()> {
        self.program.wait()?;
        if let Some(pipe) = &mut self.pipe {
            // From here on, the end of the pipe can come.
            pipe.write_end = None;
        }
        Ok(())
    }

    fn on_hang(&mut self) {
        let limit = self.settings.limit;
        let text = format!("the program has not ended and has written nothing for {limit:?}");
        let finding = Finding::new(self.stream.position(), &rule::HANG, text);
        self.found.push(finding);
        self.program.kill();
    }

    /// The program has ended, and another process holds the pipe.
    fn on_held_open(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        // A process that has written may outlive the first one.
        for holder in holders(pipe.inode) {
            if self.writers.has_seen(holder.pid) {
                continue;
            }
            let text = format!(
                "process {} ({}) holds the pipe after the program's end",
                holder.pid, holder.name
            );
            let finding = Finding::new(self.stream.position(), &rule::CLOSE_ON_EXEC, text);
            self.found.push(finding);
            end(holder.pid);
        }
    }

    /// Finds O_NONBLOCK, once. The file keeps the flag, even if the process that has set it has ended.
    fn check_blocking(&mut self, offset: u64) -> io::Result<()> {
        let write_end = self.pipe.as_ref().and_then(|pipe| pipe.write_end.as_ref());
        let is_blocking = |finding: &Finding| finding.rule() == &rule::BLOCKING;
        if let Some(end) = write_end
            && fcntl_getfl(end)?.contains(OFlags::NONBLOCK)
            && !self.found.iter().any(is_blocking)
        {
            let text = "the program has set O_NONBLOCK on the file that it shares";
            let finding = Finding::new(offset, &rule::BLOCKING, text);
            self.found.push(finding);
        }
        Ok(())
    }

    /// Returns the next packet; it is empty at the end of the pipe.
    fn read_packet(&mut self) -> io::Result<Vec<u8>> {
        let Some(pipe) = &self.pipe else {
            return Ok(Vec::new());
        };
        let mut packet = vec![0; READ_SIZE];
        let length = retry_on_intr(|| read(&pipe.end, &mut packet[..]))?;
        packet.truncate(length);
        Ok(packet)
    }

    fn finish(mut self) -> Outcome {
        let (frames, records) = self.stream.counts();
        let position = self.stream.position();
        let reads_all = self.scenario.reads_all();
        let was_killed = self.program.was_killed();
        if !was_killed {
            self.found.extend(self.writers.finish());
            self.found.extend(self.program.finding(position));
        }
        if reads_all && position == 0 && !was_killed && !self.ended_while_full {
            let finding = Finding::new(0, &rule::ADOPT, "no frame came");
            self.found.push(finding);
        }
        let has_ended = reads_all && self.program.has_succeeded();
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
