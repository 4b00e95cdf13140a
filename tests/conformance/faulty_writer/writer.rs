//! `Writer`: the frames, and the faults in them.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    os::unix::process::parent_id,
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Fault,
    pack::{NIL, Pack},
};

/// The record in which the fault is.
const FAULTY: u64 = 2;
/// The bytes of a frame before the fields: its length, kind and the head of the array.
const HEAD: usize = 4 + 1 + 3;
/// The bytes of an unsigned number.
const UINT: usize = 9;

pub(crate) struct Writer {
    pipe: File,
    fault: Fault,
    /// The bytes that were written.
    offset: usize,
    pid: u64,
    instance: u64,
    seq: u64,
    sent: u64,
    reader_is_gone: bool,
}

impl Writer {
    pub(crate) fn new(pipe: File, fault: Fault) -> Self {
        let pid = match fault {
            Fault::ParentsPid => parent_id(),
            _ => process::id(),
        };
        Self {
            pipe,
            fault,
            offset: 0,
            pid: pid.into(),
            instance: new_instance(),
            seq: 0,
            sent: 0,
            reader_is_gone: false,
        }
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
            | Fault::ParentsPid
            | Fault::Closes0
            | Fault::Inherits
            | Fault::NonBlocking => {
                self.planted(0);
                self.hello()
            }
            _ => self.hello(),
        }
    }

    /// Logs a short record.
    pub(crate) fn log(&mut self, number: u64) -> io::Result<()> {
        if self.fault == Fault::LateHello && number == 1 {
            self.planted(0);
            self.hello()?;
        }
        self.seq += 1;
        let (frame, seq) = match number {
            FAULTY => self.faulty_record(),
            _ => (self.record(self.seq, b"hello").frame(), self.seq),
        };
        self.seq = seq;
        self.write(&frame)?;
        self.sent += 1;
        if number == FAULTY {
            self.after_the_faulty_record()?;
        }
        Ok(())
    }

    /// Logs a record in fragments.
    pub(crate) fn log_long(&mut self) -> io::Result<()> {
        self.seq += 1;
        let record = self.record(self.seq, &[b'x'; 10_000]);
        let pieces: Vec<&[u8]> = record.0.chunks(4000).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let is_last = index + 1 == pieces.len();
            match (self.fault, index, is_last) {
                (Fault::FragmentLeftOut, 1, _) => continue,
                (Fault::FragmentLeftOut, 2, _) => self.planted(0),
                (Fault::FragmentWithoutLast, 0, _) => self.planted(0),
                (Fault::FragmentWithoutLast, _, true) => continue,
                _ => {}
            }
            let fragment = Pack::kind(2, 5).uint(self.pid).uint(7).uint(index as u64);
            let fragment = fragment.raw(&[0xc2 + u8::from(is_last)]).bin(piece);
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
        let mut sent = self.sent;
        if self.fault == Fault::OneMoreSent {
            self.planted(0);
            sent += 1;
        }
        let close = Pack::kind(4, 5).uint(self.pid).uint(now()).uint(sent);
        self.write(&close.uint(0).uint(self.instance).frame())?;
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
        (self.seq, self.sent) = (0, 0);
        self.planted(0);
        self.hello()?;
        self.log(0)?;
        self.close()
    }

    fn hello(&mut self) -> io::Result<()> {
        let version = match self.fault {
            Fault::Version2 => 2,
            _ => 1,
        };
        let hello = Pack::kind(0, 6).uint(version).uint(self.pid).raw(&[NIL]);
        self.write(&hello.uint(now()).raw(&[NIL]).uint(self.instance).frame())
    }

    /// Returns a record of 18 fields.
    fn record(&self, seq: u64, message: &[u8]) -> Pack {
        self.beginning(seq).text(message).raw(&self.rest(&[0x80]))
    }

    /// Returns the fields before the message.
    fn beginning(&self, seq: u64) -> Pack {
        Pack::kind(1, 18).uint(seq).uint(now()).uint(3).text(b"app")
    }

    /// Returns the fields after the message.
    fn rest(&self, key_values: &[u8]) -> Vec<u8> {
        let rest = Pack::default()
            .uint(self.pid)
            .nils(1)
            .uint(self.pid)
            .nils(4);
        rest.raw(key_values).nils(4).uint(self.instance).0
    }

    /// Returns the frame of the record with the fault, and its seq.
    fn faulty_record(&self) -> (Vec<u8>, u64) {
        let seq = self.seq;
        let head = || Pack::kind(1, 18).uint(seq);
        let after_level = |pack: Pack| pack.text(b"app").text(b"hello").raw(&self.rest(&[0x80]));
        let key_values = |bytes: &[u8]| self.beginning(seq).text(b"hello").raw(&self.rest(bytes));
        let to_message = HEAD + 3 * UINT + 3 + 3;
        let to_key_values = to_message + 3 + 5 + 2 * UINT + 5;
        let (fault_at, payload) = match self.fault {
            Fault::TimeFloat => (HEAD + UINT, after_level(head().float(now() as f64).uint(3))),
            Fault::TimeMillis => (
                HEAD + UINT,
                after_level(head().uint(now() / 1_000_000).uint(3)),
            ),
            Fault::Level0 => (HEAD + 2 * UINT, after_level(head().uint(now()).uint(0))),
            Fault::TargetBin => {
                let pack = head().uint(now()).uint(3).bin(b"app");
                (
                    HEAD + 3 * UINT,
                    pack.text(b"hello").raw(&self.rest(&[0x80])),
                )
            }
            Fault::FourFields => {
                let pack = Pack::kind(1, 4).uint(seq).uint(now()).uint(3);
                (5, pack.text(b"app"))
            }
            Fault::MoreFields => {
                let mut pack = self.record(seq, b"hello");
                pack.0[2..4].copy_from_slice(&20_u16.to_be_bytes());
                (4 + pack.0.len() + 1, pack.nils(1).uint(1))
            }
            Fault::NilMessage => {
                let pack = self.beginning(seq).nils(1);
                (to_message, pack.raw(&self.rest(&[0x80])))
            }
            Fault::Surrogate => {
                let message = b"caf\xed\xa0\x80";
                (to_message + 3 + 3, self.record(seq, message))
            }
            Fault::KeyValuesArray => (to_key_values, key_values(&[0x91, 0x01])),
            Fault::IntegerKey => (to_key_values + 1, key_values(&[0x81, 0x01, 0x01])),
            Fault::Extension => {
                let date = [0x81, 0xa1, b'k', 0xd6, 0xff, 0, 0, 0, 0];
                (to_key_values + 3, key_values(&date))
            }
            Fault::NineDeep => {
                let deep = [&[0x81, 0xa1, b'k'][..], &[0x91; 9], &[0x01]].concat();
                (to_key_values + 3 + 8, key_values(&deep))
            }
            Fault::InstanceText => {
                let mut pack = self.record(seq, b"hello");
                let start = pack.0.len() - UINT;
                pack.0.truncate(start);
                (4 + start, pack.text(b"9f3a1c02"))
            }
            Fault::OriginalLength => self.record_with(15, Pack::default().uint(5)),
            Fault::ErrorKey => {
                let error = Pack::default().raw(&[0x94]).text(b"failed").nils(2);
                self.record_with(14, error.text(b"missing"))
            }
            Fault::ExtraByte => {
                let pack = self.record(seq, b"hello");
                (4 + pack.0.len(), pack.nils(1))
            }
            Fault::LongWrite => (0, self.record(seq, &[b'x'; 6000])),
            Fault::SeqTwice => (0, self.record(seq - 1, b"hello")),
            Fault::SeqBack => {
                // The next record but one has this number.
                (usize::MAX, self.record(seq + 1, b"hello"))
            }
            Fault::SeqLeftOut => (0, self.record(seq + 1, b"hello")),
            _ => (usize::MAX, self.record(seq, b"hello")),
        };
        if fault_at != usize::MAX {
            self.planted(fault_at);
        }
        let seq = match self.fault {
            Fault::SeqTwice => seq - 1,
            Fault::SeqLeftOut => seq + 1,
            _ => seq,
        };
        (payload.frame(), seq)
    }

    /// Returns a record with another value of a field between key-values and instance, and the offset of the field.
    fn record_with(&self, field: usize, value: Pack) -> (usize, Pack) {
        let pack = self.record(self.seq, b"hello");
        let at = pack.0.len() - UINT - (17 - field);
        let (before, after) = pack.0.split_at(at);
        (4 + at, Pack([before, &value.0, &after[1..]].concat()))
    }

    fn after_the_faulty_record(&mut self) -> io::Result<()> {
        match self.fault {
            Fault::SeqBack => {
                self.planted(0);
                let frame = self.record(self.seq, b"hello").frame();
                self.seq += 1;
                self.sent += 1;
                self.write(&frame)
            }
            Fault::Newline => {
                self.planted(0);
                self.write(b"\n")
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
            Fault::TwoWrites => {
                let (length, payload) = frame.split_at(4);
                self.write_once(length)?;
                self.write_once(payload)
            }
            _ => self.write_once(frame),
        }
    }

    fn write_once(&mut self, bytes: &[u8]) -> io::Result<()> {
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

    /// Prints the offset of the fault: so many bytes after those that were written.
    fn planted(&self, after: usize) {
        println!("planted {}", self.offset + after);
    }
}

/// Between two attempts.
const RETRY: std::time::Duration = std::time::Duration::from_millis(1);

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

fn new_instance() -> u64 {
    u64::from(fastrand::u32(..))
}
