//! kill -9 at random moments, and a start again: of the hub, a leaf, the collector and relays.

use std::{collections::HashSet, time::Duration};

use crate::support::{Collector, Faults, Relay, Settings, Sink, Site, figure, random, within};

/// How many records a second each of four children logs.
const RATE: &str = "1000";

/// A site with four children that log until they are stopped.
struct Run {
    site: Site,
    sink: Sink,
    collector: Collector,
    relays: Vec<Relay>,
}

impl Run {
    async fn start() -> Self {
        let site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let collector = Collector::start(&site, &sink);
        let relay = |tag| Relay::start(&site, 0, tag, &["--rate", RATE]);
        let relays = ["w0", "w1", "w2", "w3"].map(relay).into();
        Self {
            site,
            sink,
            collector,
            relays,
        }
    }

    /// Waits for a random number of records, and a little longer: so the moment has nothing to do with the collector.
    async fn random_moment(&self) {
        let records = self.sink.look(|received| received.records) + random(200..3_000);
        self.sink
            .wait_for(|received| received.records >= records)
            .await;
        tokio::time::sleep(Duration::from_micros(random(0..100_000))).await;
    }

    /// Ends the children and compares what they logged with what has arrived.
    async fn end(mut self) {
        self.site.end_loads();
        let mut total = 0;
        for relay in &mut self.relays {
            let logged = relay.success().await;
            assert_eq!(logged.dropped, 0);
            total += logged.logged;
            self.sink.complete(&relay.tag, logged.logged).await;
            let faults = self
                .sink
                .look(|received| received.faults(&relay.tag, logged.logged));
            assert_eq!(faults, Faults::default(), "{}", relay.tag);
        }
        self.collector.stop().await;
        // Records that were put out twice count once: the accounts go on where the position is.
        self.sink.look(|received| received.accounts(total, 4));
        let redelivered = self.sink.look(|received| received.redelivered);
        figure(
            "records",
            format!("{total} logged, 0 lost, 0 duplicated, {redelivered} marked as redelivered"),
        );
    }
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_hub_that_is_killed_loses_and_repeats_nothing() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut run = Run::start().await;
        for _ in 0..settings.kills {
            run.random_moment().await;
            run.site.hub.kill().await;
            run.site.hub.start().await;
        }
        run.random_moment().await;
        run.end().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_leaf_that_is_killed_loses_and_repeats_nothing() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut run = Run::start().await;
        for _ in 0..settings.kills {
            run.random_moment().await;
            run.site.leaves[0].kill().await;
            run.site.leaves[0].start().await;
        }
        run.random_moment().await;
        run.end().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_collector_that_is_killed_loses_nothing_and_marks_what_it_repeats() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut run = Run::start().await;
        for _ in 0..settings.kills {
            run.random_moment().await;
            run.collector.kill().await;
            run.collector = Collector::start(&run.site, &run.sink);
        }
        run.random_moment().await;
        run.end().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_relay_that_is_killed_is_missed_by_the_collector() {
    let settings = Settings::from_environment();
    within(&settings, async {
        let mut site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let start = |number: u32| {
            let tag = format!("r{number}");
            Relay::start_with(&site, &site.leaves[0], "web", &tag, &[], &["--rate", RATE])
        };
        for number in 0..settings.kills {
            let mut relay = start(number);
            let records = random(1..2_000);
            sink.wait_for(|received| received.distinct(&relay.tag) >= records)
                .await;
            tokio::time::sleep(Duration::from_micros(random(0..100_000))).await;
            relay.process.kill().await;
        }
        let mut last = start(settings.kills);
        sink.wait_for(|received| received.distinct(&last.tag) > 0)
            .await;
        site.end_loads();
        let logged = last.success().await;
        sink.complete(&last.tag, logged.logged).await;
        sink.wait_for(|received| received.ends.len() >= settings.kills as usize)
            .await;
        collector.stop().await;

        sink.look(|received| {
            assert_eq!(received.faults(&last.tag, logged.logged), Faults::default());
            assert_eq!(
                received.ends.len(),
                settings.kills as usize,
                "{:?}",
                received.ends
            );
            let mut lost_inside = 0;
            for (number, end) in received.ends.iter().enumerate() {
                let tag = format!("r{number}");
                let gaps: usize = received.gaps(&tag).into_iter().map(|gap| gap.count()).sum();
                // Records are numbered from 1, those of a load from 0.
                let highest = received.distinct(&tag) + gaps as u64;
                assert_eq!(
                    (end.how.as_str(), end.after_seq),
                    ("ended unknown", highest),
                    "{end:?}"
                );
                // By the relay that came after it, and not only because it is silent.
                assert!(end.why.contains("was started"), "{end:?}");
                assert_eq!((received.duplicated(&tag), end.label.as_str()), (0, "web"));
                lost_inside += gaps as u64;
            }
            let starts: HashSet<&str> = received.ends.iter().map(|end| &*end.relay).collect();
            assert_eq!(starts.len(), received.ends.len(), "each relay once");
            let sums = &received.summary["all"];
            assert_eq!(sums["cut_off"], settings.kills, "{sums}");
            assert_eq!(sums["clean"], 1, "{sums}");
            assert_eq!(sums["missing"], lost_inside, "{sums}");
            assert_eq!(sums["received"], received.records, "{sums}");
            figure("summary", sums);
        });
    })
    .await;
}
