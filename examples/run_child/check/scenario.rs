//! `Scenario`: a situation in which the program is run, and the pipe and the variable that it then gets.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::fd::{AsRawFd, OwnedFd},
    process::Stdio,
};

use clap::ValueEnum;
use record_proto::Layout;
use rustix::{
    fs::{MemfdFlags, OFlags, fcntl_getfl, fstat, memfd_create},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd, ioctl_fionread, write},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
};

use super::{
    memory::Memory,
    place::Place,
    rings::Rings,
    rule::{self, Finding},
};

/// The lowest number for a descriptor that the program gets, as `pipe-subscriber` chooses it.
const LOWEST_NUMBER: i32 = 100;

/// The size of a pipe that holds one packet: a writer waits as long as its last write has not been read. So the kit
/// sees each process before it has gone on by more than one write.
const ONE_PACKET: usize = 4096;

const CONTENT: &[u8] = b"not a pipe\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// The pipe as a parent hands it over, and a reader that reads at once
    Usual,
    /// Neither RECORD_PIPE nor RECORD_PIPE_FILTER is set
    NoVariable,
    /// RECORD_PIPE names a descriptor that is closed
    Stale,
    /// RECORD_PIPE names a regular file, with the file's device and inode
    File,
    /// The descriptor is a pipe, but not that of the variable
    OtherPipe,
    /// The descriptor is the read end of the pipe
    ReadEnd,
    /// The pipe is the program's standard input
    #[value(name = "descriptor-0")]
    Descriptor0,
    /// A shell starts the program, holds the pipe as well, and waits for the program
    Launcher,
    /// Nobody reads for a while, and then everything is read
    Full,
    /// The pipe has no reader from the start
    NoReader,
    /// The reader goes away after the first write
    ReaderGone,
    /// With --buffer: the buffer has no seals, so the program has to use the pipe
    Unsealed,
    /// SIGKILL while the second write is in the pipe and the third one is to come; then while the third one is
    Kill,
}

/// The things that the program gets, and the things that are looked at.
pub(crate) struct Setup {
    pub(crate) stdin: Stdio,
    /// The descriptors that the program inherits besides its standard input.
    pub(crate) inherited: Vec<OwnedFd>,
    pub(crate) variable: Option<String>,
    pub(crate) pipe: Option<Pipe>,
    /// The buffer that the program is offered.
    pub(crate) rings: Option<Rings>,
    pub(crate) untouched: Untouched,
}

/// The pipe that the program should write to.
pub(crate) struct Pipe {
    pub(crate) end: OwnedFd,
    pub(crate) inode: u64,
    /// The file that the program has a descriptor of. Its flags are those that the program sets.
    pub(crate) write_end: Option<OwnedFd>,
}

/// A file that the program must not touch.
pub(crate) enum Untouched {
    Nothing,
    File(File),
    /// The read end of a pipe that the variable does not name.
    Pipe(OwnedFd),
}

impl Pipe {
    /// Returns whether the program has set O_NONBLOCK on the file that it was given.
    pub(crate) fn is_non_blocking(&self) -> io::Result<bool> {
        match &self.write_end {
            Some(end) => Ok(fcntl_getfl(end)?.contains(OFlags::NONBLOCK)),
            None => Ok(false),
        }
    }
}

impl Scenario {
    /// Makes the descriptors and variables that the program gets: beside a pipe, a buffer of this layout too.
    pub(crate) fn setup(self, buffer: Option<Layout>) -> io::Result<Setup> {
        match self {
            Self::NoVariable => Ok(Setup::without_pipe()),
            Self::Stale => Setup::stale(),
            Self::File => Setup::file(),
            Self::OtherPipe => Setup::other_pipe(),
            Self::ReadEnd => Setup::read_end(),
            _ => self.with_pipe(buffer),
        }
    }

    /// Whether it can be run without a buffer.
    pub(crate) fn needs_no_buffer(self) -> bool {
        self != Self::Unsealed
    }

    /// Whether everything that the program writes is read until it has ended by itself.
    pub(crate) fn reads_all(self) -> bool {
        matches!(
            self,
            Self::Usual | Self::Descriptor0 | Self::Launcher | Self::Full | Self::Unsealed
        )
    }

    fn with_pipe(self, buffer: Option<Layout>) -> io::Result<Setup> {
        let (read_end, write_end) = one_packet_pipe()?;
        let inode = fstat(&read_end)?.st_ino;
        if self == Self::Full {
            write(&write_end, b"0")?;
        }
        let mut setup = Setup::without_pipe();
        if self != Self::NoReader {
            setup.pipe = Some(Pipe {
                end: read_end,
                inode,
                write_end: Some(write_end.try_clone()?),
            });
        }
        if self == Self::Descriptor0 {
            setup.variable = Some(address(0, &write_end)?);
            setup.stdin = write_end.into();
        } else {
            setup.inherit(write_end)?;
        }
        if let Some(layout) = buffer.filter(|_| self != Self::Descriptor0) {
            setup.offer(layout, self != Self::Unsealed)?;
        }
        Ok(setup)
    }
}

