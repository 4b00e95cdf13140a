//! A handler on a buffer whose reader is in the same process.

mod gone;
mod hostile;
mod long;
mod rings;
mod room;

use std::{
    fs::File,
    io::{self, PipeReader},
    os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd},
    ptr, slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use log::{Level, Log};
use record_proto::{
    BufferReader, HEAD_LENGTH, Layout, LogRecord, Next, Payload, Progress, Reassembler, RingWords,
};
use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap},
};

use super::SharedBuffer;
use super::mapping::Refused;
use crate::transport::{Address, BufferAddress, Deadline, Overflow, OwnFd, Pipe, Transport};
use crate::{Builder, PipeHandler};

pub(super) const KIB: usize = 1024;

/// One generous limit for everything that a test waits for.
const LIMIT: Duration = Duration::from_secs(60);

/// The parent's side of a buffer and of the pipe beside it.
pub(super) struct Parent {
    pub(super) words: &'static [AtomicU64],
    pub(super) layout: Layout,
    pub(super) reader: BufferReader,
    pub(super) pipe: Option<PipeReader>,
    joined: Reassembler,
}

/// What came out of the rings.
#[derive(Default)]
pub(super) struct Found {
    /// Their instances.
    pub(super) hellos: Vec<Option<u32>>,
    pub(super) records: Vec<LogRecord<'static>>,
    pub(super) closes: Vec<record_proto::Close>,
    pub(super) dropped: u64,
    pub(super) fragments: usize,
    /// The longest frame, its length included.
    pub(super) longest: usize,
}

/// Makes a buffer whose rings have together at most `bytes`, and a handler with these settings that uses it.
pub(super) fn start(
    bytes: usize,
    settings: impl FnOnce(Builder) -> Builder,
) -> (Parent, PipeHandler) {
    let (parent, fd, write_end) = Parent::new(bytes);
    let handler = make(fd, write_end, settings).expect("a buffer");
    (parent, handler)
}

/// Makes a handler on a buffer and a pipe.
pub(super) fn make(
    fd: OwnedFd,
    write_end: OwnedFd,
    settings: impl FnOnce(Builder) -> Builder,
) -> Result<PipeHandler, Refused> {
    let transport = transport(fd, write_end)?;
    let mut builder = settings(PipeHandler::builder().filter("trace"));
    let filter = builder.read_filter().unwrap();
    let handler = builder.make_with(filter, transport);
    handler.writer.begin_session();
    Ok(handler)
}

/// Makes the way through a buffer, with a pipe beside it.
fn transport(fd: OwnedFd, write_end: OwnedFd) -> Result<Transport, Refused> {
    let stat = fstat(&fd).unwrap();
    let address = BufferAddress {
        file: Address {
            fd: fd.into_raw_fd(),
            dev: stat.st_dev,
            ino: stat.st_ino,
        },
        size: stat.st_size as u64,
    };
    let shared = SharedBuffer::adopt(&address)?;
    let pipe = Pipe::new(Arc::new(OwnFd::new(write_end)), false);
    Ok(Transport::new(pipe, Some(shared)))
}

/// As [`start`], with this overflow policy.
pub(super) fn start_with(bytes: usize, overflow: Overflow) -> (Parent, PipeHandler) {
    start(bytes, |builder| builder.overflow(overflow))
}

pub(super) fn log(handler: &PipeHandler, message: &str) {
    let mut record = log::Record::builder();
    record.level(Level::Info).target("test");
    handler.log(&record.args(format_args!("{message}")).build());
}

/// Waits until `f` returns `true`.
pub(super) fn wait_until(what: &str, mut f: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !f() {
        assert!(Instant::now() < end, "{what}");
        thread::yield_now();
    }
}

impl Parent {
    fn new(bytes: usize) -> (Self, OwnedFd, OwnedFd) {
        let layout = Layout::within(bytes).expect("a ring");
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = memfd_create("test", flags).unwrap();
        ftruncate(&fd, layout.bytes() as u64).unwrap();
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
        let words = map(&fd, layout.bytes());
        layout.write(words);
        let mut reader = BufferReader::new(layout);
        reader.awake(words);
        let (pipe, write_end) = io::pipe().unwrap();
        let parent = Self {
            words,
            layout,
            reader,
            pipe: Some(pipe),
            joined: Reassembler::new(),
        };
        (parent, fd, write_end.into())
    }

