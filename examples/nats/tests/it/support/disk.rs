//! File systems of their own for stores: a small one, and one whose disk can be looked at. They need root.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// A mounted file system. It is unmounted when this is dropped.
pub(crate) struct Disk {
    pub(crate) path: PathBuf,
}

impl Disk {
    /// A file system in memory.
    pub(crate) fn small(path: PathBuf, bytes: u64) -> Self {
        mount(&path, &format!("-t tmpfs -o size={bytes} tmpfs"));
        Self { path }
    }

    /// A file system whose disk is a file, as large as a store needs.
    pub(crate) fn in_file(path: PathBuf, disk: &Path) -> Self {
        File::create(disk).unwrap().set_len(256 << 20).unwrap();
        run(&format!("mkfs.ext4 -q -F {}", disk.display()));
        Self::of_file(path, disk)
    }

    /// Mounts what a disk has.
    pub(crate) fn of_file(path: PathBuf, disk: &Path) -> Self {
        mount(&path, &format!("-o loop {}", disk.display()));
        Self { path }
    }

    pub(crate) fn resize(&self, bytes: u64) {
        run(&format!(
            "mount -o remount,size={bytes} {}",
            self.path.display()
        ));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The servers of a test that failed may still use it.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.path)
            .status();
    }
}

fn mount(path: &Path, arguments: &str) {
    fs::create_dir_all(path).unwrap();
    run(&format!("mount {arguments} {}", path.display()));
}

fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status();
    assert!(
        status.expect("the program is installed").success(),
        "{command}"
    );
}
