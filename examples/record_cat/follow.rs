//! A file that another process writes, as `tail -f` reads it.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::{
        fd::OwnedFd,
        unix::{fs::MetadataExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    stdio::stdout,
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};
use tokio::io::{AsyncRead, ReadBuf};

use crate::support::{Blocking, eprint_line};

/// How long to wait before the file is looked at again if the system does not report changes.
const WITHOUT_EVENTS: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// A regular file whose end is not the end of the stream. Reading ends only if the file is truncated or replaced, if
/// this process gets SIGINT or SIGTERM, or if nobody reads its output any more.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    file: Blocking<File>,
    position: u64,
    /// inotify(7); `None` if it cannot be had.
    events: Option<OwnedFd>,
    /// Readable after a signal.
    signals: UnixStream,
    is_missing: bool,
    end: Option<End>,
}

/// Why reading has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    Truncated,
    Replaced,
    Stopped,
}

impl Followed {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (signals, handler) = UnixStream::pair()?;
        pipe::register(SIGTERM, handler.try_clone()?)?;
        pipe::register(SIGINT, handler)?;
        // Before the file is opened, so that no change is missed.
        let events = watch(path);
        Ok(Self {
            path: path.to_owned(),
            file: Blocking(File::open(path)?),
            position: 0,
            events,
            signals,
            is_missing: false,
            end: None,
        })
    }

    /// Begins again, with what is in the file now or with the file that has taken its place. Returns `false` if
    /// following is over.
    pub(crate) fn restart(&mut self) -> io::Result<bool> {
        match self.end.take() {
            None | Some(End::Stopped) => return Ok(false),
            Some(End::Truncated) => {
                self.file.0.seek(SeekFrom::Start(0))?;
            }
            Some(End::Replaced) => {
                self.events = watch(&self.path);
                self.file = Blocking(File::open(&self.path)?);
            }
        }
        self.position = 0;
        Ok(true)
    }

    /// Returns why nothing more will come, or `None` if there may be more now.
    fn wait(&mut self) -> io::Result<Option<End>> {
        let open = self.file.0.metadata()?;
        if open.len() < self.position {
            self.report("was truncated");
            return Ok(Some(End::Truncated));
        }
        if open.len() > self.position {
            return Ok(None);
        }
        match fs::metadata(&self.path) {
            Ok(named) if !is_same(&named, &open) => {
                self.report("was replaced");
                return Ok(Some(End::Replaced));
            }
            Ok(_) => self.is_missing = false,
            // Rotation removes a file before it makes the next one.
            Err(_) if self.is_missing => {}
            Err(error) => {
                self.is_missing = true;
                self.report(&format!("is gone, waiting for another: {error}"));
            }
        }
        let is_stopped = wait_for_change(self.events.as_ref(), &self.signals)?;
        Ok(is_stopped.then_some(End::Stopped))
    }

    fn report(&self, change: &str) {
        eprint_line(format_args!("record_cat: {} {change}", self.path.display()));
    }
}

/// Blocks the thread, as [`Blocking`] does.
impl AsyncRead for Followed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.end.is_none() {
            let length = self.file.read(buf.initialize_unfilled())?;
            if length > 0 {
                self.position += length as u64;
                buf.advance(length);
                break;
            }
            self.end = self.wait()?;
        }
        Poll::Ready(Ok(()))
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Waits for an event. Returns whether there was a signal, or the reader of the output is gone.
fn wait_for_change(events: Option<&OwnedFd>, signals: &UnixStream) -> io::Result<bool> {
    let timeout = match events {
        Some(_) => None,
        None => Some(&WITHOUT_EVENTS),
    };
    let output = stdout();
    // The loss of a reader is always reported, and nothing else is asked for.
    let output = PollFd::new(&output, PollFlags::empty());
    let mut sources = vec![PollFd::new(signals, PollFlags::IN), output];
    sources.extend(events.map(|events| PollFd::new(events, PollFlags::IN)));
    match poll(&mut sources, timeout) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_stopped = sources[..2]
        .iter()
        .any(|source| !source.revents().is_empty());
    if let Some(events) = events {
        // Which events they are does not matter: the file is looked at after any.
        let _none_or_full = rustix::io::read(events, &mut [0; 4096]);
    }
    Ok(is_stopped)
}

/// Watches the file for changes, and its folder for a file that takes its place.
#[cfg(target_os = "linux")]
fn watch(path: &Path) -> Option<OwnedFd> {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    let events = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
    let changes = WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF;
    add_watch(&events, path, changes).ok()?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let arrivals = WatchFlags::CREATE | WatchFlags::MOVED_TO;
    add_watch(&events, folder, arrivals).ok()?;
    Some(events)
}

#[cfg(not(target_os = "linux"))]
fn watch(_: &Path) -> Option<OwnedFd> {
    None
}
