//! Several collectors: each has a part of the hosts, and another one stands by for it.

use std::time::Duration;

use crate::support::{Collector, Faults, Relay, Settings, Sink, Site, within};

/// A collector writes its position at least every second. The limit is far off, for busy machines.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_collector_on_standby_takes_the_part_of_one_that_is_killed() {
    within(&Settings::from_environment(), async {
        let hosts = ["edge1", "edge2"];
        let mut site = Site::start(&hosts).await;
        let sink = Sink::new();
        let subjects = hosts.map(|host| format!("logs.{host}.>"));
        let part = |number: usize| {
            let options = [
                "--name",
                hosts[number],
                "--subject",
                &subjects[number],
                "--standby",
            ];
            Collector::start_with(&site, &sink, &options)
        };
        // The server chooses a reader with the first message.
        let mut relays =
            [0, 1].map(|leaf| Relay::start(&site, leaf, hosts[leaf], &["--rate", "1000"]));
        // Two machines: each reads one part and stands by for the other.
        let mut reading = [part(0), part(1)];
        for collector in &reading {
            collector.process.line("collect: reading").await;
        }
        let mut standing_by = [part(0), part(1)];
        sink.wait_for(|received| hosts.iter().all(|host| received.distinct(host) > 2_000))
            .await;

        // The first machine: it reads the first part, and stands by for the second one.
        reading[0].kill().await;
        standing_by[1].kill().await;
        standing_by[0].process.line("collect: reading").await;
        let records = hosts.map(|host| sink.look(|received| received.distinct(host)) + 2_000);
        sink.wait_for(|received| (0..2).all(|host| received.distinct(hosts[host]) > records[host]))
            .await;

        site.end_loads();
        let mut logged = [0; 2];
        for (relay, logged) in relays.iter_mut().zip(&mut logged) {
            *logged = relay.success().await.logged;
            sink.complete(&relay.tag, *logged).await;
            assert_eq!(
                sink.look(|received| received.faults(&relay.tag, *logged)),
                Faults::default()
            );
        }
        // The account of the part goes on where the other one left it.
        for (collector, logged) in [
            (&mut standing_by[0], logged[0]),
            (&mut reading[1], logged[1]),
        ] {
            collector.stop().await;
            sink.look(|received| {
                let sums = &received.summary["all"];
                assert_eq!(
                    (&sums["received"], &sums["missing"], &sums["clean"]),
                    (&logged.into(), &0.into(), &1.into()),
                    "{sums}"
                );
            });
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_second_collector_of_the_same_name_stops_the_first_one() {
    within(&Settings::from_environment(), async {
        let mut site = Site::start(&["edge1"]).await;
        let sink = Sink::new();
        let mut first = Collector::start(&site, &sink);
        let mut relay = Relay::start(&site, 0, "web", &["--rate", "1000"]);
        sink.wait_for(|received| received.distinct("web") > 2_000)
            .await;

        let mut second = Collector::start(&site, &sink);
        let stopped = tokio::time::timeout(LIMIT, first.failure()).await;
        let said = stopped.expect("the first one goes on beside the second one");
        assert!(said.contains("another collector has taken over"), "{said}");
        let records = sink.look(|received| received.distinct("web")) + 2_000;
        sink.wait_for(|received| received.distinct("web") > records)
            .await;

        site.end_loads();
        let logged = relay.success().await.logged;
        sink.complete("web", logged).await;
        second.stop().await;
        sink.look(|received| {
            assert_eq!(received.faults("web", logged), Faults::default());
            received.accounts(logged, 1);
        });
    })
    .await;
}
