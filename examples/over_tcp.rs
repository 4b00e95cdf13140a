//! Records from one host to another without a broker: the frames of a child over TCP or a Unix socket.
//!
//! ```text
//! cargo run --example over_tcp -- receive 127.0.0.1:5170
//! cargo run --example over_tcp -- send 127.0.0.1:5170 target/debug/examples/emit --records 3
//! ```
//!
//! An address with a slash is the path of a Unix socket. There is no login and no encryption: use a network that you
//! trust, or an SSH tunnel. What is on the way when a connection breaks is lost, and the receiver's summary says that
//! something may be. `examples/nats` is for records that must survive that.

use std::{env, error::Error, os::unix::process::ExitStatusExt, process::ExitCode};

use futures_util::StreamExt;
use log::LevelFilter;
use pipe_subscriber::{LabelIn, PipeSubscriber, Spawn};
use record_proto::{DEFAULT_RECORD_LIMIT, RecordCodec};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    process::Command,
};
use tokio_util::codec::Framed;

const USAGE: &str = "over_tcp receive ADDRESS, or over_tcp send ADDRESS CMD [ARG...]";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    env_logger::builder().filter_level(LevelFilter::Info).init();
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["receive", path] if path.contains('/') => {
            let listener = UnixListener::bind(path)?;
            log::info!("listening on {path}");
            loop {
                tokio::spawn(receive(listener.accept().await?.0, "unix".to_owned()));
            }
        }
        ["receive", address] => {
            let listener = TcpListener::bind(address).await?;
            log::info!("listening on {}", listener.local_addr()?);
            loop {
                let (socket, peer) = listener.accept().await?;
                tokio::spawn(receive(socket, peer.to_string()));
            }
        }
        ["send", path, program, ref args @ ..] if path.contains('/') => {
            send(UnixStream::connect(path).await?, program, args).await
        }
        ["send", address, program, ref args @ ..] => {
            send(TcpStream::connect(address).await?, program, args).await
        }
        _ => Err(USAGE.into()),
    }
}

/// Runs a child and sends its whole frames. If the receiver is gone, the child goes on without one.
async fn send<S: AsyncRead + AsyncWrite>(
    socket: S,
    program: &str,
    args: &[&str],
) -> Result<ExitCode, Box<dyn Error>> {
    let mut command = Command::new(program);
    command.args(args);
    let (mut child, logs) = Spawn::new(command).spawn()?;
    let codec = RecordCodec::new().with_max_frame_length(DEFAULT_RECORD_LIMIT);
    let framed = Framed::new(socket, codec);
    // Flushes whenever no further frame is there, and ends the stream at the end.
    let frames = logs.frames().map(|whole| Ok(whole.frame));
    if let Err(error) = frames.forward(framed).await {
        log::error!("the receiver is gone: {error}");
    }
    let status = child.wait().await?;
    let signal = || 128 + status.signal().unwrap_or_default();
    Ok(ExitCode::from(status.code().unwrap_or_else(signal) as u8))
}

/// Logs the records that come over a connection, and how it ended.
async fn receive<S: AsyncRead + Unpin>(socket: S, peer: String) {
    let logs = PipeSubscriber::new(socket).max_frame_length(DEFAULT_RECORD_LIMIT);
    let logs = logs.label(&peer).label_in(LabelIn::Target);
    match logs.run().await {
        Ok(summary) => log::info!("{peer}: {summary}"),
        Err(error) => log::error!("{peer}: {error}: {}", error.source),
    }
}
