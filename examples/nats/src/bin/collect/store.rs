//! `Store`: the key-value bucket with one entry for each host.

use std::{collections::HashMap, time::Duration};

use async_nats::jetstream::kv::{self, CreateErrorKind, UpdateErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use nats_relay::{RelayStart, escape};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, host::Stored, link::Link, support::stdio::eprint_line};

/// How many requests are on their way at once.
pub(super) const AT_ONCE: usize = 64;
/// Room for the headers of a message.
const HEADERS: usize = 4096;
const RETRY: Duration = Duration::from_millis(250);

/// Positions and accounts. Each entry is written by expected revision: once another collector has written it, writing fails.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) link: Link,
    pub(super) bucket: kv::Store,
    pub(super) name: String,
    /// The number of this run. It tells a write whose answer was lost from the write of another collector.
    pub(super) collector: RelayStart,
    pub(super) entries: HashMap<String, Written>,
}

/// What is known of an entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    /// 0 if there is no entry.
    pub(super) revision: u64,
    /// Counts the writes of this run.
    pub(super) number: u64,
    pub(super) done: u64,
    pub(super) open: u64,
}

/// The value of an entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    format: u32,
    pub(super) collector: RelayStart,
    pub(super) number: u64,
    #[serde(flatten)]
    pub(super) stored: Stored,
}

const FORMAT: u32 = 1;

impl Store {
    /// Returns the sequence up to which messages of a host may be dispatched.
    pub(crate) fn open_to(&self, host: &str) -> u64 {
        self.entries.get(host).map_or(0, |written| written.open)
    }

    pub(crate) fn is_written(&self, host: &str) -> bool {
        self.entries
            .get(host)
            .is_some_and(|written| written.revision > 0)
    }

    /// Returns the sequence up to which the messages of all hosts are done.
    pub(crate) fn done(&self) -> Option<u64> {
        let written = self.entries.values().filter(|written| written.revision > 0);
        written.map(|written| written.done).min()
    }

    /// Returns the value of an entry, or `None` if it would be too long for the server.
    pub(crate) fn value(&self, host: &str, stored: &Stored) -> Option<Bytes> {
        let number = self
            .entries
            .get(host)
            .map_or(1, |written| written.number + 1);
        let entry = Entry {
            format: FORMAT,
            collector: self.collector,
            number,
            stored: stored.clone(),
        };
        let value = serde_json::to_vec(&entry).ok()?;
        (value.len() + HEADERS <= self.link.max_payload()).then(|| value.into())
    }

    /// Writes entries, for as long as it takes.
    ///
    /// # Errors
    ///
    /// If another collector has written one of them, or the server denies it.
    pub(crate) async fn write(
        &mut self,
        hosts: Vec<(String, Stored, Bytes)>,
    ) -> Result<(), Failure> {
        let this = &*self;
        let written: Vec<_> = stream::iter(hosts)
            .map(|(host, stored, value)| async move {
                let before = this.entries.get(&host).copied().unwrap_or_default();
                let number = before.number + 1;
                let revision = this.put(&host, value, before.revision, number).await?;
                Ok::<_, Failure>((
                    host,
                    Written {
                        revision,
                        number,
                        done: stored.done,
                        open: stored.open,
                    },
                ))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        self.entries.extend(written);
        Ok(())
    }

    /// Writes an entry of the run by the revision that it should have, and returns the new one.
    async fn put(
        &self,
        host: &str,
        value: Bytes,
        revision: u64,
        number: u64,
    ) -> Result<u64, Failure> {
        let key = escape(host);
        let mut failed = false;
        loop {
            let is_refused = match self.put_once(&key, value.clone(), revision).await {
                Ok(Ok(revision)) => return Ok(revision),
                Ok(Err(Refused)) => true,
                Err(error) => {
                    let what = format!(
                        "cannot write the entry of the host {host} in the bucket {}",
                        self.name
                    );
                    let failure = self.link.failure(
                        &what,
                        &*error,
                        "trying again; nothing is dispatched meanwhile",
                    );
                    if self.link.denied().is_some() {
                        return Err(failure);
                    }
                    if !failed {
                        eprint_line(format_args!("collect: {failure}"));
                    }
                    false
                }
            };
            if is_refused {
                // Perhaps an earlier attempt was stored, and its answer got lost.
                return match self.read(&key).await? {
                    Some((entry, revision)) if failed && self.is_own(&entry, number) => {
                        Ok(revision)
                    }
                    _ => Err(self.fenced(host)),
                };
            }
            failed = true;
            tokio::time::sleep(RETRY).await;
        }
    }

    pub(super) async fn put_once(
        &self,
        key: &str,
        value: Bytes,
        revision: u64,
    ) -> Result<Result<u64, Refused>, Box<dyn std::error::Error + Send + Sync>> {
        if revision == 0 {
            return match self.bucket.create(key, value).await {
                Ok(revision) => Ok(Ok(revision)),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(Err(Refused)),
                Err(error) => Err(error.into()),
            };
        }
        match self.bucket.update(key, value, revision).await {
            Ok(revision) => Ok(Ok(revision)),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(Err(Refused)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn read(&self, key: &str) -> Result<Option<(Entry, u64)>, Failure> {
        let found = self.bucket.entry(key).await.map_err(|error| {
            let hint = format!(
                "may the user publish to $JS.API.DIRECT.GET.KV_{}.>?",
                self.name
            );
            self.link.failure(
                &format!("cannot read the bucket {}", self.name),
                &error,
                &hint,
            )
        })?;
        let Some(found) = found.filter(|found| found.operation == kv::Operation::Put) else {
            return Ok(None);
        };
        match serde_json::from_slice::<Entry>(&found.value) {
            Ok(entry) if entry.format == FORMAT => Ok(Some((entry, found.revision))),
            Ok(entry) => Err(self.unreadable(key, &format!("it has the format {}", entry.format))),
            Err(error) => Err(self.unreadable(key, &error.to_string())),
        }
    }

    fn is_own(&self, entry: &Entry, number: u64) -> bool {
        entry.collector == self.collector && entry.number == number
    }

    fn fenced(&self, host: &str) -> Failure {
        Failure(format!(
            "another collector has taken over: it has written the entry of the host {host} in the bucket {}. This one stops. \
             Give both --standby, so that the second one waits, or give each a --name of its own",
            self.name
        ))
    }

    fn unreadable(&self, key: &str, error: &str) -> Failure {
        Failure(format!(
            "the entry {key} of the bucket {} is not from a collector of this version ({error}): give another --name, or \
             delete the bucket to begin again",
            self.name
        ))
    }
}

/// The entry has another revision.
pub(super) struct Refused;
