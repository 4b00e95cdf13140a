//! `Reader`: the messages of the stream, from a position on.

use std::{error::Error, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{
        DeliverPolicy,
        pull::{Ordered, OrderedConfig},
    },
    stream::Stream,
};
use futures_util::StreamExt;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};

use crate::{engine::Message, failure::Failure, link::Link, support::stdio::eprint_line};

/// How many messages wait here at most. The client holds 200 more.
const CHANNEL: usize = 64;
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

/// Reads messages in order, in a task of its own. After a lost connection, or whatever else ends the server's consumer, it
/// goes on after the last message, for as long as it takes.
pub(crate) struct Reader {
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
    /// How many messages are left to read. `None` while that is not known.
    pending: Option<u64>,
}

enum Event {
    Message(Message, u64),
    /// There is a consumer, which has this many messages.
    Opened(u64),
    Lost,
}

/// What the task has.
struct Source {
    link: Link,
    stream: Stream,
    filters: Vec<String>,
    start: Start,
    connections: watch::Receiver<u64>,
    events: mpsc::Sender<Event>,
}

impl Reader {
    pub(crate) async fn open(
        link: &Link,
        stream: &Stream,
        filters: &[String],
        start: Start,
    ) -> Result<Self, Failure> {
        let mut connections = link.connections();
        connections.mark_unchanged();
        let (sender, events) = mpsc::channel(CHANNEL);
        let (link, stream, filters) = (link.clone(), stream.clone(), filters.to_vec());
        let source = Source {
            link,
            stream,
            filters,
            start,
            connections,
            events: sender,
        };
        let (messages, pending) = source.consume().await.map_err(|error| {
            let name = &source.stream.cached_info().config.name;
            let hint = format!("may the user publish to $JS.API.CONSUMER.CREATE.{name}.> and subscribe to the answers?");
            source.link.failure(&format!("cannot read the stream {name}"), &*error, &hint)
        })?;
        let task = tokio::spawn(source.run(messages));
        Ok(Self {
            events,
            task,
            pending: Some(pending),
        })
    }

    /// Returns the next message. It can be dropped before it is ready: nothing is lost.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match self.events.recv().await {
                Some(event) => {
                    if let Some(message) = self.received(event) {
                        return message;
                    }
                }
                // The task ends only if it panics.
                None => std::future::pending().await,
            }
        }
    }

    /// Returns the next message if it is there.
    pub(crate) fn next_now(&mut self) -> Option<Message> {
        let event = self.events.try_recv().ok()?;
        self.received(event)
    }

    /// Returns whether all messages have been read, as far as is known.
    pub(crate) fn is_at_end(&self) -> bool {
        self.pending == Some(0) && self.events.is_empty()
    }

    fn received(&mut self, event: Event) -> Option<Message> {
        match event {
            Event::Message(message, pending) => {
                self.pending = Some(pending);
                return Some(message);
            }
            Event::Opened(pending) => self.pending = Some(pending),
            Event::Lost => self.pending = None,
        }
        None
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Source {
    /// Reads until nobody receives.
    async fn run(mut self, mut messages: Ordered) {
        while self.pass_on(&mut messages).await.is_ok() {
            messages = self.reopen().await;
        }
    }

    /// Passes messages on until they end.
    async fn pass_on(
        &mut self,
        messages: &mut Ordered,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        loop {
            tokio::select! {
                biased;
                // The consumer lives in the memory of the server. After a restart it would be found missing much later.
                Ok(()) = self.connections.changed() => break,
                message = messages.next() => match message {
                    Some(Ok(message)) => if let Some(event) = self.event(message) {
                        self.events.send(event).await?;
                    },
                    Some(Err(_)) | None => break,
                },
            }
        }
        self.events.send(Event::Lost).await
    }

    fn event(&mut self, message: jetstream::Message) -> Option<Event> {
        let info = message.info().ok()?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let stored = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
        self.start = Start::Sequence(sequence + 1);
        let message = message.message;
        let received = Message {
            sequence,
            stored,
            subject: message.subject.to_string(),
            headers: message.headers.unwrap_or_default(),
            body: message.payload,
        };
        Some(Event::Message(received, pending))
    }

    async fn reopen(&mut self) -> Ordered {
        loop {
            self.connections.mark_unchanged();
            match self.consume().await {
                Ok((messages, pending)) => {
                    // If nobody receives, that is found with the next message.
                    let _ended = self.events.send(Event::Opened(pending)).await;
                    return messages;
                }
                // The connection reports its own losses.
                Err(error) if self.link.is_connected() => {
                    eprint_line(format_args!(
                        "collect: cannot read on: {error}; trying again"
                    ));
                }
                Err(_) => {}
            }
            sleep(RETRY).await;
        }
    }

    async fn consume(&self) -> Result<(Ordered, u64), Box<dyn Error + Send + Sync>> {
        let deliver_policy = match self.start {
            Start::Beginning => DeliverPolicy::All,
            Start::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            Start::Time(time) => DeliverPolicy::ByStartTime {
                start_time: time.into(),
            },
        };
        let config = OrderedConfig {
            description: Some("collect".to_owned()),
            filter_subjects: self.filters.clone(),
            deliver_policy,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await?;
        let pending = consumer.cached_info().num_pending;
        Ok((consumer.messages().await?, pending))
    }
}
