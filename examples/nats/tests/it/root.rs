//! Tests that need root: hosts as network namespaces, full disks, and power that fails.

use std::{fs, thread, time::Instant};

use async_nats::jetstream;
use futures_util::{StreamExt, stream};

use crate::support::{
    Collector, Disk, Faults, Network, Place, Relay, STREAM, Settings, Sink, Site, figure, within,
};

const MIB: u64 = 1 << 20;

/// Runs a test that changes its thread's network namespace.
fn on_a_thread<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    let run = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test())
    };
    thread::spawn(run).join().unwrap();
}

#[test]
#[ignore = "needs NATS_SERVER, root and ip(8)"]
fn a_host_that_is_cut_off_for_a_while_loses_nothing() {
    on_a_thread(|| async {
        let settings = Settings::from_environment();
        within(&settings, cut_off(&settings)).await;
    });
}

async fn cut_off(settings: &Settings) {
    let hosts = ["edge1", "edge2"];
    let network = Network::new(&hosts);
    let mut site = Site::new(network.hub());
    for host in hosts {
        site.add_leaf(host, network.host(host));
    }
    site.start_all().await;
    let sink = Sink::new();
    let mut collector = Collector::start(&site, &sink);
    let mut relays = [0, 1].map(|leaf| {
        Relay::start(
            &site,
            leaf,
            hosts[leaf],
            &["--rate", "2000", "--overflow", "drop"],
        )
    });
    let more = async |host: &str, number: u64| {
        let records = sink.look(|received| received.distinct(host)) + number;
        sink.wait_for(|received| received.distinct(host) >= records)
            .await;
    };
    for host in hosts {
        more(host, 2_000).await;
    }
    network.cut("edge1");
    // Until the other host has logged for as long as the cut should last.
    more("edge2", 2_000 * settings.away_seconds.min(10)).await;
    let behind = hosts.map(|host| sink.look(|received| received.distinct(host)));
    network.join("edge1");
    more("edge1", 2_000).await;

    site.end_loads();
    for relay in &mut relays {
        let logged = relay.success().await;
        assert_eq!(logged.dropped, 0);
        sink.complete(&relay.tag, logged.logged).await;
        let faults = sink.look(|received| received.faults(&relay.tag, logged.logged));
        assert_eq!(faults, Faults::default(), "{}", relay.tag);
    }
    figure(
        "records of both hosts at the end of the cut",
        format!("{behind:?}"),
    );
    collector.stop().await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER and root"]
async fn a_full_disk_of_the_leaf_is_reported_and_loses_nothing() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut site = Site::new(Place::loopback());
        site.add_leaf("edge1", Place::loopback());
        let disk = Disk::small(site.path("small"), 8 * MIB);
        site.leaves[0].set("STORE", disk.path.display().to_string());
        site.start_all().await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let mut relay = Relay::start(&site, 0, "web", &["--rate", "20000"]);

        site.leaves[0].process().line("no space left").await;
        let said = relay.process.line("its disk is full").await;
        figure("the relay says", said);
        disk.resize(512 * MIB);
        site.leaves[0].kill().await;
        site.leaves[0].start().await;
        let records = sink.look(|received| received.records) + 20_000;
        sink.wait_for(|received| received.records > records).await;

        site.end_loads();
        let logged = relay.success().await;
        assert_eq!(logged.dropped, 0);
        sink.complete("web", logged.logged).await;
        let faults = sink.look(|received| received.faults("web", logged.logged));
        assert_eq!(faults, Faults::default());
        collector.stop().await;
    })
    .await;
}

/// The power of a leaf fails: only what is on its disk is left. Returns how many messages were acknowledged, how many are
/// left, and how many a second it took.
async fn power_failure(sync: &str) -> (u64, u64, f64) {
    const MESSAGES: u64 = 1_000;
    const ON_THE_WAY: usize = 64;
    let mut site = Site::new(Place::loopback());
    let file = site.path("disk");
    let disk = Disk::in_file(site.path("before"), &file);
    site.add_leaf("edge1", Place::loopback());
    site.leaves[0].set("STORE", disk.path.display().to_string());
    site.leaves[0].set("SYNC", sync);
    site.leaves[0].start().await;
    site.leaves[0].create_stream().await;

    let context = jetstream::new(site.leaves[0].client("relay").await);
    let begin = Instant::now();
    let publish = async |_| {
        let acknowledgement = context
            .publish("logs.edge1.web", vec![b'x'; 16 << 10].into())
            .await;
        acknowledgement.unwrap().await.unwrap()
    };
    let acknowledged = stream::iter(0..MESSAGES)
        .map(publish)
        .buffer_unordered(ON_THE_WAY)
        .count()
        .await as u64;
    let rate = acknowledged as f64 / begin.elapsed().as_secs_f64();

    // What the disk has at this moment. What is only in the memory of the system does not count.
    let left = site.path("left");
    fs::copy(&file, &left).unwrap();
    site.leaves[0].kill().await;
    let disk_after = Disk::of_file(site.path("after"), &left);
    site.leaves[0].set("STORE", disk_after.path.display().to_string());
    site.leaves[0].start().await;
    let admin = site.leaves[0].client("admin").await;
    let info = admin
        .request(format!("$JS.API.STREAM.INFO.{STREAM}"), "".into())
        .await
        .unwrap();
    let info: serde_json::Value = serde_json::from_slice(&info.payload).unwrap();
    // There may be no stream.
    let messages = info["state"]["messages"].as_u64().unwrap_or(0);
    (acknowledged, messages, rate)
}

#[tokio::test]
#[ignore = "needs NATS_SERVER, root and a loop device"]
async fn what_is_acknowledged_survives_a_power_failure_if_the_leaf_always_syncs() {
    within(&Settings::from_environment(), async {
        for sync in ["\"2m\"", "always"] {
            let (acknowledged, left, rate) = power_failure(sync).await;
            figure(
                &format!("sync_interval {sync}"),
                format!("{acknowledged} messages of 16 KiB acknowledged, {rate:.0} a second, {left} left after a power failure"),
            );
            assert!(sync != "always" || left == acknowledged);
        }
    })
    .await;
}
