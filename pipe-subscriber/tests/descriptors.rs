//! The number of descriptors that a spawn leaves open in the parent. It is one test in a process of its own, so that no
//! other test opens any.

use std::fs;

use pipe_subscriber::{Spawn, Via};
use tokio::process::Command;

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn run_one(via: Via) {
    let (mut child, logs) = Spawn::new(Command::new("true")).via(via).spawn().unwrap();
    logs.run().await.unwrap();
    child.wait().await.unwrap();
}

#[tokio::test]
async fn spawning_leaves_no_descriptor_behind() {
    // The runtime opens its descriptors for children at the first child.
    run_one(Via::Fd).await;
    let before = open_descriptors();

    for via in [Via::Fd, Via::Stdin] {
        let error = Spawn::new(Command::new("/no/such/program"))
            .via(via)
            .spawn()
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        let command = std::process::Command::new("/no/such/program");
        Spawn::new(command).via(via).spawn().unwrap_err();
        Spawn::new(Command::new("true"))
            .via(via)
            .filter("\0")
            .spawn()
            .unwrap_err();
        assert_eq!(open_descriptors(), before, "after failures {via:?}");
    }

    let (mut child, logs) = Spawn::new(std::process::Command::new("true"))
        .spawn()
        .unwrap();
    assert_eq!(
        open_descriptors(),
        before + 2,
        "the read end and the descriptor that watches the exit"
    );
    drop(logs);
    assert_eq!(open_descriptors(), before);
    child.wait().unwrap();

    for _ in 0..100 {
        run_one(Via::Fd).await;
        run_one(Via::Stdin).await;
    }
    assert_eq!(open_descriptors(), before);
}
