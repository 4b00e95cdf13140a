//! `Memory`: a shared buffer that the program is offered.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    slice,
    sync::atomic::AtomicU64,
};

use memmap2::MmapRaw;
use record_proto::Layout;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, memfd_create};

/// The memory of a buffer, mapped by this process.
#[derive(Debug)]
pub(crate) struct Memory {
    map: MmapRaw,
    layout: Layout,
    pub(crate) inode: u64,
}

impl Memory {
    /// Makes a buffer, and returns its descriptor too. Without its seals, no program may use it.
    pub(crate) fn new(layout: Layout, is_sealed: bool) -> io::Result<(Self, OwnedFd)> {
        let fd = memfd_create("records", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let file = File::from(fd);
        file.set_len(layout.bytes() as u64)?;
        if is_sealed {
            let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
            fcntl_add_seals(&file, seals)?;
        }
        let memory = Self {
            map: MmapRaw::map_raw(&file)?,
            layout,
            inode: fstat(file.as_fd())?.st_ino,
        };
        layout.write(memory.words());
        Ok((memory, file.into()))
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the map is writable, has this length, is aligned to a page and lives as long as the slice. This process
        // accesses it as atomics only.
        unsafe { slice::from_raw_parts(self.map.as_mut_ptr().cast(), self.layout.bytes() / 8) }
    }

    /// Returns the four parts of the variable.
    pub(crate) fn address(&self, number: i32, fd: &OwnedFd) -> io::Result<String> {
        let file = fstat(fd)?;
        Ok(format!(
            ":{number}:{}:{}:{}",
            file.st_dev,
            file.st_ino,
            self.layout.bytes()
        ))
    }
}
