//! `Forwarder`: takes the frames of the child and hands them to the publisher in batches.

use std::{future::poll_fn, pin::Pin, task::Poll};

use nats_relay::Address;
use pipe_subscriber::{Frames, ReadError, Summary};
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tokio_stream::{Stream, StreamExt};

use crate::{
    batcher::{Batch, Batcher},
    link::Link,
    presence::Presence,
    publisher::{Headers, Message, Publisher},
};

/// Reads frames and publishes batches. While the publisher has no room, nothing is read, and the child waits or drops, as
/// its overflow policy says.
#[derive(Debug)]
pub(crate) struct Forwarder {
    frames: Frames,
    has_ended: bool,
    batcher: Batcher,
    publisher: Publisher,
    presence: Presence,
    link: Link,
    address: Address,
    per_record: bool,
}

/// What a forwarder had done when it stopped.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) presence: Presence,
    /// The ordinal of the last frame that was read.
    pub(crate) last: Option<u64>,
    /// The frames that were read and not published.
    pub(crate) unpublished: u64,
    pub(crate) summary: Result<Summary, ReadError>,
}

impl Forwarder {
    pub(crate) fn new(
        frames: Frames,
        batcher: Batcher,
        publisher: Publisher,
        presence: Presence,
        link: Link,
        (address, per_record): (Address, bool),
    ) -> Self {
        Self {
            frames,
            has_ended: false,
            batcher,
            publisher,
            presence,
            link,
            address,
            per_record,
        }
    }

    /// Publishes all frames up to the end of the pipe. Cancel safe: the next call goes on from there.
    pub(crate) async fn forward(&mut self) {
        while !self.has_ended || self.batcher.finished().is_some() {
            let finished = self.batcher.finished().map(|batch| batch.body.len());
            select! {
                // A batch that is ready goes before more is read; a batch that is due does not wait for more frames.
                biased;
                room = room(&self.publisher, finished), if finished.is_some() => {
                    let batch = self.batcher.take_finished().expect("a finished batch");
                    self.presence.published(batch.headers.last);
                    let frames = batch.headers.count();
                    self.publisher.publish(self.message(batch), frames, room);
                }
                () = due(&self.link, self.batcher.due()), if finished.is_none() => self.batcher.finish(),
                has_ended = fill(&mut self.frames, &mut self.batcher), if finished.is_none() => if has_ended {
                    self.has_ended = true;
                    self.batcher.finish();
                },
            }
        }
    }

    /// Reads to the end of the pipe without publishing, so that lost frames are counted.
    pub(crate) async fn count_rest(&mut self) {
        while self.frames.next().await.is_some() {
            self.batcher.skip();
        }
    }

    /// Stops reading.
    pub(crate) fn stop(self) -> Forwarded {
        Forwarded {
            last: self.batcher.last(),
            unpublished: self.batcher.pending(),
            presence: self.presence,
            summary: self.frames.into_summary(),
        }
    }

    fn message(&self, batch: Batch) -> Message {
        let subject = match self.per_record {
            true => self.address.frames(batch.headers.level),
            false => self.address.batches(),
        };
        Message {
            subject,
            headers: Headers::Batch(batch.headers),
            body: batch.body,
        }
    }
}

/// Takes frames until a batch is finished or there are no more at the moment: going through `forward` for each would set
/// a timer for each. Returns whether the frames have ended.
async fn fill(frames: &mut Frames, batcher: &mut Batcher) -> bool {
    let mut is_new = false;
    poll_fn(|cx| {
        loop {
            match Pin::new(&mut *frames).poll_next(cx) {
                Poll::Ready(Some(frame)) => batcher.push(&frame),
                Poll::Ready(None) => return Poll::Ready(true),
                // What was pushed may be due earlier than more frames come.
                Poll::Pending if is_new => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
            is_new = true;
            if batcher.finished().is_some() {
                return Poll::Ready(false);
            }
        }
    })
    .await
}

async fn room(publisher: &Publisher, length: Option<usize>) -> crate::publisher::Room {
    publisher.room(length.unwrap_or_default()).await
}

/// Waits until a batch is due. While there is no connection, no batch is due before it is full: few long messages wait
/// then, and not many short ones.
async fn due(link: &Link, due: Option<Instant>) {
    match due {
        Some(due) => {
            link.up().await;
            sleep_until(due).await;
        }
        None => std::future::pending().await,
    }
}
