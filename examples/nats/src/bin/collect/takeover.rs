//! Taking over the bucket at the start of a run.

use std::collections::HashMap;

use async_nats::jetstream::{context::CreateKeyValueErrorKind, kv};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats_relay::{RelayStart, escape, unescape};

use super::store::{AT_ONCE, Store, Written};
use crate::{failure::Failure, host::Stored, link::Link};

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
}
