//! `Trial`: one run of the program in one scenario, from its start to the end of its pipe.

mod outcome;

use std::{
    fs::File,
    io,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{read, retry_on_intr},
};

use super::{
    Settings,
    bell::Bell,
    place::Place,
    processes::holders,
    program::{Program, end},
    rings::Rings,
    rule::{self, Finding},
    scenario::{Pipe, Scenario, Setup},
    stream::{Sighting, Stream},
    writers::Writers,
};

pub(crate) use outcome::Outcome;

/// How long another process may hold the pipe after the program's end.
const GRACE: Duration = Duration::from_secs(1);

/// How often the rings are looked at for entries without a bell.
const LOOK: Duration = Duration::from_millis(20);

/// Longer than what any pipe with packets gives at once.
const READ_SIZE: usize = 64 * 1024;

/// The program may run this many times as long as it may be silent.
const RUN_FACTOR: u32 = 30;

struct Trial<'a> {
    scenario: Scenario,
    settings: &'a Settings,
    /// The number of the packet at which the program is killed.
    kill_at: Option<u64>,
    program: Program,
    /// The pipe, until its end.
    pipe: Option<Pipe>,
    /// The buffer, until it is read no more.
    rings: Option<Rings>,
    stream: Stream,
    writers: Writers,
    packets: u64,
    bell: Bell,
    /// The program has ended before anything was read.
    ended_while_full: bool,
    found: Vec<Finding>,
}

