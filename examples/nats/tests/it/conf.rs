//! The configuration files as they stand: what they let through, and what they refuse.

use std::{fs, time::Duration};

use async_nats::{Client, Event, jetstream::Message};
use serde_json::Value;

use crate::support::{STREAM, Settings, Site, within};

/// Publishes with acknowledgement.
async fn publish(client: &Client, subject: &str) -> Value {
    let answer = client.request(subject.to_owned(), "x".into()).await;
    serde_json::from_slice(
        &answer
            .unwrap_or_else(|error| panic!("{subject}: {error}"))
            .payload,
    )
    .unwrap()
}

fn subjects(messages: &[Message]) -> Vec<&str> {
    let mut subjects: Vec<&str> = messages
        .iter()
        .map(|message| message.subject.as_str())
        .collect();
    subjects.sort_unstable();
    subjects
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn the_hub_fetches_what_the_hosts_store() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1", "edge2"]).await;
        for leaf in &site.leaves {
            let answer = publish(
                &leaf.client("relay").await,
                &format!("logs.{}.web", leaf.name),
            )
            .await;
            assert_eq!(answer["seq"], 1, "{answer}");
        }
        let messages = site.hub.messages(2).await;
        assert_eq!(subjects(&messages), ["logs.edge1.web", "logs.edge2.web"]);
        // Each leaf has its own and nothing else.
        for leaf in &site.leaves {
            let info = leaf
                .request(&format!("$JS.API.STREAM.INFO.{STREAM}"), "")
                .await;
            assert_eq!(info["state"]["messages"], 1, "{info}");
        }
    })
    .await;
}
