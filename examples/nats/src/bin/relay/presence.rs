//! `Presence`: the control messages of this run. It has started, is alive, has ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use nats_relay::{Address, Control, RelayStart};
use pipe_subscriber::Summary;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    link::Link,
    publisher::{Headers, Message, attempt, deliver},
};

const HEARTBEAT: Duration = Duration::from_secs(5);

/// Tells the collector about this run, and about the run before it.
#[derive(Debug)]
pub(crate) struct Presence {
    link: Link,
    subject: String,
    relay: RelayStart,
    child: u32,
    /// The number of frames that were published.
    published: Arc<AtomicU64>,
    heartbeat: JoinHandle<()>,
}

impl Presence {
    /// Publishes that the run has started, and from then on every five seconds that it is alive.
    ///
    /// The message goes to the server before any other of this run, but is not waited for: the child runs already.
    pub(crate) fn begin(
        link: &Link,
        address: &Address,
        relay: RelayStart,
        previous: Option<RelayStart>,
        child: u32,
    ) -> Self {
        let subject = address.control();
        let started = Control::Started {
            relay,
            previous,
            child,
            host: address.host.clone(),
            label: address.label.clone(),
            time: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
        };
        tokio::spawn(deliver(link.clone(), message(&subject, &started, 0)));
        let published = Arc::default();
        let beat = beat(
            link.clone(),
            subject.clone(),
            relay,
            child,
            Arc::clone(&published),
        );
        Self {
            link: link.clone(),
            subject,
            relay,
            child,
            published,
            heartbeat: tokio::spawn(beat),
        }
    }

    /// Notes that all frames up to this ordinal were published.
    pub(crate) fn published(&self, last: u64) {
        self.published.store(last + 1, Relaxed);
    }

    /// Publishes that the run has ended, and waits for the acknowledgement.
    pub(crate) async fn end(self, exit: String, last: Option<u64>, unsent: u64, summary: &Summary) {
        self.heartbeat.abort();
        let ended = Control::Ended {
            relay: self.relay,
            child: self.child,
            last,
            exit,
            unsent,
            summary: serde_json::to_value(summary).expect("a summary is valid JSON"),
        };
        deliver(self.link.clone(), message(&self.subject, &ended, 0)).await;
    }
}

async fn beat(
    link: Link,
    subject: String,
    relay: RelayStart,
    child: u32,
    published: Arc<AtomicU64>,
) {
    let mut ticks = interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, when "started" says it all.
    ticks.tick().await;
    for number in 1.. {
        ticks.tick().await;
        // The first one after a loss of the connection goes as soon as it stands.
        link.up().await;
        let last = published.load(Relaxed).checked_sub(1);
        let alive = Control::Alive { relay, child, last };
        // The next one replaces one that gets lost. The troubles of the server show in other messages.
        let _replaced = attempt(&link, &message(&subject, &alive, number)).await;
    }
}

fn message(subject: &str, control: &Control, number: u64) -> Message {
    Message {
        subject: subject.to_owned(),
        headers: Headers::Control(control.to_headers(number)),
        body: serde_json::to_vec(control)
            .expect("a control message is valid JSON")
            .into(),
    }
}
