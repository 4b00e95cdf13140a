//! `Reader`: the messages of the stream, from a position on.

use std::time::Duration;

use async_nats::jetstream::{
    self,
    consumer::{
        DeliverPolicy,
        pull::{Ordered, OrderedConfig},
    },
    stream::Stream,
};
use futures_util::{FutureExt, StreamExt};
use tokio::{sync::watch, time::sleep};

use crate::{engine::Message, failure::Failure, link::Link, support::stdio::eprint_line};

/// How long an attempt to go on waits for the next one.
const RETRY: Duration = Duration::from_millis(250);

/// Where reading begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With the message of a sequence, or the first one after it.
    Sequence(u64),
    /// With the first message that was stored since then.
    Time(std::time::SystemTime),
    Beginning,
}

/// Reads messages in order. After a lost connection, or whatever else ends the server's consumer, it goes on after the last
/// message.
pub(crate) struct Reader {
    link: Link,
    stream: Stream,
    filters: Vec<String>,
    start: Start,
    /// `None` if it has to be made again.
    messages: Option<Ordered>,
    connections: watch::Receiver<u64>,
    /// How many messages are left to read.
    pending: u64,
}

impl Reader {
    pub(crate) async fn open(link: &Link, stream: &Stream, filters: &[String], start: Start) -> Result<Self, Failure> {
        let mut connections = link.connections();
        connections.mark_unchanged();
        let (link, stream, filters) = (link.clone(), stream.clone(), filters.to_vec());
        let mut reader = Self { link, stream, filters, start, messages: None, connections, pending: 0 };
        match reader.consume().await {
            Ok(()) => Ok(reader),
            Err(error) => {
                let name = &reader.stream.cached_info().config.name;
                let hint = format!("may the user publish to $JS.API.CONSUMER.CREATE.{name}.>, and subscribe to its answers?");
                Err(reader.link.failure(&format!("cannot read the stream {name}"), &*error, &hint))
            }
        }
    }

    /// Returns the next message. Losses of the connection take as long as they take.
    ///
    /// It can be dropped before it is ready: nothing is lost.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let Some(messages) = &mut self.messages else {
                sleep(RETRY).await;
                if let Err(error) = self.consume().await {
                    // The connection reports its own losses.
                    if self.link.is_connected() {
                        eprint_line(format_args!("collect: cannot read on: {error}; trying again"));
                    }
                }
                continue;
            };
            tokio::select! {
                biased;
                // The consumer lives in the memory of the server. After a restart it would be found missing much later.
                Ok(()) = self.connections.changed() => self.messages = None,
                message = messages.next() => match message {
                    Some(Ok(message)) => if let Some(message) = self.received(&message) {
                        return message;
                    },
                    Some(Err(_)) | None => self.messages = None,
                },
            }
        }
    }

    /// Returns the next message if it is there.
    pub(crate) fn next_now(&mut self) -> Option<Message> {
        let message = self.messages.as_mut()?.next().now_or_never()??.ok()?;
        self.received(&message)
    }

    /// Returns whether all messages have been read, as far as is known.
    pub(crate) fn is_at_end(&self) -> bool {
        self.pending == 0 && self.messages.is_some()
    }

    fn received(&mut self, message: &jetstream::Message) -> Option<Message> {
        let info = message.info().ok()?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let stored = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
        self.pending = pending;
        self.start = Start::Sequence(sequence + 1);
        Some(Message {
            sequence,
            stored,
            subject: message.subject.to_string(),
            headers: message.headers.clone().unwrap_or_default(),
            body: message.payload.clone(),
        })
    }

    async fn consume(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let deliver_policy = match self.start {
            Start::Beginning => DeliverPolicy::All,
            Start::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            Start::Time(time) => DeliverPolicy::ByStartTime { start_time: time.into() },
        };
        let config = OrderedConfig {
            description: Some("collect".to_owned()),
            filter_subjects: self.filters.clone(),
            deliver_policy,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await?;
        self.pending = consumer.cached_info().num_pending;
        self.messages = Some(consumer.messages().await?);
        Ok(())
    }
}