impl Setup {
    fn without_pipe() -> Self {
        Self {
            stdin: Stdio::null(),
            inherited: Vec::new(),
            variable: None,
            pipe: None,
            rings: None,
            untouched: Untouched::Nothing,
        }
    }

    fn stale() -> io::Result<Self> {
        let (_, write_end) = one_packet_pipe()?;
        let number = fcntl_dupfd_cloexec(&write_end, LOWEST_NUMBER)?.as_raw_fd();
        let mut setup = Self::without_pipe();
        setup.variable = Some(address(number, &write_end)?);
        Ok(setup)
    }

    fn file() -> io::Result<Self> {
        let file = memfd_create("not-a-pipe", MemfdFlags::CLOEXEC)?;
        write(&file, CONTENT)?;
        let mut setup = Self::without_pipe();
        setup.inherit(file.try_clone()?)?;
        setup.untouched = Untouched::File(file.into());
        Ok(setup)
    }

    fn other_pipe() -> io::Result<Self> {
        let (_, named) = one_packet_pipe()?;
        let (read_end, write_end) = one_packet_pipe()?;
        let mut setup = Self::without_pipe();
        let number = setup.inherit(write_end)?;
        setup.variable = Some(address(number, &named)?);
        setup.untouched = Untouched::Pipe(read_end);
        Ok(setup)
    }

    fn read_end() -> io::Result<Self> {
        let (read_end, _) = one_packet_pipe()?;
        let mut setup = Self::without_pipe();
        setup.inherit(read_end)?;
        Ok(setup)
    }

    /// Lets the program inherit a pipe, and sets the variable for it.
    fn inherit(&mut self, fd: OwnedFd) -> io::Result<i32> {
        let number = self.hand_over(&fd)?;
        self.variable = Some(address(number, &fd)?);
        Ok(number)
    }

    /// Lets the program inherit a buffer too.
    fn offer(&mut self, layout: Layout, is_sealed: bool) -> io::Result<()> {
        let (memory, fd) = Memory::new(layout, is_sealed)?;
        let address = memory.address(self.hand_over(&fd)?, &fd)?;
        self.variable.iter_mut().for_each(|pipe| *pipe += &address);
        self.rings = Some(Rings::new(memory));
        Ok(())
    }

    /// Lets the program inherit a descriptor under a number from 100.
    fn hand_over(&mut self, fd: &OwnedFd) -> io::Result<i32> {
        let fd = fcntl_dupfd_cloexec(fd, LOWEST_NUMBER)?;
        // This process has one thread: no other program can be started meanwhile.
        fcntl_setfd(&fd, FdFlags::empty())?;
        let number = fd.as_raw_fd();
        self.inherited.push(fd);
        Ok(number)
    }
}

impl Untouched {
    /// Returns a finding if the program has changed the file.
    pub(crate) fn finding(&mut self) -> io::Result<Option<Finding>> {
        let (offset, text) = match self {
            Self::Nothing => return Ok(None),
            Self::Pipe(end) => match ioctl_fionread(&*end)? {
                0 => return Ok(None),
                bytes => (
                    0,
                    format!("at least {bytes} bytes in a pipe that is another one"),
                ),
            },
            Self::File(file) => {
                let mut content = Vec::new();
                file.rewind()?;
                file.read_to_end(&mut content)?;
                if content == CONTENT {
                    return Ok(None);
                }
                let same = content.iter().zip(CONTENT).take_while(|(a, b)| a == b);
                let bytes = content.len();
                (
                    same.count() as u64,
                    format!("a file under that number was written to and has {bytes} bytes now"),
                )
            }
        };
        let place = Place::Stream(offset);
        Ok(Some(Finding::new(place, &rule::NOT_THE_PIPE, text)))
    }
}

/// Makes a pipe in packet mode, in which each write of at most `PIPE_BUF` bytes is one packet.
fn one_packet_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read_end, write_end) = pipe_with(PipeFlags::DIRECT | PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&write_end, ONE_PACKET)?;
    Ok((read_end, write_end))
}

fn address(number: i32, fd: &OwnedFd) -> io::Result<String> {
    let file = fstat(fd)?;
    Ok(format!("v1:{number}:{}:{}", file.st_dev, file.st_ino))
}
