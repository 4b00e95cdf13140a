//! Children of another process: a launcher in Python, which runs all the time, starts them on request. It gets the pipe
//! over a Unix socket, and gives it to the child by `pass_fds`.
//!
//! ```text
//! cargo run --example zygote
//! ```
//!
//! It needs Linux and Python 3.9. This file is the parent and its children; the launcher is `zygote.py`.

mod packet;

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command},
};

use env_logger::Env;
use pipe_subscriber::{Handover, LabelIn, Spawn};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde_json::json;

const HELP: &str = "\
Has two children started by a launcher in Python, and logs their records

Example: RUST_LOG=debug zygote
";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("child") => child(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), Box<dyn Error>> {
    env_logger::init_from_env(Env::default().default_filter_or("info"));
    let (mut zygote, socket) = start_zygote()?;
    for label in ["w1", "w2"] {
        let prepare = Spawn::prepare().label(label).label_in(LabelIn::Target);
        let (handover, mut logs) = prepare.at(100)?;
        packet::send(&socket, &request(&handover)?, handover.as_fd())?;
        drop(handover); // The launcher has a descriptor of its own now.

        let (pid, pidfd) = packet::receive(&socket)?;
        logs.watch(pidfd)?;
        let summary = logs.run().await?;
        log::info!("process {}: {summary}", String::from_utf8_lossy(&pid));
    }
    drop(socket);
    zygote.wait()?;
    Ok(())
}

fn start_zygote() -> Result<(Child, OwnedFd), Box<dyn Error>> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let mut command = Command::new("python3");
    command
        .args(["-c", include_str!("zygote.py")])
        .stdin(theirs);
    Ok((command.spawn()?, ours))
}

/// Returns the request to start this program as a child.
fn request(handover: &Handover) -> Result<Vec<u8>, Box<dyn Error>> {
    let program = env::current_exe()?;
    let request = json!({
        "argv": [program.to_str().ok_or("this program's path is not UTF-8")?, "child"],
        "env": handover.envs().collect::<BTreeMap<_, _>>(),
        "number": handover.number(),
    });
    Ok(serde_json::to_vec(&request)?)
}

fn child() -> Result<(), Box<dyn Error>> {
    pipe_handler::init()?;
    log::info!(user = 7; "hello from child process");
    Ok(())
}
