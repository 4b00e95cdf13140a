//! Children that spoil the shared buffer that they were given, and siblings of such children.

use std::{
    ffi::c_void,
    fs,
    os::fd::{BorrowedFd, RawFd},
    process::{self, Command, Stdio},
    ptr, slice,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
    time::Duration,
};

use fastrand::Rng;
use pipe_handler::Overflow;
use rustix::{
    fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate},
    io::Errno,
    mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mprotect, munmap},
};

use crate::tools::{hear, init_shared, say};

/// The buffer of this process.
struct Buffer {
    fd: BorrowedFd<'static>,
    words: &'static [AtomicU64],
}

impl Buffer {
    /// Returns the handler's own map.
    fn of_handler() -> Self {
        let maps = fs::read_to_string("/proc/self/maps").expect("/proc");
        let line = maps.lines().find(|line| line.contains("/memfd:records"));
        let (begin, _) = line.and_then(|line| line.split_once('-')).expect("a map");
        let begin = usize::from_str_radix(begin, 16).expect("an address");
        let (fd, size) = named();
        // SAFETY: the handler never unmaps it.
        let words = unsafe { slice::from_raw_parts(begin as *const AtomicU64, size / 8) };
        Self { fd, words }
    }

    /// Maps the buffer of a process without a handler.
    fn map() -> Self {
        let (fd, size) = named();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: it replaces no other map.
        let start = unsafe { mmap(ptr::null_mut(), size, access, MapFlags::SHARED, fd, 0) };
        let start = start.expect("a buffer").cast::<AtomicU64>();
        // SAFETY: it is never unmapped.
        let words = unsafe { slice::from_raw_parts(start, size / 8) };
        Self { fd, words }
    }

    fn start(&self) -> *mut c_void {
        self.words.as_ptr().cast_mut().cast()
    }

    fn bytes(&self) -> usize {
        size_of_val(self.words)
    }

    /// Does something to the whole buffer that no handler does.
    fn spoil(&self, how: &str) -> Result<(), Errno> {
        let (start, bytes) = (self.start(), self.bytes());
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // SAFETY: nobody holds a reference into the memory; that the handler's accesses may fail is the purpose.
        let advise = |advice| unsafe { madvise(start, bytes, advice) };
        // SAFETY: as above.
        let protect = |flags| unsafe { mprotect(start, bytes, flags) };
        match how {
            "shrink" => ftruncate(self.fd, 0),
            "grow" => ftruncate(self.fd, 2 * bytes as u64),
            "reseal" => fcntl_add_seals(self.fd, SealFlags::FUTURE_WRITE),
            "punch" => fallocate(self.fd, punch, 0, bytes as u64),
            "punch-data" => fallocate(self.fd, punch, 8192, bytes as u64 - 8192),
            "dontneed" => advise(Advice::LinuxDontNeed),
            "remove" => advise(Advice::LinuxRemove),
            "protect" => protect(MprotectFlags::empty()),
            "read-only" => protect(MprotectFlags::READ),
            // SAFETY: as above.
            "unmap" => unsafe { munmap(start, bytes) },
            "ones" => {
                self.words
                    .iter()
                    .for_each(|word| word.store(u64::MAX, Relaxed));
                Ok(())
            }
            other => panic!("there is no way {other:?}"),
        }
    }

    /// Writes a word that is wrong, or nearly right.
    fn overwrite_one(&self, random: &mut Rng) {
        let rings = self.words[2].load(Relaxed).clamp(1, 64) as usize;
        let data_begin = (4096 + (rings * 256).next_multiple_of(4096)) / 8;
        let ring = random.usize(..rings);
        let at = match random.u8(..8) {
            0 => [8, 32, 48][random.usize(..3)],
            1 => random.usize(..data_begin),
            2..=5 => 512 + ring * 32 + random.usize(..32),
            _ => {
                let ring_words = (self.words.len() - data_begin) / rings;
                data_begin + ring * ring_words + random.usize(..ring_words)
            }
        };
        let word = &self.words[at];
        let value = match random.u8(..8) {
            0 => u64::MAX,
            1 => 1 << 63,
            2 => random.u64(..4096) * 8,
            3 => word.load(Relaxed).wrapping_add(8),
            4 => word.load(Relaxed).wrapping_sub(8),
            5 => u64::from_ne_bytes((random.u64(..1 << 20) << 32).to_be_bytes()),
            6 => 0,
            _ => random.u64(..),
        };
        word.store(value, Relaxed);
    }
}

