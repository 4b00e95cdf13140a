//! `RingWriter`: a ring of a shared buffer, and the faults in it. Offsets are those of PROTOCOL.md.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, FromRawFd, OwnedFd, RawFd},
    ptr, slice,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{SealFlags, fcntl_get_seals, fstat},
    io::{FdFlags, fcntl_setfd},
    mm::{MapFlags, ProtFlags, mmap},
};

use crate::Fault;

/// The offsets of words in the buffer.
const RING_BYTES: usize = 24;
const BELL: usize = 64;
const TICKET: usize = 256;
const CLAIMED: usize = 384;
/// The only ring that is used is the first one: its head, and the offsets of words in that.
const RING: usize = 4096;
const HEAD: usize = RING;
const OWNER: usize = RING + 64;
const RELEASED: usize = RING + 72;
const TAIL: usize = RING + 128;
/// Where the first ring begins if there are at most 16.
const START: usize = 8192;

const JUMP: u64 = u64::MAX;
const CLOSED: u64 = u64::MAX;
const GIVEN_UP: u64 = 1 << 63;
const BELL_FRAME: [u8; 6] = [0, 0, 0, 2, 5, 0x90];

/// How long the reader may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct RingWriter {
    words: &'static [AtomicU64],
    fault: Fault,
    head: u64,
    /// The bytes of the bells that were written to the pipe.
    pub(crate) bells: usize,
}

impl RingWriter {
    /// Claims the first ring of the buffer with these numbers, for this instance. `None` if the buffer may not be used.
    pub(crate) fn claim(numbers: &[u64], instance: u64, fault: Fault) -> io::Result<Option<Self>> {
        let &[fd, dev, ino, size] = numbers else {
            return Ok(None);
        };
        // SAFETY: the parent has handed this descriptor over, and nothing else uses it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
        let file = fstat(&fd)?;
        let is_same = (file.st_dev, file.st_ino, file.st_size as u64) == (dev, ino, size);
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        let is_sealed = fcntl_get_seals(&fd)?.contains(seals) || fault == Fault::UsesUnsealed;
        if !is_same || !is_sealed || fault == Fault::IgnoresBuffer {
            return Ok(None);
        }
        let flags = match fault {
            Fault::InheritsBuffer => FdFlags::empty(),
            _ => FdFlags::CLOEXEC,
        };
        fcntl_setfd(&fd, flags)?;
        let writer = Self {
            words: map(&fd, size as usize)?,
            fault,
            head: 0,
            bells: 0,
        };
        // Until the process ends.
        std::mem::forget(fd);
        writer.begin(instance);
        Ok(Some(writer))
    }

    /// Returns the position of the next entry.
    pub(crate) fn position(&self) -> u64 {
        self.head
    }

    /// Writes a frame, and rings the bell if the reader sleeps.
    pub(crate) fn write(&mut self, frame: &[u8], is_faulty: bool, pipe: &File) -> io::Result<()> {
        self.settle(is_faulty);
        let fault = if is_faulty { self.fault } else { Fault::None };
        let entry = self.entry(frame, fault);
        let size = self.word(RING_BYTES).load(Relaxed) as usize;
        for (at, word) in (self.head as usize..).step_by(8).zip(entry.as_chunks().0) {
            // The entry that passes the ring's end goes on where the ring ends.
            self.word(START + at % size)
                .store(u64::from_ne_bytes(*word), Relaxed);
        }
        let end = self.head + entry.len() as u64;
        let head = match fault {
            Fault::HeadUnaligned => end - 3,
            Fault::HeadBack => self.head - 8,
            Fault::HeadTooFar => self.head + size as u64 + 8,
            Fault::JumpWithoutEntry => self.head.next_multiple_of(size as u64),
            _ => end,
        };
        self.word(HEAD).store(head, SeqCst);
        self.head = end;
        match fault {
            Fault::MovesTail => self.word(TAIL).store(8, SeqCst),
            Fault::UnnamedWord => self.word(32).store(1, SeqCst),
            _ => {}
        }
        if fault != Fault::NoBell {
            self.ring_bell(pipe)?;
        }
        self.settle(is_faulty);
        Ok(())
    }

