//! What relays and collectors say if the server refuses: the text tells what to do.

use crate::support::{Relay, STREAM, Settings, Site, within};

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
