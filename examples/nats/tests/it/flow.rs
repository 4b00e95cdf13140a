//! Many records, with nothing in the way: what arrives, how fast, and what it costs.

use std::time::Instant;

use crate::support::{Collector, Faults, Relay, STREAM, Settings, Sink, Site, figure, within};

const TAGS: [&str; 4] = ["w0", "w1", "w2", "w3"];

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn every_record_of_four_children_arrives_once() {
    flow(&[]).await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn every_record_arrives_once_if_each_is_a_message() {
    flow(&["--per-record"]).await;
}

async fn flow(options: &[&str]) {
    let settings = Settings::from_environment();
    within(&settings, async {
        let site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let number = settings.records.to_string();
        let begin = Instant::now();
        let mut relays = TAGS.map(|tag| {
            Relay::start_with(
                &site,
                &site.leaves[0],
                tag,
                tag,
                options,
                &["--records", &number],
            )
        });
        for relay in &mut relays {
            assert_eq!(relay.success().await.logged, settings.records);
        }
        let relayed = begin.elapsed();
        for relay in &relays {
            sink.complete(&relay.tag, settings.records).await;
            let faults = sink.look(|received| received.faults(&relay.tag, settings.records));
            assert_eq!(faults, Faults::default(), "{}", relay.tag);
        }
        let collected = begin.elapsed();
        collector.stop().await;
        let total = 4 * settings.records;
        sink.look(|received| received.accounts(total, 4));

        let rate = |time: std::time::Duration| {
            format!("{:.0} records/s", total as f64 / time.as_secs_f64())
        };
        figure("records", format!("{total}: 0 lost, 0 duplicated"));
        figure("until the leaf has acknowledged all", rate(relayed));
        figure("until the collector has printed all", rate(collected));
        let info = site
            .hub
            .request(&format!("$JS.API.STREAM.INFO.{STREAM}"), "")
            .await;
        let bytes = info["state"]["bytes"].as_f64().unwrap() / total as f64;
        figure("bytes in the stream", format!("{bytes:.0} a record"));
        let relays = relays.iter().map(|relay| relay.process.cpu()).sum();
        for (name, cpu) in [
            ("relays", relays),
            ("leaf", site.leaves[0].cpu()),
            ("hub", site.hub.cpu()),
            ("collector", collector.process.cpu()),
        ] {
            let per_million = cpu.as_secs_f64() * 1e6 / total as f64;
            figure(
                &format!("processor time of {name}"),
                format!("{per_million:.2} s per million records"),
            );
        }
    })
    .await;
}
