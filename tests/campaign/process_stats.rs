//! The memory, descriptors, maps, threads and processor time of this process.

use std::{fmt, fs, io, mem::MaybeUninit, time::Duration};

#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessStats {
    /// KiB of memory, without the memory that is shared with children.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) maps: u64,
    /// Maps of shared buffers.
    pub(crate) buffers: u64,
}

impl ProcessStats {
    /// Returns the figures of an idle process, after the allocator has returned its free memory.
    pub(crate) fn at_rest() -> io::Result<Self> {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: it has no conditions.
        unsafe {
            libc::malloc_trim(0);
        }
        Self::now()
    }

    pub(crate) fn now() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        let maps = fs::read_to_string("/proc/self/maps")?;
        let buffers = maps.lines().filter(|line| line.contains("/memfd:records"));
        Ok(Self {
            memory: figure("VmRSS:") - figure("RssShmem:"),
            threads: figure("Threads:"),
            // One of them is the directory that is being read.
            descriptors: fs::read_dir("/proc/self/fd")?.count() as u64 - 1,
            maps: maps.lines().count() as u64,
            buffers: buffers.count() as u64,
        })
    }
}

impl fmt::Display for ProcessStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            memory,
            descriptors,
            threads,
            maps,
            buffers,
        } = self;
        write!(
            f,
            "{memory} KiB, {descriptors} fds, {threads} threads, {maps} maps ({buffers} of buffers)"
        )
    }
}

/// Returns the processor time of this process and of its children that have ended.
pub(crate) fn processor_time() -> Duration {
    let of = |who| {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to memory for an `rusage`, which this call fills in.
        unsafe { libc::getrusage(who, usage.as_mut_ptr()) };
        // SAFETY: zeroes are a valid `rusage` too.
        let usage = unsafe { usage.assume_init() };
        let time = |time: libc::timeval| {
            let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
            seconds + Duration::from_micros(time.tv_usec.unsigned_abs())
        };
        time(usage.ru_utime) + time(usage.ru_stime)
    };
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}