enum Event {
    Readable,
    /// Entries came in rings.
    Entries,
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
    let mut setup = scenario.setup(settings.buffer)?;
    let program = Program::start(scenario, &mut setup, settings, output)?;
    let Setup {
        pipe,
        rings,
        mut untouched,
        ..
    } = setup;
    let inode = pipe.as_ref().map(|pipe| pipe.inode);
    // A buffer without seals is not the program's, so it need not close the descriptor.
    let watched = rings.as_ref().filter(|_| scenario != Scenario::Unsealed);
    let mut trial = Trial {
        scenario,
        settings,
        kill_at,
        writers: Writers::new(
            program.id(),
            inode,
            watched.map(Rings::inode),
            scenario == Scenario::Descriptor0,
        ),
        program,
        pipe,
        rings,
        bell: Bell::default(),
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
            // The packet that filled the pipe. It is as good as a bell, for which there was no room.
            self.read_packet()?;
            self.rings.iter_mut().for_each(Rings::wake_up);
        }
        let end = Instant::now() + self.settings.limit * RUN_FACTOR;
        while self.is_running() || self.pipe.is_some() {
            match self.wait(end)? {
                Event::Readable => self.on_readable()?,
                Event::Entries => {}
                Event::Exited => self.on_exit()?,
                Event::Silent if self.is_running() => self.on_hang(),
                Event::Silent => self.on_held_open(),
            }
        }
        if self.reads_rings() {
            // Once more for entries that the last look held back.
            self.take_entries()?;
            self.take_entries()?;
        }
        Ok(())
    }

    fn is_running(&self) -> bool {
        self.program.awaited_exit().is_some()
    }

    /// Waits for the pipe, for entries in rings and for the program's exit.
    fn wait(&mut self, end: Instant) -> io::Result<Event> {
        let limit = match self.is_running() {
            true => self.settings.limit,
            false => GRACE,
        };
        let until = end.min(Instant::now() + limit);
        let reads_rings = self.reads_rings();
        if reads_rings && self.fall_asleep()? && Instant::now() < end {
            return Ok(Event::Entries);
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let slice = if reads_rings { left.min(LOOK) } else { left };
            match self.poll(slice)? {
                Some(event) => return Ok(event),
                None if reads_rings && self.misses_bell() => return Ok(Event::Entries),
                None if slice == left => return Ok(Event::Silent),
                None => {}
            }
        }
    }

    fn reads_rings(&self) -> bool {
        let is_open = self.rings.as_ref().is_some_and(|rings| !rings.is_closed());
        is_open && self.scenario != Scenario::NoReader
    }

    /// Returns `None` if nothing has happened in so much time.
    fn poll(&self, time: Duration) -> io::Result<Option<Event>> {
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        let pipe = self.pipe.iter().map(|pipe| &pipe.end);
        let ends = pipe.chain(self.program.awaited_exit());
        let mut fds: Vec<_> = ends.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        match retry_on_intr(|| poll(&mut fds, Some(&time))) {
            Err(error) => Err(error.into()),
            Ok(0) => Ok(None),
            Ok(_) if self.pipe.is_some() && !fds[0].revents().is_empty() => {
                Ok(Some(Event::Readable))
            }
            Ok(_) => Ok(Some(Event::Exited)),
        }
    }

    /// Makes the bell odd, and looks once more, unless it was odd already: then entries come with a bell. Returns whether
    /// there were entries.
    fn fall_asleep(&mut self) -> io::Result<bool> {
        self.bell.begin();
        let slept = self.rings.as_ref().is_some_and(Rings::is_asleep);
        self.rings.iter_mut().for_each(Rings::fall_asleep);
        match slept {
            true => Ok(false),
            false => self.take_entries(),
        }
    }

    /// Looks at the rings. Returns whether there were entries.
    fn take_entries(&mut self) -> io::Result<bool> {
        let entries = self.rings.iter_mut().flat_map(Rings::look);
        let entries: Vec<_> = entries.collect();
        let has_some = !entries.is_empty();
        for entry in entries {
            let sighting = self.stream.entry(entry);
            self.see(sighting)?;
        }
        Ok(has_some)
    }

    /// Returns whether a bell is missing.
    fn misses_bell(&mut self) -> bool {
        let rings = self.rings.as_ref();
        let finding = rings.and_then(|rings| self.bell.missing(rings));
        let Some(finding) = finding else { return false };
        self.found.push(finding);
        self.rings.iter_mut().for_each(Rings::wake_up);
        true
    }

    fn on_readable(&mut self) -> io::Result<()> {
        // With a buffer, a packet is a bell, and the program does not wait until it is read.
        let next = self.packets + 1 + u64::from(self.rings.is_some());
        if self.kill_at == Some(next) && self.is_running() {
            self.program.kill();
        }
        let packet = self.read_packet()?;
        if packet.is_empty() {
            self.rings.iter().for_each(|rings| self.bell.end(rings));
            self.pipe = None;
            return Ok(());
        }
        self.packets += 1;
        self.rings.iter_mut().for_each(Rings::wake_up);
        // The entries that precede what came through the pipe.
        self.take_entries()?;
        let holders = self.rings.as_ref().map(Rings::holders);
        for sighting in self.stream.push(&packet, &holders.unwrap_or_default()) {
            self.see(Some(sighting))?;
        }
        if self.scenario == Scenario::ReaderGone {
            self.pipe = None;
            self.rings.iter_mut().for_each(Rings::close);
        }
        Ok(())
    }

    fn see(&mut self, sighting: Option<Sighting>) -> io::Result<()> {
        let Some(sighting) = sighting else {
            return Ok(());
        };
        self.check_blocking(sighting.place)?;
        self.found.extend(self.writers.look_at(sighting));
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
        let finding = Finding::new(self.place(), &rule::HANG, text);
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
            let finding = Finding::new(self.place(), &rule::CLOSE_ON_EXEC, text);
            self.found.push(finding);
            end(holder.pid);
        }
    }

    /// Finds O_NONBLOCK, once. The file keeps the flag, even if the process that has set it has ended.
    fn check_blocking(&mut self, place: Place) -> io::Result<()> {
        let is_blocking = |finding: &Finding| finding.rule() == &rule::BLOCKING;
        if let Some(pipe) = &self.pipe
            && pipe.is_non_blocking()?
            && !self.found.iter().any(is_blocking)
        {
            let text = "the program has set O_NONBLOCK on the file that it shares";
            let finding = Finding::new(place, &rule::BLOCKING, text);
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

    /// Where the pipe's stream is now.
    fn place(&self) -> Place {
        Place::Stream(self.stream.position())
    }
}
