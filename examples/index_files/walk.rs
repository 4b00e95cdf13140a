//! The walk: finds the regular files below the given paths and counts the rest.

use std::{
    fmt::{self, Display},
    path::PathBuf,
};

use indicatif::HumanCount;
use tokio::sync::mpsc;
use walkdir::WalkDir;

use crate::{progress::Progress, results::counted, text::Escaped};

/// The numbers of entries that a walk has met.
#[derive(Default)]
pub(crate) struct WalkCounts {
    pub(crate) files: u64,
    directories: u64,
    links: u64,
    /// Sockets, pipes and devices.
    others: u64,
    unreadable: u64,
    /// The given paths that do not exist or cannot be read; they count as unreadable too.
    pub(crate) unreadable_roots: u64,
}

/// Sends each regular file below `roots` to `found`, and prints an error for each entry that cannot be read.
pub(crate) fn walk(
    roots: &[PathBuf],
    found: &mpsc::Sender<PathBuf>,
    progress: &Progress,
) -> WalkCounts {
    let mut counts = WalkCounts::default();
    for entry in roots
        .iter()
        .flat_map(|root| WalkDir::new(root).follow_root_links(false))
    {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                counts.unreadable += 1;
                counts.unreadable_roots += u64::from(error.depth() == 0);
                progress.print(format_args!("index_files: {}", one_line(&error)));
                continue;
            }
        };
        match entry.file_type() {
            kind if kind.is_file() => {
                counts.files += 1;
                progress.add_file();
                // Fails if all workers are gone. The file is counted already, so it is reported as not answered.
                let _no_worker_left = found.blocking_send(entry.into_path());
            }
            kind if kind.is_dir() => counts.directories += 1,
            kind if kind.is_symlink() => counts.links += 1,
            _ => counts.others += 1,
        }
    }
    counts
}

fn one_line(error: &walkdir::Error) -> String {
    match (error.path(), error.io_error()) {
        (Some(path), Some(reason)) => {
            let path = path.to_string_lossy();
            format!("cannot read {}: {reason}", Escaped(&path))
        }
        _ => Escaped(&error.to_string()).to_string(),
    }
}

impl Display for WalkCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            directories,
            links,
            others,
            unreadable,
            ..
        } = self;
        write!(f, "found {}", counted(*files, "file", "files"))?;
        write!(f, ", {}", counted(*directories, "directory", "directories"))?;
        for (number, one, more) in [
            (*links, "symbolic link", "symbolic links"),
            (
                *others,
                "socket, pipe or device",
                "sockets, pipes and devices",
            ),
        ] {
            if number > 0 {
                write!(f, "; skipped {}", counted(number, one, more))?;
            }
        }
        match unreadable {
            0 => Ok(()),
            number => write!(f, "; could not look into {}", HumanCount(*number)),
        }
    }
}
