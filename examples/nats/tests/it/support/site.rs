//! A hub and its leaves, with a directory of their own.

use std::{fs::File, path::PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::{Place, Server, certificates};

pub(crate) struct Site {
    pub(crate) hub: Server,
    pub(crate) leaves: Vec<Server>,
    /// The write end of the pipe that the loads wait for.
    until: Option<File>,
    dir: TempDir,
}

impl Site {
    /// Starts a hub and a leaf for each host, and makes their streams.
    pub(crate) async fn start(hosts: &[&str]) -> Self {
        let mut site = Self::new(Place::loopback());
        for host in hosts {
            site.add_leaf(host, Place::loopback());
        }
        site.start_all().await;
        site
    }

    /// A hub without leaves, not started.
    pub(crate) fn new(hub: Place) -> Self {
        let dir = tempfile::tempdir().unwrap();
        certificates::authority(dir.path());
        let pipe = dir.path().join("until");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Opened for both, because the write end alone would wait for a reader.
        let until = File::options().read(true).write(true).open(pipe).unwrap();
        let hub = Server::hub(dir.path(), hub);
        Self {
            hub,
            leaves: Vec::new(),
            until: Some(until),
            dir,
        }
    }

    pub(crate) fn add_leaf(&mut self, host: &str, place: Place) {
        let leaf = Server::leaf(self.dir.path(), host, place, &self.hub);
        self.leaves.push(leaf);
    }

    /// Starts all servers, and makes their streams: that of the hub last, because it tries a source that is not there yet
    /// again only after ten seconds.
    pub(crate) async fn start_all(&mut self) {
        self.hub.start().await;
        for leaf in &mut self.leaves {
            leaf.start().await;
            leaf.create_stream().await;
            leaf.process().line("JetStream using domains").await;
        }
        self.hub.create_stream().await;
    }

    /// A path in the directory of this site.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Ends the loads that go on until this.
    pub(crate) fn end_loads(&mut self) {
        self.until = None;
    }
}
