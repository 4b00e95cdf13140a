//! `over_tcp`: the frames of a child over sockets.

use std::{net::TcpListener, thread};

use tokio::process::Child;

use super::{example, path};
use crate::support::{Errors, temporary, within};

/// An `over_tcp` that receives. It is killed when it is dropped.
struct Receiver {
    _child: Child,
    errors: Errors,
    address: String,
}

impl Receiver {
    /// Starts it and waits until it listens.
    async fn start(address: &str) -> Self {
        let receive = example("over_tcp").arg("receive").arg(address);
        let (mut command, errors) = receive.into_command();
        let child = command.kill_on_drop(true).spawn().expect("over_tcp");
        let line = wait_for(&errors, "listening on ").await;
        let (_, address) = line.split_once("listening on ").expect("an address");
        Self {
            _child: child,
            address: address.to_owned(),
            errors,
        }
    }
}

/// Waits for a whole line with this text on standard error, which is a file.
async fn wait_for(errors: &Errors, text: &str) -> String {
    loop {
        let so_far = errors.text();
        let mut lines = so_far
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        if let Some(line) = lines.find(|line| line.contains(text)) {
            return line.trim_end().to_owned();
        }
        tokio::task::yield_now().await;
    }
}

/// Sends the records of `emit` with these options. Returns the exit code and standard error.
fn send(address: &str, emit: &str) -> (Option<i32>, String) {
    let send = example("over_tcp")
        .arg("send")
        .arg(address)
        .arg(path("emit"));
    let send = emit.split(' ').fold(send, |send, option| send.arg(option));
    let (status, _, errors) = send.run_alone();
    (status.code(), errors)
}

#[test]
fn records_arrive_over_tcp_and_unix_sockets_with_their_account() {
    let socket = temporary("socket");
    for address in ["127.0.0.1:0", socket.to_str().expect("a readable path")] {
        let receiver = within(Receiver::start(address));
        // In fragments on the pipe, and whole on the socket.
        let (code, errors) = send(&receiver.address, "--records 3 --message-bytes 200000");
        assert_eq!((code, &*errors), (Some(0), ""));
        within(wait_for(&receiver.errors, ": all 3 records received"));
        let text = receiver.errors.text();
        assert_eq!(text.matches("/emit] t0 n").count(), 3, "{}", text.len());

        let (code, _) = send(&receiver.address, "--records 2 --end kill");
        assert_eq!(code, Some(128 + 9), "the child was killed");
        let unclosed = "1 process did not close and may have logged more, 2 records received";
        within(wait_for(&receiver.errors, unclosed));
    }
    std::fs::remove_file(socket).expect("the socket");
}

#[test]
fn a_child_goes_on_without_its_receiver() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let gone = thread::spawn(move || drop(listener.accept().expect("a connection")));
    let (code, errors) = send(&address, "--records 50000");
    gone.join().expect("a connection");
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("the receiver is gone"), "{errors}");
}
