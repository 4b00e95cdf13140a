//! `Record`: a record's payload, right or with a fault.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Fault, pack::Pack};

/// The bytes of a frame before the fields: its length, kind and the head of the array.
pub(crate) const HEAD: usize = 4 + 1 + 3;
/// The bytes of an unsigned number.
pub(crate) const UINT: usize = 9;
/// The bytes of a text before its characters.
const TEXT: usize = 3;

/// The offsets of fields in the frame of a record whose target is `app` and whose message is `hello`.
const TIME: usize = HEAD + UINT;
const LEVEL: usize = TIME + UINT;
const TARGET: usize = LEVEL + UINT;
const MESSAGE: usize = TARGET + TEXT + 3;
const PID: usize = MESSAGE + TEXT + 5;
/// After process name (nil), thread id, and four more nils.
const KEY_VALUES: usize = PID + UINT + 1 + UINT + 4;
const LINE: usize = KEY_VALUES - 1;
const ERROR: usize = KEY_VALUES + 2;
const ORIGINAL_LENGTH: usize = ERROR + 1;
const INSTANCE: usize = ORIGINAL_LENGTH + 2;
const END: usize = INSTANCE + UINT;

pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) pid: u64,
    pub(crate) instance: u64,
}

impl Record {
    /// Returns a record without a fault.
    pub(crate) fn plain(&self, message: &[u8]) -> Pack {
        self.to_target().text(message).raw(&self.rest(&[0x80]))
    }

    /// Returns a record that needs fragments.
    pub(crate) fn long(&self, fault: Fault) -> Pack {
        match fault {
            Fault::FragmentsTooLong => {
                let value = [b'x'; 400_000];
                let head = [&[0x81, 0xa1, b'k', 0xdb][..], &400_000_u32.to_be_bytes()];
                let key_values = [&head.concat()[..], &value].concat();
                self.to_target().text(b"hello").raw(&self.rest(&key_values))
            }
            Fault::ManyValues => {
                let head = [0x81, 0xa1, b'k', 0xdc, 0x23, 0x28];
                let key_values = [&head[..], &[1; 9000]].concat();
                self.to_target().text(b"hello").raw(&self.rest(&key_values))
            }
            _ => self.plain(&[b'x'; 10_000]),
        }
    }

    /// Returns a record with the fault, and the offset of the fault in its frame; `None` if it has none.
    pub(crate) fn with_fault(&self, fault: Fault) -> (Option<usize>, Pack) {
        let found = self.fault_at_the_start(fault);
        let found = found.or_else(|| self.fault_at_the_end(fault));
        match found {
            Some((offset, record)) => (Some(offset), record),
            None => (None, self.plain(b"hello")),
        }
    }

    fn fault_at_the_start(&self, fault: Fault) -> Option<(usize, Pack)> {
        let seq = || Pack::kind(1, 18).uint(self.seq);
        let after_level = |pack: Pack| pack.text(b"app").text(b"hello").raw(&self.rest(&[0x80]));
        let after_target = |pack: Pack| pack.text(b"hello").raw(&self.rest(&[0x80]));
        Some(match fault {
            Fault::SeqTwice | Fault::SeqLeftOut => (0, self.plain(b"hello")),
            Fault::LongWrite => (0, self.plain(&[b'x'; 6000])),
            Fault::FourFields => {
                let four = Pack::kind(1, 4).uint(self.seq).uint(now()).uint(3);
                (5, four.text(b"app"))
            }
            Fault::TimeFloat => (TIME, after_level(seq().float(now() as f64).uint(3))),
            Fault::TimeMillis => (TIME, after_level(seq().uint(now() / 1_000_000).uint(3))),
            Fault::Level0 => (LEVEL, after_level(seq().uint(now()).uint(0))),
            Fault::TargetBin => (TARGET, after_target(seq().uint(now()).uint(3).bin(b"app"))),
            Fault::NilMessage => {
                let nil = self.to_target().nils(1);
                (MESSAGE, nil.raw(&self.rest(&[0x80])))
            }
            Fault::Surrogate => (MESSAGE + TEXT + 3, self.plain(b"caf\xed\xa0\x80")),
            _ => return None,
        })
    }

    fn fault_at_the_end(&self, fault: Fault) -> Option<(usize, Pack)> {
        let key_values = |bytes: &[u8]| self.to_target().text(b"hello").raw(&self.rest(bytes));
        let instead_at = |offset: usize, length: usize, value: Pack| {
            let mut record = self.plain(b"hello");
            record.0.splice(offset - 4..offset - 4 + length, value.0);
            (offset, record)
        };
        Some(match fault {
            Fault::KeyValuesArray => (KEY_VALUES, key_values(&[0x91, 0x01])),
            Fault::IntegerKey => (KEY_VALUES + 1, key_values(&[0x81, 0x01, 0x01])),
            Fault::Extension => {
                let date = [0x81, 0xa1, b'k', 0xd6, 0xff, 0, 0, 0, 0];
                (KEY_VALUES + 3, key_values(&date))
            }
            Fault::NineDeep => {
                let deep = [&[0x81, 0xa1, b'k'][..], &[0x91; 9], &[0x01]].concat();
                (KEY_VALUES + 3 + 8, key_values(&deep))
            }
            Fault::Line64Bits => instead_at(LINE, 1, Pack::default().uint(1 << 32)),
            Fault::CutShort => {
                let mut record = self.plain(b"hello");
                record.0.truncate(INSTANCE - 4 + 4);
                (INSTANCE + 1, record)
            }
            Fault::ErrorKey => {
                let error = Pack::default().raw(&[0x94]).text(b"failed").nils(2);
                instead_at(ERROR, 1, error.text(b"missing"))
            }
            Fault::OriginalLength => instead_at(ORIGINAL_LENGTH, 1, Pack::default().uint(5)),
            Fault::InstanceText => instead_at(INSTANCE, UINT, Pack::default().text(b"9f3a1c02")),
            Fault::MoreFields => {
                let mut record = self.plain(b"hello").nils(1).uint(1);
                record.0[2..4].copy_from_slice(&20_u16.to_be_bytes());
                (END + 1, record)
            }
            Fault::ExtraByte => (END, self.plain(b"hello").nils(1)),
            _ => return None,
        })
    }

    /// Returns the fields before the message.
    fn to_target(&self) -> Pack {
        let seq = Pack::kind(1, 18).uint(self.seq);
        seq.uint(now()).uint(3).text(b"app")
    }

    /// Returns the fields after the message, the 18th included.
    fn rest(&self, key_values: &[u8]) -> Vec<u8> {
        let process = Pack::default().uint(self.pid).nils(1);
        let thread = process.uint(self.pid).nils(4);
        thread.raw(key_values).nils(4).uint(self.instance).0
    }
}

/// Returns nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