    pub(super) fn ring(&self, index: usize) -> RingWords<'static> {
        self.layout.ring(self.words, index)
    }

    pub(super) fn rings(&self) -> impl Iterator<Item = RingWords<'static>> {
        (0..self.layout.rings()).map(|index| self.ring(index))
    }

    pub(super) fn claimed(&self) -> u32 {
        self.layout
            .header(self.words)
            .claimed
            .load(Relaxed)
            .count_ones()
    }

    /// Reads everything that stands in the rings.
    pub(super) fn read(&mut self) -> Found {
        let mut found = Found::default();
        while !self.turn(&mut found) {}
        found
    }

    /// One look. Returns whether everything was read.
    pub(super) fn turn(&mut self, found: &mut Found) -> bool {
        self.reader.look(self.words);
        let is_done = loop {
            match self.reader.next(self.words) {
                Next::Frame(_, frame) => found.add(frame, &mut self.joined),
                Next::Part => {
                    self.publish(found);
                    self.reader.go_on(self.words);
                }
                Next::Look => break false,
                Next::Nothing => break true,
            }
        };
        self.publish(found);
        is_done
    }

    fn publish(&mut self, found: &mut Found) {
        self.reader.publish(self.words, wake, |_, dropped| {
            found.dropped += dropped.iter().sum::<u64>();
        });
    }

    /// Drops that stand in the rings.
    pub(super) fn dropped(&self) -> u64 {
        let counts = self.rings().flat_map(|ring| ring.dropped);
        counts.map(|count| count.load(Relaxed)).sum()
    }

    /// Reads what stands in the pipe.
    pub(super) fn read_pipe(&mut self) -> Vec<u8> {
        use std::io::Read;
        let pipe = self.pipe.as_mut().unwrap();
        let ready = rustix::io::ioctl_fionread(pipe.as_fd()).unwrap();
        let mut bytes = vec![0; ready as usize];
        pipe.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads the frames that stand in the pipe.
    pub(super) fn read_pipe_frames(&mut self) -> Found {
        let mut found = Found::default();
        let bytes = self.read_pipe();
        let mut rest = &*bytes;
        while let Some(head) = rest.first_chunk() {
            let length = HEAD_LENGTH + u32::from_be_bytes(*head) as usize;
            found.add(&rest[..length], &mut self.joined);
            rest = &rest[length..];
        }
        found
    }
}

impl Found {
    fn add(&mut self, frame: &[u8], joined: &mut Reassembler) {
        self.longest = self.longest.max(frame.len());
        match Payload::decode(&frame[HEAD_LENGTH..]).expect("a whole frame") {
            Payload::Hello(hello) => self.hellos.push(hello.instance),
            Payload::Record(record) => self.records.push(record.into_owned()),
            Payload::Close(close) => self.closes.push(close),
            Payload::Dropped(dropped) => self.dropped += dropped.counts.total(),
            Payload::Fragment(fragment) => {
                self.fragments += 1;
                if let Progress::Complete(payload) = joined.push(&fragment) {
                    let record = LogRecord::decode(&payload).expect("a whole record");
                    self.records.push(record.into_owned());
                }
            }
            _ => {}
        }
    }

    pub(super) fn seqs(&self) -> Vec<u64> {
        let mut seqs: Vec<_> = self.records.iter().map(|record| record.seq).collect();
        seqs.sort_unstable();
        seqs
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.hellos.append(&mut other.hellos);
        self.records.append(&mut other.records);
        self.closes.append(&mut other.closes);
        self.dropped += other.dropped;
        self.fragments += other.fragments;
        self.longest = self.longest.max(other.longest);
    }
}

/// Runs `child` in a thread, and reads until it has ended and everything is read.
pub(super) fn read_beside(parent: &mut Parent, child: impl FnOnce() + Send) -> Found {
    let mut found = Found::default();
    thread::scope(|scope| {
        let child = scope.spawn(child);
        wait_until("the child's thread does not end", || {
            parent.turn(&mut found);
            child.is_finished()
        });
        child.join().unwrap();
    });
    found.append(parent.read());
    found
}

#[expect(unsafe_code, reason = "the parent's map")]
fn map(fd: &OwnedFd, bytes: usize) -> &'static [AtomicU64] {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the call names no address, so the new map replaces no other.
    let start = unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, fd, 0) }.unwrap();
    // SAFETY: the map is never unmapped, and is accessed as atomics only.
    unsafe { slice::from_raw_parts(start.cast(), bytes / 8) }
}

#[expect(unsafe_code, reason = "a futex has no safe form in shared memory")]
fn wake(word: &AtomicU64) {
    let half = ptr::from_ref(word).cast::<u32>();
    // SAFETY: the address of half a word.
    unsafe { libc::syscall(libc::SYS_futex, half, libc::FUTEX_WAKE, libc::c_int::MAX) };
}

/// Whether a thread waits for room.
pub(super) fn is_waiting(parent: &Parent) -> bool {
    parent.rings().any(|ring| ring.waiting.load(Relaxed) > 0)
}

/// Lets the system refuse a call to this thread with an error, from now on.
#[expect(unsafe_code, reason = "prctl has no safe form for a filter")]
pub(super) fn refuse(call: libc::c_long) {
    let statement = |code: u32, k: u32, jt, jf| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut filter = [
        // The number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            call as u32,
            0,
            1,
        ),
        statement(
            libc::BPF_RET,
            libc::SECCOMP_RET_ERRNO | libc::ENOMEM as u32,
            0,
            0,
        ),
        statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the call takes no pointers, and concerns this thread only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0);
    let (option, mode) = (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER);
    // SAFETY: the filter lives during the call, which copies it, and concerns this thread only.
    let result = unsafe { libc::prctl(option, mode, &raw const program) };
    assert_eq!(result, 0);
}

/// A file that is no pipe, to stand in its place.
pub(super) fn other_file() -> File {
    File::open("/dev/null").unwrap()
}
