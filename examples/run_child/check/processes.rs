//! What `/proc` shows of the program: its descriptors, its relatives and who holds the pipe.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// A descriptor for writing: of the pipe, or of the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteEnd {
    pub(crate) number: i32,
    pub(crate) flags: OFlags,
}

/// A process that holds the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// Returns the write ends of a pipe among a process's descriptors; `None` if the process has ended.
pub(crate) fn write_ends(pid: u32, inode: u64) -> Option<Vec<WriteEnd>> {
    let mut ends = Vec::new();
    let pipe = format!("pipe:[{inode}]");
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
        let path = entry.ok()?.path();
        if fs::read_link(&path).is_ok_and(|target| target == Path::new(&pipe))
            && let Some(end) = write_end(pid, &path)
        {
            ends.push(end);
        }
    }
    Some(ends)
}

/// Returns the descriptors of a memory file among those of a process, with their flags.
pub(crate) fn memory_files(pid: u32, inode: u64) -> Vec<WriteEnd> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let of_memory = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|target| target.starts_with("/memfd:records (deleted)"))
            && fs::metadata(path).is_ok_and(|file| file.ino() == inode)
    };
    let files = paths.filter(of_memory);
    files.filter_map(|path| write_end(pid, &path)).collect()
}

/// Returns whether a process has a descriptor of this number; `None` if the process has ended.
pub(crate) fn has_descriptor(pid: u32, number: i32) -> Option<bool> {
    let any = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.next();
    any.is_some()
        .then(|| fs::read_link(format!("/proc/{pid}/fd/{number}")).is_ok())
}

/// Returns whether a process is there and has not ended.
pub(crate) fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Returns whether a process is `ancestor` or was started by it or by one of its descendants.
pub(crate) fn descends_from(pid: u32, ancestor: u32) -> bool {
    let mut next = Some(pid);
    while let Some(pid) = next.filter(|&pid| pid > 1) {
        if pid == ancestor {
            return true;
        }
        next = parent(pid);
    }
    false
}

/// Returns the processes, except this one, that have a write end of the pipe.
pub(crate) fn holders(inode: u64) -> Vec<Holder> {
    let this = std::process::id();
    let others = all().into_iter().filter(|&pid| pid != this);
    others
        .filter(|&pid| write_ends(pid, inode).is_some_and(|ends| !ends.is_empty()))
        .map(|pid| Holder {
            pid,
            name: name(pid),
        })
        .collect()
}

/// Returns the living descendants of a process.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|&pid| pid != ancestor && descends_from(pid, ancestor))
        .collect()
}

/// Returns a number that changes whenever a thread of the process gets or leaves the processor.
pub(crate) fn activity(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).ok();
    let switches = tasks.flatten().filter_map(status).map(|status| {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        let numbers = lines.filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok());
        numbers.sum::<u64>()
    });
    Some(switches.sum())
}

fn write_end(pid: u32, path: &Path) -> Option<WriteEnd> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).ok()?;
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
    let flags = OFlags::from_bits_retain(flags);
    (flags & OFlags::RWMODE != OFlags::RDONLY).then_some(WriteEnd { number, flags })
}

fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(pid).collect()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|(_, parent)| parent)
}

/// Returns the state and the parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the process, in parentheses, may have any characters.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut parts = rest.split_whitespace();
    let state = parts.next()?.chars().next()?;
    Some((state, parts.next()?.parse().ok()?))
}

fn name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().escape_debug().to_string()
}
