//! How much of what async-nats reaches a relay reaches, on the same server.

use std::{
    fs,
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
const OVERHEAD: usize = 4096;

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

/// How long something took, and what it took of the processors without the server.
#[derive(Default)]
struct Cost {
    time: Duration,
    cpu: Duration,
    leaf: Duration,
}

/// Runs four relays to their ends, each with a load of its own.
async fn relays(site: &Site, load: impl Fn(&str) -> [String; 2]) -> Cost {
    let begin = Instant::now();
    let mut relays = TAGS.map(|tag| {
        let load = load(tag);
        Relay::start(site, 0, tag, &load.each_ref().map(String::as_str))
    });
    for relay in &mut relays {
        let status = relay.end().await;
        assert!(status.success(), "{status}: {}", relay.process.errors());
    }
    let cpu = relays.iter().map(|relay| relay.process.cpu()).sum();
    Cost {
        time: begin.elapsed(),
        cpu,
        leaf: site.leaves[0].cpu(),
    }
}

/// Returns the batches of each relay.
async fn batches(site: &Site) -> Vec<Vec<Batch>> {
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
    TAGS.iter().map(of).collect()
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

/// Publishes them with the client library alone, from this process.
async fn clients(batches: Vec<Vec<Batch>>) -> Cost {
    let site = host().await;
    let (begin, before) = (Instant::now(), own_cpu());
    let of_each = batches
        .into_iter()
        .map(|batches| publish(&site.leaves[0], batches));
    futures_util::future::join_all(of_each).await;
    Cost {
        time: begin.elapsed(),
        cpu: own_cpu() - before,
        leaf: site.leaves[0].cpu(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs NATS_SERVER"]
async fn a_relay_is_compared_with_its_client_library() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let number = settings.records.to_string();
        let [mut children, mut frames, mut library] = [const { Vec::new() }; 3];
        let mut messages = 0;
        for _ in 0..ROUNDS {
            let site = host().await;
            children.push(relays(&site, |_| ["--records".to_owned(), number.clone()]).await);
            let batches = batches(&site).await;
            messages += batches.iter().map(Vec::len).sum::<usize>();

            let site = host().await;
            let path = |tag: &str| site.path(&format!("{tag}.frames")).display().to_string();
            for (tag, batches) in TAGS.iter().zip(&batches) {
                let bodies: Vec<&[u8]> = batches.iter().map(|batch| &*batch.body).collect();
                fs::write(path(tag), bodies.concat()).unwrap();
            }
            frames.push(relays(&site, |tag| ["--frames".to_owned(), path(tag)]).await);
            library.push(clients(batches).await);
        }
        let records = 4 * settings.records * u64::from(ROUNDS);
        figure("records", format!("{records} in {messages} batches"));
        let library = report("async-nats with the batches", records, &library);
        let frames = report("relays whose children write ready frames", records, &frames);
        let children = report("relays whose children log", records, &children);
        let percent = 100.0 * library / frames;
        figure(
            "share of async-nats with ready frames",
            format!("{percent:.0} %"),
        );
        let with_children = 100.0 * library / children;
        figure(
            "share of async-nats with children that log (the goal is 60 %)",
            format!("{with_children:.0} %"),
        );
        // With children that log it is reported and not asserted: to log a record costs the child more of the same two
        // threads than async-nats has left of 60 %.
        assert!(
            percent >= settings.least_percent,
            "{percent:.0} % of async-nats with ready frames, {with_children:.0} % with children that log"
        );
    })
    .await;
}

/// Prints the sums of all rounds, and returns the seconds.
fn report(name: &str, records: u64, costs: &[Cost]) -> f64 {
    let sum = |part: fn(&Cost) -> Duration| costs.iter().map(part).sum::<Duration>().as_secs_f64();
    let (time, cpu, leaf) = (
        sum(|cost| cost.time),
        sum(|cost| cost.cpu),
        sum(|cost| cost.leaf),
    );
    let million = records as f64 / 1e6;
    figure(
        name,
        format!(
            "{:.0} records/s; processor time per million records {:.2} s, of the server {:.2} s",
            records as f64 / time,
            cpu / million,
            leaf / million
        ),
    );
    time
}

fn own_cpu() -> Duration {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(clock.tv_sec as u64, clock.tv_nsec as u32)
}
