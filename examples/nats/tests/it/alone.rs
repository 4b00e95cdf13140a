//! One server for everything, as the page tries it.

use std::process::Command;

use crate::support::{Faults, Place, Relay, Server, Settings, Sink, Site, within};

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn one_server_is_enough_to_try_it() {
    assert_all_arrive(3, &[], &[]).await;
}

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn records_of_a_shared_buffer_arrive_too() {
    assert_all_arrive(20_000, &["--buffer", "1048576"], &["--shared"]).await;
}

/// Runs a relay with these options, and a load of so many records.
async fn assert_all_arrive(records: u64, options: &[&str], load: &[&str]) {
    within(&Settings::from_environment(), async {
        let site = Site::new(Place::loopback());
        let mut server = Server::alone(&site.path(""), Place::loopback());
        server.start().await;
        let options = [&["--create-stream"], options].concat();
        let number = records.to_string();
        let load = [&["--records", &number], load].concat();
        let mut relay = Relay::start_with(&site, &server, "web", "web", &options, &load);
        assert_eq!(relay.success().await.logged, records);

        let collected = Command::new(env!("CARGO_BIN_EXE_collect"))
            .args(["--replay", "--format", "json", "--server", &server.url()])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&collected.stderr);
        assert!(collected.status.success(), "{errors}");
        let sink = Sink::new();
        sink.read(std::io::Cursor::new(collected.stdout))
            .join()
            .unwrap();
        sink.look(|received| {
            assert_eq!(received.faults("web", records), Faults::default());
            received.accounts(records, 1);
        });
    })
    .await;
}
