//! The configuration files as they stand: what they let through, and what they refuse.

use std::{collections::BTreeSet, fs, path::Path};

use async_nats::{Client, Event, RequestErrorKind, jetstream::Message};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{Place, STREAM, Server, Settings, Site, within};

/// Publishes with acknowledgement.
async fn publish(client: &Client, subject: &str) -> Value {
    let answer = client.request(subject.to_owned(), "x".into()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{subject}: {error}"));
    serde_json::from_slice(&answer.payload).unwrap()
}

fn subjects(messages: &[Message]) -> Vec<&str> {
    let mut subjects: Vec<&str> = messages
        .iter()
        .map(|message| message.subject.as_str())
        .collect();
    subjects.sort_unstable();
    subjects
}

/// Connects as a user, and receives what the server refuses.
async fn with_refusals(server: &Server, user: &str) -> (Client, UnboundedReceiver<String>) {
    let (sender, receiver) = unbounded_channel();
    let options = server.connect_options(user).event_callback(move |event| {
        if let Event::ServerError(error) = event {
            // The test may have ended.
            let _ = sender.send(error.to_string());
        }
        async {}
    });
    (options.connect(server.url()).await.unwrap(), receiver)
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
        // Nothing of one leaf is at the other.
        for leaf in &site.leaves {
            let info = leaf
                .request(&format!("$JS.API.STREAM.INFO.{STREAM}"), "")
                .await;
            assert_eq!(info["state"]["messages"], 1, "{info}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_relay_publishes_for_its_host_and_may_do_nothing_else() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1"]).await;
        let (relay, mut refusals) = with_refusals(&site.leaves[0], "relay").await;
        for subject in [
            "logs.edge2.web",
            "$JS.API.STREAM.DELETE.LOGS",
            "$JS.API.STREAM.PURGE.LOGS",
            "edge1.S.x",
        ] {
            relay.publish(subject, "".into()).await.unwrap();
            let refusal = refusals.recv().await.unwrap();
            assert!(
                refusal.to_lowercase().contains(&subject.to_lowercase()),
                "{refusal}"
            );
        }
        let _subscriber = relay.subscribe("logs.>").await.unwrap();
        let refusal = refusals.recv().await.unwrap();
        assert!(
            refusal
                .to_lowercase()
                .contains("subscription to \"logs.>\""),
            "{refusal}"
        );
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_collector_reads_and_may_not_ask_the_hosts() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1"]).await;
        let (collect, mut refusals) = with_refusals(&site.hub, "collect").await;
        for subject in [
            "logs.edge1.web",
            "$JS.edge1.API.STREAM.DELETE.LOGS",
            "edge1.S.x",
        ] {
            collect.publish(subject, "".into()).await.unwrap();
            let refusal = refusals.recv().await.unwrap();
            assert!(
                refusal.to_lowercase().contains(&subject.to_lowercase()),
                "{refusal}"
            );
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_host_that_was_taken_over_cannot_write_as_another_one() {
    within(&Settings::from_environment(), async {
        let site = Site::start(&["edge1", "edge2"]).await;
        let leaf = &site.leaves[0];
        // The leaf's administrator may do anything on the leaf.
        let config =
            json!({ "name": STREAM, "subjects": ["logs.>"], "storage": "file", "discard": "new" });
        leaf.request(
            &format!("$JS.API.STREAM.UPDATE.{STREAM}"),
            config.to_string(),
        )
        .await;
        let admin = leaf.client("admin").await;
        publish(&admin, "logs.edge2.web").await;
        assert_eq!(subjects(&site.hub.messages(1).await), ["logs.edge1.web"]);
        // It reaches neither the hub's JetStream nor that of another host.
        for api in ["$JS.hub.API", "$JS.edge2.API"] {
            let answer = admin
                .request(format!("{api}.STREAM.INFO.{STREAM}"), "".into())
                .await;
            assert_eq!(
                answer.unwrap_err().kind(),
                RequestErrorKind::NoResponders,
                "{api}"
            );
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn a_leaf_without_a_known_certificate_is_refused() {
    within(&Settings::from_environment(), async {
        let mut site = Site::new(Place::loopback());
        site.hub.start().await;
        site.add_leaf("edge3", Place::loopback());
        site.leaves[0].start().await;
        site.leaves[0]
            .process()
            .line("Authorization Violation")
            .await;

        let other = Site::new(Place::loopback());
        let mut stranger = Server::leaf(&other.path(""), "edge1", Place::loopback(), &site.hub);
        // It trusts the hub, but the hub does not trust its authority.
        stranger.set("CA", site.path("ca.pem").display().to_string());
        stranger.start().await;
        site.hub
            .process()
            .line("TLS leafnode handshake error")
            .await;
    })
    .await;
}

/// A variable that an environment file does not have would make the server refuse its configuration.
#[test]
fn the_environment_files_have_the_variables_of_the_configuration() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let read = |name: &str| fs::read_to_string(conf.join(name)).unwrap();
    for (files, environment) in [
        (&["hub.conf", "hub-users.conf"][..], "hub.env"),
        (&["leaf.conf"], "leaf.env"),
    ] {
        let text: String = files.iter().map(|name| read(name)).collect();
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let words: Vec<&str> = lines
            .flat_map(|line| line.split([' ', '[', ']', '}', ',']))
            .collect();
        let used: BTreeSet<&str> = words
            .iter()
            .filter_map(|word| word.strip_prefix('$'))
            .collect();
        let environment = read(environment);
        let lines = environment.lines().filter(|line| !line.starts_with('#'));
        let set: BTreeSet<&str> = lines.map(|line| line.split('=').next().unwrap()).collect();
        assert_eq!(used, set);
    }
}
