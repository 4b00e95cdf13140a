//! `Publisher`: sends messages until the server has acknowledged them, and bounds how many bytes are on the way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::{
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use bytes::Bytes;
use nats_relay::BatchHeaders;
use tokio::{
    select,
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use crate::link::{Link, publishing_to};

/// What a message on the way takes at most beside its body: headers, subject, task and acknowledgement. With `--per-record`
/// and a server that is stopped, memory grew by 2.9 KiB a message.
pub(crate) const MESSAGE_OVERHEAD: u32 = 4096;

/// The pause after the first refusal. It grows with each further one, up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A message for the stream.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// The headers of a message. A map takes about 30 allocations, so that of a batch is made when it is sent and not kept.
#[derive(Debug, Clone)]
pub(crate) enum Headers {
    Batch(BatchHeaders),
    Control(HeaderMap),
}

impl Headers {
    fn to_map(&self) -> HeaderMap {
        match self {
            Self::Batch(headers) => headers.to_headers(),
            Self::Control(map) => map.clone(),
        }
    }
}

/// Room for one message within the window.
#[derive(Debug)]
pub(crate) struct Room(OwnedSemaphorePermit);

/// Sends messages until they are acknowledged, many at a time.
///
/// The window bounds the bytes of all that is not acknowledged: [`room`](Self::room) waits while there is none. So a
/// server that is away, slow or refusing costs no more memory than the window, however long it lasts.
///
/// Clones share the window.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    link: Link,
    window: Arc<Semaphore>,
    bytes: u32,
    unacknowledged: Arc<AtomicU64>,
    acknowledged: Arc<Notify>,
}

impl Publisher {
    /// Creates a publisher with a window of so many bytes.
    pub(crate) fn new(link: Link, bytes: u32) -> Self {
        Self {
            link,
            window: Arc::new(Semaphore::new(bytes as usize)),
            bytes,
            unacknowledged: Arc::default(),
            acknowledged: Arc::default(),
        }
    }

    /// Returns how many messages can be on the way at once within a window, and a few of control.
    pub(crate) fn in_flight(bytes: u32) -> usize {
        (bytes / MESSAGE_OVERHEAD) as usize + 16
    }

    /// Waits for room for a body of this length. Cancel safe.
    pub(crate) async fn room(&self, length: usize) -> Room {
        let bytes = u32::try_from(length).unwrap_or(u32::MAX);
        let bytes = bytes.saturating_add(MESSAGE_OVERHEAD).min(self.bytes);
        let permit = Arc::clone(&self.window).acquire_many_owned(bytes).await;
        Room(permit.expect("the semaphore is never closed"))
    }

    /// Sends a message with so many frames. The room is free again when the server has acknowledged it.
    pub(crate) fn publish(&self, message: Message, frames: u64, room: Room) {
        let (link, acknowledged) = (self.link.clone(), Arc::clone(&self.acknowledged));
        let unacknowledged = Arc::clone(&self.unacknowledged);
        // Relaxed: the numbers order nothing.
        unacknowledged.fetch_add(frames, Relaxed);
        tokio::spawn(async move {
            deliver(link, message).await;
            unacknowledged.fetch_sub(frames, Relaxed);
            drop(room.0);
            acknowledged.notify_waiters();
        });
    }

    /// Waits until all messages are acknowledged.
    pub(crate) async fn drained(&self) {
        let all = self.window.acquire_many(self.bytes).await;
        drop(all.expect("the semaphore is never closed"));
    }

    /// Waits until there was no acknowledgement for so long, although something waits for one.
    pub(crate) async fn stalled(&self, limit: Duration) {
        loop {
            let is_silent = timeout(limit, self.acknowledged.notified()).await.is_err();
            if is_silent && self.unacknowledged() > 0 {
                return;
            }
        }
    }

    /// Returns how many frames were published and not acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.unacknowledged.load(Relaxed)
    }
}

/// Sends a message until the server has acknowledged it: again after each loss of the connection, refusal and timeout.
///
/// The server stores it once: it knows the message's `Nats-Msg-Id`, for as long as the stream's duplicate window.
pub(crate) async fn deliver(link: Link, message: Message) {
    let mut pause = PAUSE;
    loop {
        let losses = link.up().await;
        let outcome = select! {
            biased;
            outcome = attempt(&link, &message) => outcome,
            () = link.lost(losses) => continue,
        };
        let Err(error) = outcome else {
            return link.trouble.eases(&publishing_to(&message.subject));
        };
        let text = describe(&error, &message);
        link.trouble.begins(&publishing_to(&message.subject), text);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Sends a message once and waits for the acknowledgement.
pub(crate) async fn attempt(link: &Link, message: &Message) -> Result<(), PublishError> {
    let publish = PublishMessage::build()
        .headers(message.headers.to_map())
        .payload(message.body.clone());
    let acknowledgement = link
        .jetstream
        .send_publish(message.subject.clone(), publish)
        .await?;
    acknowledgement.await.map(|_| ())
}

fn describe(error: &PublishError, message: &Message) -> String {
    let subject = &message.subject;
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            format!(
                "no stream takes {subject}: create it, or let its subjects include this one; trying again until one does"
            )
        }
        PublishErrorKind::TimedOut => format!(
            "the server does not acknowledge {subject}: its disk is full (see its log; after that it needs a restart), it \
             is overloaded, or it refuses the user the permission to publish there; trying again until it does"
        ),
        PublishErrorKind::MaxPayloadExceeded => format!(
            "a message for {subject} exceeds the server's max_payload: raise it; trying again until it fits"
        ),
        _ => {
            let cause = std::error::Error::source(error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            format!(
                "the stream refuses {subject} ({cause}): check its limits (max_bytes, max_msgs, max_msg_size) and the space \
                 on the server's disk; trying again until it takes it"
            )
        }
    }
}
