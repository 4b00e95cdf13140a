//! One server for everything, as the page tries it.

use std::process::Command;

use crate::support::{Faults, Place, Relay, Server, Settings, Sink, Site, within};

#[tokio::test]
#[ignore = "needs NATS_SERVER"]
async fn one_server_is_enough_to_try_it() {
    within(&Settings::from_environment(), async {
        let site = Site::new(Place::loopback());
        let mut server = Server::alone(&site.path(""), Place::loopback());
        server.start().await;
        let options = ["--create-stream"];
        let mut relay =
            Relay::start_with(&site, &server, "web", "web", &options, &["--records", "3"]);
        assert_eq!(relay.success().await.logged, 3);

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
            assert_eq!(received.faults("web", 3), Faults::default());
            received.accounts(3, 1);
        });
    })
    .await;
}
