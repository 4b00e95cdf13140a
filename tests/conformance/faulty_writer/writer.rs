//! `Writer`: the frames, and the faults in them.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    os::unix::process::parent_id,
    process,
    time::Duration,
};

use crate::{
    Fault,
    pack::{NIL, Pack},
    record::{HEAD, Record, UINT, now},
    ring::RingWriter,
};

/// The record in which the fault is.
const FAULTY: u64 = 2;

pub(crate) struct Writer {
    pipe: File,
    /// The ring into which it writes, if it is offered a buffer.
    ring: Option<RingWriter>,
    fault: Fault,
    /// A fault of the ring is in the frame that is written.
    is_faulty: bool,
    /// The bytes that were written.
    offset: usize,
    pid: u64,
    instance: u64,
    seq: u64,
    sent: u64,
    reader_is_gone: bool,
}

impl Writer {
    pub(crate) fn new(pipe: File, buffer: &[u64], fault: Fault) -> io::Result<Self> {
        let instance = new_instance();
        let pid = match fault {
            Fault::ParentsPid => parent_id(),
            _ => process::id(),
        };
        Ok(Self {
            pipe,
            ring: RingWriter::claim(buffer, instance, fault)?,
            fault,
            is_faulty: false,
            offset: 0,
            pid: pid.into(),
            instance,
            seq: 0,
            sent: 0,
            reader_is_gone: false,
        })
    }

    pub(crate) fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    pub(crate) fn begin(&mut self) -> io::Result<()> {
        match self.fault {
            Fault::NoHello => {
                self.planted(0);
                Ok(())
            }
            Fault::LateHello => Ok(()),
            Fault::TwoHellos => {
                self.hello()?;
                self.planted(0);
                self.hello()
            }
            Fault::Version2 => {
                self.planted(HEAD);
                self.hello()
            }
            Fault::TwoWrites
            | Fault::Reopens
            | Fault::ParentsPid
            | Fault::Closes0
            | Fault::Inherits
            | Fault::NonBlocking => {
                self.planted(0);
                self.hello()
            }
            Fault::NoClaimedBit | Fault::OwnerPlain => {
                self.planted_at_entry();
                self.hello()
            }
            Fault::OwnerOther | Fault::InheritsBuffer => {
                self.planted(0);
                self.hello()
            }
            Fault::JumpAtStart | Fault::NoBell => {
                self.planted_at_entry();
                self.is_faulty = true;
                let written = self.hello();
                self.is_faulty = false;
                written
            }
            _ => self.hello(),
        }
    }

