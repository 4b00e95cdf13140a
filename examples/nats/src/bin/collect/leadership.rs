//! `Leadership`: whether this collector is the one that reads, of all that share a name.

use std::{collections::VecDeque, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{
        AckPolicy, DeliverPolicy, PriorityPolicy, PullConsumer,
        pull::{Config, Stream as Messages},
    },
    stream::Stream,
};
use futures_util::StreamExt;

use crate::{failure::Failure, link::Link};

/// The server's name for the group of which it chooses one.
const GROUP: &str = "collect";
/// After this time without a request of the chosen one, the server chooses another.
const GONE: Duration = Duration::from_secs(5);
/// How long a request waits.
const REQUEST: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_millis(500);
/// After this time the server sends a message again that was not acknowledged.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How many messages are sent and not acknowledged at most.
const MAX_PENDING: i64 = 10_000;

/// One pull on a durable consumer with the priority policy `pinned_client`: the server chooses one of those that pull, and
/// sends to this one alone until it is gone.
///
/// Only the headers are sent. The records are read by [`Reader`](crate::reader::Reader) from the stored position; this
/// consumer decides who reads, and its acknowledgements show how far that is (`nats consumer info`).
///
/// The last message is never acknowledged, so there is always one with which the server can choose.
pub(crate) struct Leadership {
    consumer: PullConsumer,
    /// `None` if it has to be asked for again.
    messages: Option<Messages>,
    /// Those that were sent here and are not acknowledged.
    open: VecDeque<(u64, jetstream::Message)>,
}

impl Leadership {
    pub(crate) async fn open(
        link: &Link,
        stream: &Stream,
        name: &str,
        filters: &[String],
    ) -> Result<Self, Failure> {
        let config = Config {
            durable_name: Some(name.to_owned()),
            description: Some("Which collector reads, and how far".to_owned()),
            filter_subjects: filters.to_vec(),
            deliver_policy: DeliverPolicy::All,
            headers_only: true,
            ack_policy: AckPolicy::All,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_PENDING,
            priority_policy: PriorityPolicy::PinnedClient,
            priority_groups: vec![GROUP.to_owned()],
            priority_timeout: GONE,
            ..Config::default()
        };
        let consumer = stream.get_or_create_consumer(name, config).await.map_err(|error| {
            let stream = &stream.cached_info().config.name;
            let hint = format!(
                "may the user publish to $JS.API.CONSUMER.INFO.{stream}.{name} and $JS.API.CONSUMER.CREATE.{stream}.{name}.>? \
                 Priority groups with a timeout need nats-server 2.11 or later"
            );
            link.failure(&format!("cannot make the consumer {name} of the stream {stream}"), &error, &hint)
        })?;
        check(&consumer, name, filters)?;
        Ok(Self {
            consumer,
            messages: None,
            open: VecDeque::new(),
        })
    }

    /// Waits until the server sends something to this collector: it has been chosen.
    ///
    /// It can be dropped before it is ready.
    pub(crate) async fn next(&mut self) {
        loop {
            let Some(messages) = &mut self.messages else {
                let made = self
                    .consumer
                    .stream()
                    .group(GROUP)
                    .expires(REQUEST)
                    .heartbeat(HEARTBEAT)
                    .messages()
                    .await;
                self.messages = made.ok();
                if self.messages.is_none() {
                    tokio::time::sleep(HEARTBEAT).await;
                }
                continue;
            };
            match messages.next().await {
                Some(Ok(message)) => return self.received(message),
                // A lost connection: the next request reaches the server after it.
                Some(Err(_)) => tokio::time::sleep(HEARTBEAT / 10).await,
                None => self.messages = None,
            }
        }
    }

    /// Acknowledges the messages up to a sequence, except the last one.
    pub(crate) async fn acknowledge(&mut self, done: u64) {
        let number = self
            .open
            .iter()
            .take_while(|(sequence, _)| *sequence <= done)
            .count();
        let number = number.min(self.open.len().saturating_sub(1));
        if let Some((_, message)) = self.open.drain(..number).next_back() {
            // It is only for display: if it gets lost, a later one replaces it.
            let _shown_later = message.ack().await;
        }
    }

    fn received(&mut self, message: jetstream::Message) {
        let Ok(sequence) = message.info().map(|info| info.stream_sequence) else {
            return;
        };
        // What is sent again is in the list already.
        if self.open.back().is_none_or(|last| last.0 < sequence) {
            self.open.push_back((sequence, message));
        }
    }
}

/// Fails if the consumer exists and is for something else.
fn check(consumer: &PullConsumer, name: &str, filters: &[String]) -> Result<(), Failure> {
    let config = &consumer.cached_info().config;
    let mut present = config.filter_subjects.clone();
    present.extend((!config.filter_subject.is_empty()).then(|| config.filter_subject.clone()));
    present.sort();
    let mut wanted = filters.to_vec();
    wanted.sort();
    if present != wanted {
        return Err(Failure(format!(
            "the collectors with the name {name} read {}, and this one is to read {}: give it another --name",
            present.join(", "),
            wanted.join(", ")
        )));
    }
    match config.priority_policy {
        PriorityPolicy::PinnedClient => Ok(()),
        _ => Err(Failure(format!(
            "the stream has a consumer {name} that is not that of a collector: give another --name"
        ))),
    }
}
