//! Servers that are away for a while: what the children notice, what the relay holds, and that nothing is lost.

use std::time::Duration;

use crate::support::{Collector, Faults, Relay, Settings, Sink, Site, figure, within};

/// How many bytes a relay of these tests may hold.
const WINDOW: &str = "2097152";
/// A relay may use this much memory above its window: the program, its runtime, the client's buffers.
const ALLOWANCE: u64 = 64 << 20;

/// Compares what a load logged with what arrived. `dropped` are those that the policy of the child dropped.
fn check(sink: &Sink, tag: &str, logged: u64, dropped: u64) {
    let faults = sink.look(|received| received.faults(tag, logged));
    // The last ones may have been dropped, so that nothing arrived at their place.
    assert_eq!(
        faults,
        Faults {
            lost: dropped,
            ..Faults::default()
        },
        "{tag}"
    );
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn while_the_leaf_is_away_children_follow_their_policy_and_the_relay_keeps_to_its_bound() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let policies = [
            ("waits", "block"),
            ("drops", "drop"),
            ("gives-up", "block-for:20"),
        ];
        let mut relays = policies.map(|(tag, policy)| {
            let load = ["--rate", "10000", "--overflow", policy];
            Relay::start_with(
                &site,
                &site.leaves[0],
                tag,
                tag,
                &["--window", WINDOW],
                &load,
            )
        });
        sink.wait_for(|received| {
            policies
                .iter()
                .all(|(tag, _)| received.distinct(tag) > 1_000)
        })
        .await;

        site.leaves[0].kill().await;
        // The time is what is tested.
        tokio::time::sleep(Duration::from_secs(settings.away_seconds)).await;
        site.leaves[0].start().await;
        let records = sink.look(|received| received.records) + 10_000;
        sink.wait_for(|received| received.records > records).await;

        let memory = relays.each_ref().map(|relay| relay.process.peak_memory());
        site.end_loads();
        let mut all_dropped = 0;
        for ((relay, (tag, policy)), memory) in relays.iter_mut().zip(policies).zip(memory) {
            let logged = relay.success().await;
            sink.complete(tag, logged.logged - logged.dropped).await;
            check(&sink, tag, logged.logged, logged.dropped);
            figure(
                policy,
                format!("{logged:?}, the relay used at most {} KiB", memory >> 10),
            );
            assert!(memory < WINDOW.parse::<u64>().unwrap() + ALLOWANCE);
            assert!(policy != "block" || logged.dropped == 0);
            // Only the child that waits noticed how long the leaf was away. The limit is far off, for busy machines.
            assert!(policy == "block" || logged.longest_us < 30_000_000);
            all_dropped += logged.dropped;
        }
        figure("dropped", all_dropped);
        collector.stop().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn while_the_hub_is_away_children_notice_nothing() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        // A child that never waits: if its pipe were full even once, it would drop a record.
        let tags = ["w0", "w1", "w2", "w3"];
        let load = ["--rate", "1000", "--overflow", "drop"];
        let mut relays = tags.map(|tag| Relay::start(&site, 0, tag, &load));
        sink.wait_for(|received| tags.iter().all(|tag| received.distinct(tag) > 1_000))
            .await;

        site.hub.kill().await;
        // The time is what is tested.
        tokio::time::sleep(Duration::from_secs(settings.away_seconds)).await;
        site.hub.start().await;
        let records = sink.look(|received| received.records) + 4_000;
        sink.wait_for(|received| received.records > records).await;

        site.end_loads();
        for relay in &mut relays {
            let logged = relay.success().await;
            assert_eq!(logged.dropped, 0);
            sink.complete(&relay.tag, logged.logged).await;
            check(&sink, &relay.tag, logged.logged, 0);
            figure(&relay.tag, format!("{logged:?}"));
        }
        collector.stop().await;
    })
    .await;
}