    /// Gives the ring back.
    pub(crate) fn release(&self) {
        if self.fault == Fault::NoRelease {
            return;
        }
        self.word(RELEASED).store(1, SeqCst);
        if self.fault == Fault::EntryAfterRelease {
            wait_until(|| self.word(OWNER).load(SeqCst) == 0);
        }
    }

    /// Whether an entry of this length would not fit before the ring's end.
    pub(crate) fn is_near_end(&self, length: usize) -> bool {
        let size = self.word(RING_BYTES).load(Relaxed);
        self.head % size + length as u64 > size
    }

    fn begin(&self, instance: u64) {
        let owner = match self.fault {
            Fault::OwnerPlain => instance,
            Fault::OwnerOther => 1 << 32 | (instance ^ 1),
            _ => 1 << 32 | instance,
        };
        let _free = self.word(OWNER).compare_exchange(0, owner, SeqCst, SeqCst);
        if self.fault != Fault::NoClaimedBit {
            self.word(CLAIMED).fetch_or(1, SeqCst);
        }
    }

    fn entry(&self, frame: &[u8], fault: Fault) -> Vec<u8> {
        let draw = || self.word(TICKET).fetch_add(1, SeqCst);
        let order = match fault {
            Fault::TicketNotDrawn => draw() + 1000,
            Fault::TicketTwice => self.word(TICKET).load(SeqCst) - 1,
            Fault::TicketSenseless => GIVEN_UP,
            Fault::NoTicket => 0,
            Fault::JumpAtStart | Fault::JumpWithoutEntry => JUMP,
            _ => draw(),
        };
        let mut entry = [&order.to_ne_bytes(), frame].concat();
        if fault == Fault::PassesHead {
            entry[8..12].copy_from_slice(&1000_u32.to_be_bytes());
        }
        entry.resize(entry.len().next_multiple_of(8), 0);
        entry
    }

    fn ring_bell(&mut self, mut pipe: &File) -> io::Result<()> {
        if self.word(BELL).load(SeqCst).is_multiple_of(2) || self.word(BELL).load(SeqCst) == CLOSED
        {
            return Ok(());
        }
        if !has_room(pipe)? {
            return Ok(());
        }
        match pipe.write(&BELL_FRAME) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(error),
            Ok(length) => {
                self.bells += length;
                Ok(())
            }
        }
    }

    /// Waits until the reader has woken up by `write` to the pipe, and sleeps again.
    pub(crate) fn wait_for_turn(&self, write: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let before = self.word(BELL).load(SeqCst);
        write()?;
        wait_until(|| {
            let bell = self.word(BELL).load(SeqCst);
            bell != before && bell % 2 == 1
        });
        Ok(())
    }

    /// For a fault of the ring, waits until the reader has read everything, and sleeps.
    pub(crate) fn settle(&self, is_faulty: bool) {
        if !is_faulty && self.fault != Fault::InheritsBuffer {
            return;
        }
        wait_until(|| {
            let tail = self.word(TAIL).load(SeqCst);
            let is_asleep = self.word(BELL).load(SeqCst) % 2 == 1;
            tail == GIVEN_UP || (tail == self.word(HEAD).load(SeqCst) && is_asleep)
        });
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        &self.words[offset / 8]
    }
}

fn wait_until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() && begin.elapsed() < PATIENCE {
        thread::yield_now();
    }
}

fn has_room(pipe: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default()))?;
    Ok(fds[0].revents().contains(PollFlags::OUT))
}

fn map(fd: &OwnedFd, size: usize) -> io::Result<&'static [AtomicU64]> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the call names no address, so the new map replaces no other.
    let start = unsafe { mmap(ptr::null_mut(), size, access, MapFlags::SHARED, fd, 0) }?;
    // SAFETY: the map begins at a page, is never removed, holds integers, and is accessed as atomics only. The parent that
    // checks this program does not shorten it.
    Ok(unsafe { slice::from_raw_parts(start.cast(), size / 8) })
}
