//! `Position`: the sequence up to which the stream is done, and when that is stored.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    engine::{Engine, Item},
    failure::Failure,
    host::Stored,
    leadership::Leadership,
    store::Store,
};

/// How often the position of hosts is stored of which nothing comes.
const IDLE_HOSTS: Duration = Duration::from_secs(60);
/// How many messages more than were read may be dispatched at least before the next write.
const LOOKAHEAD: u64 = 16;
/// How often accounts are made shorter if they are too long. Each time about half of them go.
const ATTEMPTS: usize = 32;

/// The stored position, and when it is written.
pub(crate) struct Position {
    pub(crate) store: Store,
    pub(crate) leadership: Leadership,
    every: Duration,
    written: Instant,
    all_written: Instant,
    /// How many messages had been read when the position was written.
    read: u64,
    /// How many messages more may be dispatched before the next write.
    lookahead: u64,
}

impl Position {
    pub(crate) fn new(store: Store, leadership: Leadership, every: Duration) -> Self {
        let now = Instant::now();
        let read = store.done().unwrap_or(0);
        Self {
            store,
            leadership,
            every,
            written: now,
            all_written: now,
            read,
            lookahead: LOOKAHEAD,
        }
    }

    /// Stores that messages are open, before something of them is dispatched that a collector after this one could not know.
    pub(crate) async fn open_up_to(
        &mut self,
        engine: &mut Engine,
        items: &[(Item, bool)],
    ) -> Result<(), Failure> {
        let is_beyond = |(item, _): &&(Item, bool)| item.sequence > self.store.open_to(&item.host);
        let beyond = items.iter().filter(is_beyond);
        let mut hosts: Vec<String> = beyond.map(|(item, _)| item.host.to_string()).collect();
        hosts.sort();
        hosts.dedup();
        self.write(engine, hosts, true).await
    }

    /// Stores the end of this run: nothing more will be dispatched.
    pub(crate) async fn finish(&mut self, engine: &mut Engine) -> Result<(), Failure> {
        let hosts = engine
            .hosts()
            .iter()
            .map(|host| host.name.to_string())
            .collect();
        self.write(engine, hosts, false).await?;
        self.leadership
            .acknowledge(self.store.done().unwrap_or(0))
            .await;
        Ok(())
    }

    /// Writes the hosts of which something has changed, and from time to time all, if it is time for that.
    pub(crate) async fn write_if_due(&mut self, engine: &mut Engine) -> Result<(), Failure> {
        if self.written.elapsed() < self.every {
            return Ok(());
        }
        let read = engine.read();
        // As many as since the last write, so that dispatching seldom has to wait for a write, and little is marked after a
        // crash.
        self.lookahead = read.saturating_sub(self.read).max(LOOKAHEAD);
        self.read = read;
        let is_all = self.all_written.elapsed() >= IDLE_HOSTS;
        let hosts = engine
            .hosts()
            .into_iter()
            .filter(|host| is_all || host.is_dirty);
        let hosts: Vec<_> = hosts.map(|host| host.name.to_string()).collect();
        self.write(engine, hosts, true).await?;
        self.written = Instant::now();
        if is_all {
            self.all_written = self.written;
        }
        self.leadership
            .acknowledge(self.store.done().unwrap_or(0))
            .await;
        Ok(())
    }

    /// Writes the states of hosts.
    ///
    /// A host that has no entry comes before all others: their positions pass its messages, and without an entry nobody
    /// would know that they have to be read. For the same reason the first position of new hosts is before all of them.
    async fn write(
        &mut self,
        engine: &mut Engine,
        hosts: Vec<String>,
        goes_on: bool,
    ) -> Result<(), Failure> {
        if hosts.is_empty() {
            return Ok(());
        }
        let hosts: HashSet<String> = hosts.into_iter().collect();
        let known = engine.hosts().into_iter().map(|host| host.name.to_string());
        let (old, new): (Vec<_>, Vec<_>) = known.partition(|host| self.store.is_written(host));
        let old = old
            .into_iter()
            .filter(|host| hosts.contains(host))
            .collect();
        let limit = engine.before_all(&new);
        for (hosts, limit) in [(new, limit), (old, u64::MAX)] {
            let mut values = Vec::new();
            for host in hosts {
                let open = goes_on.then(|| engine.read() + self.lookahead);
                let (stored, value) = self.value(engine, &host, open, limit)?;
                values.push((host, stored, value));
            }
            self.store.write(values).await?;
        }
        Ok(())
    }

    /// Returns the state of a host and its text, from which accounts are left out until the server takes it.
    fn value(
        &self,
        engine: &mut Engine,
        host: &str,
        open: Option<u64>,
        limit: u64,
    ) -> Result<(Stored, Bytes), Failure> {
        for _ in 0..ATTEMPTS {
            let stored = engine.snapshot(host, open, limit);
            if let Some(value) = self.store.value(host, &stored) {
                return Ok((stored, value));
            }
            engine.shrink(host);
        }
        Err(Failure(format!(
            "the accounts of the host {host} are too long for the server: raise its max_payload"
        )))
    }
}