/// Returns the descriptor and the size that the variable names.
fn named() -> (BorrowedFd<'static>, usize) {
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    let parts: Vec<_> = variable.split(':').collect();
    let number: RawFd = parts[4].parse().expect("a descriptor");
    // SAFETY: it stays open.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    (fd, parts[7].parse().expect("a size"))
}

/// Logs, does something to the buffer, and logs again. Prints the result.
pub(crate) fn spoil(how: &str) {
    init_shared(Overflow::Block);
    let buffer = Buffer::of_handler();
    (0..100).for_each(|n| log::info!("before {n}"));
    let result = buffer.spoil(how);
    say(&format!("{result:?}"));
    (0..100).for_each(|n| log::info!("after {n}"));
}

/// Threads log while another one of this process writes over all words this many times.
pub(crate) fn overwrite_own(times: usize) {
    init_shared(Overflow::BlockFor(Duration::from_millis(5)));
    log::info!("before");
    let buffer = Buffer::of_handler();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    log::info!("meanwhile");
                }
            });
        }
        let mut random = Rng::with_seed(times as u64);
        (0..times).for_each(|_| buffer.overwrite_one(&mut random));
        is_over.store(true, Relaxed);
    });
}

/// Writes over all words of a buffer until stdin ends. Never logs.
pub(crate) fn overwrite(seed: usize) {
    let buffer = Buffer::map();
    thread::spawn(|| {
        hear();
        process::exit(0);
    });
    let mut random = Rng::with_seed(seed as u64);
    (0..1000).for_each(|_| buffer.overwrite_one(&mut random));
    say("begun");
    loop {
        buffer.overwrite_one(&mut random);
    }
}

/// Threads log this many records each, while a sibling writes over all words of their buffer.
pub(crate) fn beside_a_spoiler(policy: &str, records: usize, seed: usize) {
    init_shared(match policy {
        "block" => Overflow::Block,
        "block-for" => Overflow::BlockFor(Duration::from_millis(1)),
        "drop" => Overflow::DropNewest,
        other => panic!("there is no policy {other:?}"),
    });
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg("overwrite").arg(seed.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    let mut sibling = command.spawn().expect("a sibling");
    let begun = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // The rings are claimed before they are spoiled.
                log::info!("first");
                while !begun.load(SeqCst) {
                    thread::yield_now();
                }
                (0..records).for_each(|n| log::info!("{n}"));
            });
        }
        let mut line = String::new();
        let output = sibling.stdout.take().expect("a stdout");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)
            .expect("a sibling that begins");
        begun.store(true, SeqCst);
    });
    drop(sibling.stdin.take());
    assert!(sibling.wait().expect("a status").success());
}

/// Logs with whatever stands in place of the buffer, and what has become of its descriptor.
pub(crate) fn offered() {
    let number = std::env::var("RECORD_PIPE").expect("a record pipe");
    let number = number.split(':').nth(4).and_then(|part| part.parse().ok());
    init_shared(Overflow::Block);
    (0..5).for_each(|n| log::info!("n{n}"));
    // SAFETY: it takes a number.
    let flags = unsafe { libc::fcntl(number.unwrap_or(-1), libc::F_GETFD) };
    say(match flags {
        -1 => "closed",
        0 => "as it was",
        _ => "changed",
    });
}

/// Logs with the settings that a program has which asks for nothing, and says whether the parent has read it.
pub(crate) fn log_by_default() {
    pipe_handler::init().expect("a record pipe");
    log::info!("hello");
    say(&format!("{:?}", pipe_handler::wait_read(Duration::MAX)));
}
