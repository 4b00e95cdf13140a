//! `Store`: the key-value bucket with one entry for each host.

use std::{collections::HashMap, time::Duration};

use async_nats::jetstream::{
    context::CreateKeyValueErrorKind,
    kv::{self, CreateErrorKind, UpdateErrorKind},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use nats_relay::{RelayStart, escape, unescape};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, host::Stored, link::Link, support::stdio::eprint_line};

/// How many requests are on their way at once.
const AT_ONCE: usize = 64;
/// Room for the headers of a message.
const HEADERS: usize = 4096;
const RETRY: Duration = Duration::from_millis(250);

/// Positions and accounts. Each entry is written by expected revision: once another collector has written it, writing fails.
#[derive(Debug)]
pub(crate) struct Store {
    link: Link,
    bucket: kv::Store,
    name: String,
    /// The number of this run. It tells a write whose answer was lost from the write of another collector.
    collector: RelayStart,
    entries: HashMap<String, Written>,
}

/// What is known of an entry.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    /// 0 if there is no entry.
    revision: u64,
    /// Counts the writes of this run.
    number: u64,
    done: u64,
    open: u64,
}

/// The value of an entry.
#[derive(Serialize, Deserialize)]
struct Entry {
    format: u32,
    collector: RelayStart,
    number: u64,
    #[serde(flatten)]
    stored: Stored,
}

const FORMAT: u32 = 1;

impl Store {
    /// Opens the bucket, which is created if it does not exist.
    pub(crate) async fn open(link: &Link, name: &str) -> Result<Self, Failure> {
        let bucket = match link.jetstream.get_key_value(name).await {
            Ok(bucket) => bucket,
            Err(_) => Self::create(link, name).await?,
        };
        let collector = RelayStart::random().map_err(|error| Failure(error.to_string()))?;
        let (link, name) = (link.clone(), name.to_owned());
        Ok(Self {
            link,
            bucket,
            name,
            collector,
            entries: HashMap::new(),
        })
    }

    async fn create(link: &Link, name: &str) -> Result<kv::Store, Failure> {
        let config = kv::Config {
            bucket: name.to_owned(),
            description: "Positions and accounts of collectors".to_owned(),
            history: 1,
            ..kv::Config::default()
        };
        link.jetstream.create_key_value(config).await.map_err(|error| {
            let hint = match error.kind() {
                CreateKeyValueErrorKind::BucketCreate => "is there room for another stream, and may the user create it?".to_owned(),
                _ => format!("may the user publish to $JS.API.STREAM.INFO.KV_{name} and $JS.API.STREAM.CREATE.KV_{name}?"),
            };
            link.failure(&format!("cannot open or create the key-value bucket {name}, which keeps the position"), &error, &hint)
        })
    }

    /// Takes over all entries: after this no collector before can write them. Returns the hosts and their states.
    pub(crate) async fn take_over(&mut self) -> Result<Vec<(String, Stored)>, Failure> {
        let mut all = Vec::new();
        // An entry that was made meanwhile is taken over too.
        loop {
            let hosts = self.unknown_hosts().await?;
            if hosts.is_empty() {
                return Ok(all);
            }
            let claimed: Vec<_> = stream::iter(hosts)
                .map(|host| async { Ok::<_, Failure>((self.claim(&host).await?, host)) })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            for (claim, host) in claimed {
                // If there is none any more, it is not looked for again.
                let (written, stored) = claim.unwrap_or_default();
                self.entries.insert(host.clone(), written);
                if written.revision > 0 {
                    all.push((host, stored));
                }
            }
        }
    }

    /// Takes over the entry of a host that was not among all, if there is one.
    pub(crate) async fn take_over_host(&mut self, host: &str) -> Result<Option<Stored>, Failure> {
        let Some((written, stored)) = self.claim(host).await? else {
            return Ok(None);
        };
        self.entries.insert(host.to_owned(), written);
        Ok(Some(stored))
    }

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

    async fn put_once(
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

    /// Reads an entry and writes it as that of this run.
    async fn claim(&self, host: &str) -> Result<Option<(Written, Stored)>, Failure> {
        let key = escape(host);
        loop {
            let Some((mut entry, revision)) = self.read(&key).await? else {
                return Ok(None);
            };
            (entry.collector, entry.number) = (self.collector, 1);
            let (done, open) = (entry.stored.done, entry.stored.open);
            let value = serde_json::to_vec(&entry).map_err(|error| Failure(error.to_string()))?;
            let claimed = self.put_once(&key, value.into(), revision).await;
            let claimed = claimed.map_err(|error| {
                let hint = format!("may the user publish to $KV.{}.>?", self.name);
                self.link.failure(
                    &format!("cannot take over the bucket {}", self.name),
                    &*error,
                    &hint,
                )
            })?;
            // Another collector that still writes is overtaken at the next attempt.
            if let Ok(revision) = claimed {
                return Ok(Some((
                    Written {
                        revision,
                        number: 1,
                        done,
                        open,
                    },
                    entry.stored,
                )));
            }
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Entry, u64)>, Failure> {
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

    /// Returns the hosts that have an entry and are not in `entries`.
    async fn unknown_hosts(&self) -> Result<Vec<String>, Failure> {
        let failure = |error: &dyn std::error::Error| {
            let hint = format!(
                "may the user publish to $JS.API.CONSUMER.CREATE.KV_{}.>?",
                self.name
            );
            self.link.failure(
                &format!("cannot list the bucket {}", self.name),
                error,
                &hint,
            )
        };
        let keys = self.bucket.keys().await.map_err(|error| failure(&error))?;
        let keys: Vec<String> = keys.try_collect().await.map_err(|error| failure(&error))?;
        let hosts = keys.iter().filter_map(|key| unescape(key));
        Ok(hosts
            .filter(|host| !self.entries.contains_key(host))
            .collect())
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
struct Refused;
