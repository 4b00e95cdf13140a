//! What relays and collectors say if the server refuses: the text tells what to do.

use serde_json::json;

use crate::support::{
    Collector, Faults, Place, Relay, STREAM, Settings, Sink, Site, figure, within,
};

/// Starts a relay that cannot start its child, and returns what it says.
async fn refused(site: &Site, options: &[&str]) -> String {
    let leaf = &site.leaves[0];
    let mut relay = Relay::start_with(site, leaf, "web", "web", options, &["--records", "1"]);
    let status = relay.end().await;
    assert_eq!(status.code(), Some(125), "{}", relay.process.errors());
    relay.process.errors()
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_relay_says_what_is_wrong_before_it_starts_its_child() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1"]).await;
        for (options, texts) in [
            // Later options replace earlier ones.
            (
                &["--server", "nats://127.0.0.1:9"][..],
                &["no NATS server answers at nats://127.0.0.1:9", "--server"][..],
            ),
            (
                &["--server", "nats://nowhere.invalid"],
                &["nowhere.invalid", "no such host", "--server"],
            ),
            (
                &["--server", "http://x"],
                &["no URL of a NATS server", "nats://HOST:PORT"],
            ),
            (
                &["--user", "stranger"],
                &["refuses the credentials", "--user"],
            ),
            (
                &["--password-file", "/no/such/file"],
                &["cannot read /no/such/file"],
            ),
            (
                &["--stream", "OTHER"],
                &["OTHER", "$JS.API.STREAM.INFO.OTHER"],
            ),
            (
                &["--host", "edge2"],
                &["does not take logs.edge2.web", "--host"],
            ),
        ] {
            let said = refused(&site, options).await;
            for text in texts {
                assert!(said.contains(text), "{options:?}: {said}");
            }
        }
        // Without a stream at all.
        site.leaves[0]
            .request(&format!("$JS.API.STREAM.DELETE.{STREAM}"), "")
            .await;
        let said = refused(&site, &[]).await;
        assert!(
            said.contains("the stream LOGS does not exist") && said.contains("--create-stream"),
            "{said}"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_stream_that_is_full_is_reported_and_loses_nothing() {
    within(&Settings::from_environment(), async {
        let mut site = Site::start(&["edge1"]).await;
        let update = |max_bytes: u64| {
            json!({ "name": STREAM, "subjects": ["logs.edge1.>"], "storage": "file", "discard": "new",
                "allow_direct": true, "max_bytes": max_bytes })
            .to_string()
        };
        let subject = format!("$JS.API.STREAM.UPDATE.{STREAM}");
        site.leaves[0].request(&subject, update(1 << 20)).await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let mut relay = Relay::start(&site, 0, "web", &["--rate", "20000"]);
        let said = relay.process.line("max_bytes").await;
        figure("the relay says", said);

        site.leaves[0].request(&subject, update(1 << 30)).await;
        let records = sink.look(|received| received.records) + 20_000;
        sink.wait_for(|received| received.records > records).await;
        site.end_loads();
        let logged = relay.success().await;
        sink.complete("web", logged.logged).await;
        let faults = sink.look(|received| received.faults("web", logged.logged));
        assert_eq!((logged.dropped, faults), (0, Faults::default()));
        collector.stop().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_permission_that_is_withdrawn_is_reported_and_loses_nothing() {
    within(&Settings::from_environment(), async {
        let mut site = Site::new(Place::loopback());
        site.add_leaf("edge1", Place::loopback());
        let (granted, withdrawn) = ("[\n            $SUBJECTS", "[\n            \"other\"");
        site.leaves[0].configure(granted, granted);
        site.start_all().await;
        let sink = Sink::new();
        let mut collector = Collector::start(&site, &sink);
        let mut relay = Relay::start(&site, 0, "web", &["--rate", "1000"]);
        sink.wait_for(|received| received.distinct("web") > 1_000)
            .await;

        site.leaves[0].configure(granted, withdrawn);
        site.leaves[0].reload().await;
        let said = relay
            .process
            .line("Permissions Violation for Publish")
            .await;
        assert!(
            said.contains("logs.edge1.web") && said.contains("check the permissions"),
            "{said}"
        );
        figure("the relay says", said);

        site.leaves[0].configure(withdrawn, granted);
        site.leaves[0].reload().await;
        let records = sink.look(|received| received.records) + 2_000;
        sink.wait_for(|received| received.records > records).await;
        site.end_loads();
        let logged = relay.success().await;
        sink.complete("web", logged.logged).await;
        let faults = sink.look(|received| received.faults("web", logged.logged));
        assert_eq!((logged.dropped, faults), (0, Faults::default()));
        collector.stop().await;
        sink.look(|received| received.accounts(logged.logged, 1));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_collector_says_what_is_wrong() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1"]).await;
        for (options, texts) in [
            (
                &["--server", "tls://127.0.0.1:9"][..],
                &["no NATS server answers at tls://127.0.0.1:9"][..],
            ),
            (
                &["--user", "stranger"],
                &["refuses the credentials", "--user"],
            ),
            (
                &["--tls-ca", "/no/such/file"],
                &["cannot read /no/such/file"],
            ),
            (
                &["--stream", "OTHER"],
                &["the stream OTHER does not exist", "--stream"],
            ),
            // A user who may not read.
            (&["--user", "edge1.example"], &["refuses the credentials"]),
        ] {
            let mut collector = Collector::start_with(&site, &Sink::new(), options);
            let status = collector.process.end().await;
            let said = collector.process.errors();
            assert!(!status.success(), "{options:?}: {said}");
            for text in texts {
                assert!(said.contains(text), "{options:?}: {said}");
            }
        }
    })
    .await;
}
