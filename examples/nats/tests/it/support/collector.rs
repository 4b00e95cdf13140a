//! A collector that prints JSON into the sink of a test.

use std::{process::Stdio, thread::JoinHandle};

use rustix::process::Signal;

use super::{Process, Sink, Site};

pub(crate) struct Collector {
    pub(crate) process: Process,
    reader: Option<JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start(site: &Site, sink: &Sink) -> Self {
        Self::start_with(site, sink, &[])
    }

    pub(crate) fn start_with(site: &Site, sink: &Sink, options: &[&str]) -> Self {
        let mut command = site.hub.place.command(env!("CARGO_BIN_EXE_collect"));
        // An option may be given once.
        let defaults = site.hub.options("collect");
        for default in defaults
            .chunks(2)
            .filter(|default| !options.contains(&&*default[0]))
        {
            command.args(default);
        }
        command.args(["--format", "json"]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start("collect", &mut command);
        let reader = sink.read(process.stdout());
        Self {
            process,
            reader: Some(reader),
        }
    }

    /// Asks it to end, and waits until all that it has printed is in the sink.
    pub(crate) async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        let status = self.process.end().await;
        assert!(status.success(), "{status}\n{}", self.process.errors());
        self.read_rest().await;
    }

    /// Waits until it ends by itself with an error, and returns what it says.
    pub(crate) async fn failure(&mut self) -> String {
        let status = self.process.end().await;
        assert!(!status.success(), "{}", self.process.errors());
        self.read_rest().await;
        self.process.errors()
    }

    /// Kills it. What it has printed before is read to the end.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await;
        self.read_rest().await;
    }

    async fn read_rest(&mut self) {
        let reader = self.reader.take().expect("it is read once");
        tokio::task::spawn_blocking(|| reader.join())
            .await
            .unwrap()
            .unwrap();
    }
}