    /// Gives the ring back.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        if let Some(ring) = &self.ring {
            ring.release();
        }
        match self.fault {
            Fault::NoRelease => self.planted_at_entry(),
            Fault::EntryAfterRelease => {
                self.planted_at_entry();
                return self.log(0);
            }
            Fault::UsesUnsealed => println!("planted offset {}", self.in_pipe()),
            Fault::IgnoresBuffer => self.planted(0),
            _ => {}
        }
        Ok(())
    }

    /// Logs a short record.
    pub(crate) fn log(&mut self, number: u64) -> io::Result<()> {
        if self.fault == Fault::LateHello && number == 1 {
            self.planted(0);
            self.hello()?;
        }
        if number == FAULTY {
            self.begin_ring_fault()?;
        }
        self.seq += 1;
        let record = match number {
            FAULTY => self.faulty_record(),
            _ => self.record().plain(b"hello"),
        };
        self.write(&record.frame())?;
        self.is_faulty = false;
        self.sent += 1;
        if number == FAULTY {
            self.after_the_faulty_record()?;
        }
        Ok(())
    }

    /// Logs a record in fragments.
    pub(crate) fn log_long(&mut self) -> io::Result<()> {
        self.seq += 1;
        let record = match self.fault {
            Fault::FragmentsOfHello => self.hello_payload(),
            fault => self.record().long(fault),
        };
        if self.fault == Fault::LongEntry {
            self.planted_at_entry();
            self.sent += 1;
            return self.write(&record.frame());
        }
        if matches!(self.fault, Fault::ManyValues | Fault::FragmentsOfHello) {
            self.planted(0);
        }
        let pieces: Vec<&[u8]> = record.0.chunks(4000).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let is_last = index + 1 == pieces.len();
            match (self.fault, index, is_last) {
                (Fault::FragmentLeftOut, 1, _) => continue,
                (Fault::FragmentLeftOut, 2, _) => self.planted(0),
                (Fault::FragmentWithoutLast, 0, _) => self.planted(0),
                (Fault::FragmentWithoutLast, _, true) => continue,
                // 393,216 bytes fit in 98 pieces and a part of the next one.
                (Fault::FragmentsTooLong, 98, _) => self.planted(0),
                _ => {}
            }
            let fragment = Pack::kind(2, 5).uint(self.pid).uint(7).uint(index as u64);
            let fragment = fragment.raw(&[0xc2 + u8::from(is_last)]).bin(piece);
            if self.fault == Fault::FragmentBegunAgain && index == 0 {
                self.planted(0);
                self.write(&fragment.clone().frame())?;
            }
            self.write(&fragment.frame())?;
        }
        self.sent += 1;
        Ok(())
    }

    pub(crate) fn close(&mut self) -> io::Result<()> {
        if self.fault == Fault::NoClose {
            self.planted(0);
            return Ok(());
        }
        if self.fault == Fault::ForgetsDropped {
            let dropped = Pack::kind(3, 4).uint(self.pid).uint(now());
            self.write(&dropped.raw(&[0x92, 0, 2]).uint(self.instance).frame())?;
        }
        let (fault_at, close) = self.close_payload();
        if let Some(offset) = fault_at {
            self.planted(offset);
        }
        self.write(&close.frame())?;
        if self.fault == Fault::RecordAfterClose {
            self.planted(0);
            self.log(0)?;
        }
        Ok(())
    }

    /// Goes on in a forked process, without drawing the instance or anything else again.
    pub(crate) fn after_fork(&mut self) -> io::Result<()> {
        if self.fault == Fault::KeepsSession {
            self.log(0)?;
            self.close()?;
            self.planted(0);
            return Ok(());
        }
        self.pid = process::id().into();
        if self.fault == Fault::DropsInstance {
            self.planted(0);
            self.write(&Pack::kind(0, 2).uint(1).uint(self.pid).frame())?;
            let close = Pack::kind(4, 4).uint(self.pid).uint(now());
            return self.write(&close.uint(0).uint(0).frame());
        }
        (self.seq, self.sent) = (0, 0);
        self.planted(0);
        self.hello()?;
        self.log(0)?;
        self.close()
    }

    fn hello(&mut self) -> io::Result<()> {
        let hello = self.hello_payload();
        self.write(&hello.frame())
    }

    fn hello_payload(&self) -> Pack {
        let version = match self.fault {
            Fault::Version2 => 2,
            _ => 1,
        };
        let hello = Pack::kind(0, 6).uint(version).uint(self.pid).raw(&[NIL]);
        hello.uint(now()).raw(&[NIL]).uint(self.instance)
    }

    /// Returns the close frame, and the offset of the fault in it.
    fn close_payload(&self) -> (Option<usize>, Pack) {
        let close = |fields, sent| {
            let close = Pack::kind(4, fields).uint(self.pid).uint(now()).uint(sent);
            close.uint(0).uint(self.instance)
        };
        let held_back = HEAD + 5 * UINT;
        match self.fault {
            Fault::OneMoreSent => (Some(0), close(5, self.sent + 1)),
            Fault::OneFewerSent => (Some(0), close(5, self.sent - 1)),
            Fault::ForgetsDropped => (Some(0), close(5, self.sent)),
            Fault::HeldBackText => (Some(held_back), close(6, self.sent).text(b"12")),
            Fault::MoreByLevel => {
                let levels = close(7, self.sent).raw(&[NIL, 0x92, 0, 1]);
                (Some(held_back + 1), levels)
            }
            _ => (None, close(5, self.sent)),
        }
    }

    /// Returns the parts of the record with the present number.
    fn record(&self) -> Record {
        Record {
            seq: self.seq,
            pid: self.pid,
            instance: self.instance,
        }
    }

    fn faulty_record(&mut self) -> Pack {
        match self.fault {
            Fault::SeqTwice => self.seq -= 1,
            Fault::SeqLeftOut | Fault::SeqBack => self.seq += 1,
            _ => {}
        }
        let (fault_at, record) = self.record().with_fault(self.fault);
        if let Some(offset) = fault_at {
            self.planted(offset);
        }
        record
    }

    fn after_the_faulty_record(&mut self) -> io::Result<()> {
        match self.fault {
            Fault::SeqBack => {
                self.planted(0);
                let late = Record {
                    seq: self.seq - 1,
                    ..self.record()
                };
                self.sent += 1;
                self.write(&late.plain(b"hello").frame())
            }
            Fault::Newline => {
                self.planted(0);
                self.write(b"\n")
            }
            Fault::TooLongLength => {
                self.planted(0);
                self.write(&[0, 1, 0x11, 0x70])
            }
            Fault::Text => {
                self.planted(0);
                self.write(b"INFO hello\n")
            }
            Fault::UnknownKind => {
                self.planted(4);
                self.write(&Pack::kind(9, 0).frame())
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        match self.fault {
            Fault::TwoWrites | Fault::Reopens => {
                let (length, payload) = frame.split_at(4);
                self.write_once(length)?;
                self.write_once(payload)
            }
            _ => self.write_once(frame),
        }
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(ring) = &mut self.ring {
            return match self.is_faulty && self.fault == Fault::RecordInPipe {
                true => ring.wait_for_turn(|| (&self.pipe).write_all(bytes)),
                false => ring.write(bytes, self.is_faulty, &self.pipe),
            };
        }
        if self.reader_is_gone {
            return Ok(());
        }
        loop {
            match self.pipe.write(bytes) {
                Ok(length) if length == bytes.len() => break,
                Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => match self.fault {
                    Fault::FailsWithoutReader => return Err(error),
                    Fault::RetriesWithoutReader => std::thread::park_timeout(RETRY),
                    _ => {
                        self.reader_is_gone = true;
                        return Ok(());
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.fault {
                    // The record is lost, and nobody learns of it.
                    Fault::NonBlocking => return Ok(()),
                    _ => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        self.offset += bytes.len();
        Ok(())
    }

    /// Prints the place of the fault: so many bytes after the beginning of the next frame.
    fn planted(&self, after: usize) {
        match &self.ring {
            Some(ring) => println!(
                "planted ring 0 position {}",
                ring.position() + 8 + after as u64
            ),
            None => println!("planted offset {}", self.offset + after),
        }
    }

    /// Prints the place of the fault: the beginning of the next entry.
    fn planted_at_entry(&self) {
        let position = self.ring.as_ref().map_or(0, RingWriter::position);
        println!("planted ring 0 position {position}");
    }

    /// Returns the bytes that are in the pipe's stream.
    fn in_pipe(&self) -> usize {
        self.offset + self.ring.as_ref().map_or(0, |ring| ring.bells)
    }

    fn begin_ring_fault(&mut self) -> io::Result<()> {
        match self.fault {
            Fault::PassesEnd => {
                let length = self.record().plain(b"hello").frame().len() + 8;
                while !self
                    .ring
                    .as_ref()
                    .is_none_or(|ring| ring.is_near_end(length))
                {
                    self.log(0)?;
                }
                self.planted_at_entry();
            }
            Fault::HeadUnaligned
            | Fault::HeadBack
            | Fault::HeadTooFar
            | Fault::PassesHead
            | Fault::JumpWithoutEntry
            | Fault::TicketNotDrawn
            | Fault::TicketTwice
            | Fault::TicketSenseless
            | Fault::NoTicket => self.planted_at_entry(),
            Fault::RecordInPipe => {
                if let Some(ring) = &self.ring {
                    ring.settle(true);
                }
                println!("planted offset {}", self.in_pipe());
            }
            Fault::MovesTail => println!("planted buffer offset {}", 4096 + 128),
            Fault::UnnamedWord => println!("planted buffer offset 32"),
            _ => return Ok(()),
        }
        self.is_faulty = true;
        Ok(())
    }
}

/// Between two attempts.
const RETRY: Duration = Duration::from_millis(1);

fn new_instance() -> u64 {
    u64::from(fastrand::u32(..))
}
