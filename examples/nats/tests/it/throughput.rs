//! How much of what async-nats reaches a relay reaches, on the same server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap,
    jetstream::{ContextBuilder, Message, message::PublishMessage},
};
use bytes::Bytes;
use nats_relay::{Address, Subject};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::support::{Place, Relay, STREAM, Server, Settings, Site, figure, within};

const TAGS: [&str; 4] = ["w0", "w1", "w2", "w3"];
const ROUNDS: u32 = 3;
/// The window of a relay, and what it counts for a message beside its body.
const WINDOW: usize = 4 << 20;
const OVERHEAD: usize = 1024;

/// What a batch is for the server.
struct Batch {
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A host whose hub does not run.
async fn host() -> Site {
    let mut site = Site::new(Place::loopback());
    site.add_leaf("edge1", Place::loopback());
    site.leaves[0].start().await;
    site.leaves[0].create_stream().await;
    site
}

/// Four children log through four relays. Returns how long that took, and the batches of each.
async fn relays(settings: &Settings) -> (Duration, Vec<Vec<Batch>>) {
    let site = host().await;
    let number = settings.records.to_string();
    let begin = Instant::now();
    let mut relays = TAGS.map(|tag| Relay::start(&site, 0, tag, &["--records", &number]));
    for relay in &mut relays {
        relay.success().await;
    }
    let time = begin.elapsed();
    let leaf = &site.leaves[0];
    let info = leaf
        .request(&format!("$JS.API.STREAM.INFO.{STREAM}"), "")
        .await;
    let messages = leaf
        .messages(info["state"]["messages"].as_u64().unwrap() as usize)
        .await;
    let of = |tag: &&str| {
        messages
            .iter()
            .filter_map(|message| batch_of(message, tag))
            .collect()
    };
    (time, TAGS.iter().map(of).collect())
}

fn batch_of(message: &Message, tag: &str) -> Option<Batch> {
    let (address, kind) = Address::parse("logs", &message.subject)?;
    (kind == Subject::Batches && address.label == tag).then(|| Batch {
        subject: message.subject.to_string(),
        headers: message.headers.clone().unwrap_or_default(),
        body: message.payload.clone(),
    })
}

/// Publishes the batches of one relay, with as many bytes on the way.
async fn publish(leaf: &Server, batches: Vec<Batch>) {
    let context = ContextBuilder::new()
        .max_ack_inflight(WINDOW / OVERHEAD + 16)
        .build(leaf.client("relay").await);
    let window = Arc::new(Semaphore::new(WINDOW));
    let mut acknowledgements = JoinSet::new();
    for batch in batches {
        let bytes = (batch.body.len() + OVERHEAD) as u32;
        let room = Arc::clone(&window).acquire_many_owned(bytes).await.unwrap();
        let message = PublishMessage::build()
            .headers(batch.headers)
            .payload(batch.body);
        let acknowledgement = context.send_publish(batch.subject, message).await.unwrap();
        acknowledgements.spawn(async move {
            acknowledgement.await.unwrap();
            drop(room);
        });
    }
    acknowledgements.join_all().await;
}

async fn clients(batches: Vec<Vec<Batch>>) -> Duration {
    let site = host().await;
    let begin = Instant::now();
    let of_each = batches
        .into_iter()
        .map(|batches| publish(&site.leaves[0], batches));
    futures_util::future::join_all(of_each).await;
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs NATS_SERVER"]
async fn a_relay_is_compared_with_its_client_library() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let (mut relayed, mut published, mut number) = (Duration::ZERO, Duration::ZERO, 0);
        for _ in 0..ROUNDS {
            let (time, batches) = relays(&settings).await;
            relayed += time;
            number += batches.iter().map(Vec::len).sum::<usize>();
            published += clients(batches).await;
        }
        let records = 4 * settings.records * u64::from(ROUNDS);
        let rate = |time: Duration| format!("{:.0} records/s", records as f64 / time.as_secs_f64());
        figure(
            "batches",
            format!("{number} of {} records each", records / number as u64),
        );
        figure("child and relay", rate(relayed));
        figure("async-nats with the same batches", rate(published));
        let percent = 100.0 * published.as_secs_f64() / relayed.as_secs_f64();
        figure("share", format!("{percent:.0} %"));
        assert!(
            percent >= settings.least_percent,
            "{percent:.0} % of what async-nats reaches"
        );
    })
    .await;
}
