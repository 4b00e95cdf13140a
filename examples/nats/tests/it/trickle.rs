//! Children that log little: what a record costs if few go into one message.

use std::time::Duration;

use crate::support::{
    Collector, Faults, Received, Relay, STREAM, Settings, Sink, Site, figure, within,
};

const RATE: &str = "100";

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn children_that_log_little_cost_less_if_batches_wait() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let short = trickle(&settings, "10").await;
        let long = trickle(&settings, "1000").await;
        // 1 record a message against 100, and a few of control. On a busy machine batches grow by themselves.
        assert!(long > short, "{short} and {long} records a message");
    })
    .await;
}

/// What each program has used of the processors.
fn cpus(site: &Site, relays: &[Relay], collector: &Collector) -> [(&'static str, Duration); 4] {
    let relays = relays.iter().map(|relay| relay.process.cpu()).sum();
    [
        ("relays", relays),
        ("leaf", site.leaves[0].cpu()),
        ("hub", site.hub.cpu()),
        ("collector", collector.process.cpu()),
    ]
}

/// Prints what records cost while children trickle, and returns the records a message.
async fn trickle(settings: &Settings, batch_ms: &str) -> f64 {
    let mut site = Site::start(&["edge1"]).await;
    let sink = Sink::new();
    let mut collector = Collector::start(&site, &sink);
    let start = |number: u32| {
        let tag = format!("c{number}");
        let options = ["--batch-ms", batch_ms];
        Relay::start_with(
            &site,
            &site.leaves[0],
            &tag,
            &tag,
            &options,
            &["--rate", RATE],
        )
    };
    let mut relays: Vec<_> = (0..settings.children).map(start).collect();
    let all_log = |received: &Received| {
        relays
            .iter()
            .all(|relay| received.distinct(&relay.tag) > 100)
    };
    sink.wait_for(all_log).await;

    let (before, first) = (
        cpus(&site, &relays, &collector),
        sink.look(|received| received.records),
    );
    let records = u64::from(settings.children) * 100 * settings.away_seconds;
    sink.wait_for(|received| received.records >= first + records)
        .await;
    let after = cpus(&site, &relays, &collector);
    let records = sink.look(|received| received.records) - first;
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        let per_million = (after - before).as_secs_f64() * 1e6 / records as f64;
        figure(
            &format!("--batch-ms {batch_ms}: processor time of {name}"),
            format!("{per_million:.1} s per million records"),
        );
    }

    site.end_loads();
    let mut total = 0;
    for relay in &mut relays {
        let logged = relay.success().await;
        total += logged.logged;
        sink.complete(&relay.tag, logged.logged).await;
        let faults = sink.look(|received| received.faults(&relay.tag, logged.logged));
        assert_eq!((logged.dropped, faults), (0, Faults::default()));
    }
    collector.stop().await;
    sink.look(|received| received.accounts(total, settings.children.into()));
    let info = site
        .hub
        .request(&format!("$JS.API.STREAM.INFO.{STREAM}"), "")
        .await;
    let state = |name: &str| info["state"][name].as_f64().unwrap();
    figure(
        &format!("--batch-ms {batch_ms}: records"),
        format!(
            "{total}, {:.1} a message, {:.0} bytes each in the stream",
            total as f64 / state("messages"),
            state("bytes") / total as f64
        ),
    );
    total as f64 / state("messages")
}
