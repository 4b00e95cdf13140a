//! One parent whose children are written in Rust, Python, Node, Go, Ruby, C and shell.
//!
//! ```text
//! tests/clients/install target/ci-clients
//! cargo run --example any_language -- target/ci-clients
//! ```
//!
//! This file is the parent and the child in Rust. The others are the examples of the clients.

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
};

use pipe_subscriber::{Spawn, Streams, Summary};
use tokio::{process::Command, task::JoinSet};

/// What a task can return.
type BoxError = Box<dyn Error + Send + Sync>;

const HELP: &str = "\
Starts a child in each language, and shows the records of all in one log

The argument is the folder that tests/clients/install filled; a language that is missing there is left out.

Example: any_language target/ci-clients
";

fn main() -> Result<(), BoxError> {
    match env::args().nth(1).as_deref() {
        Some("rust") => child(),
        None | Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        Some(folder) => parent(Path::new(folder)),
    }
}

#[tokio::main]
async fn parent(folder: &Path) -> Result<(), BoxError> {
    tracing_subscriber::fmt().init();
    let mut readers = JoinSet::new();
    for (language, parts) in children(folder)? {
        if let Some(missing) = parts
            .iter()
            .find(|part| part.is_absolute() && !part.exists())
        {
            tracing::info!(language, "{} is missing", missing.display());
            continue;
        }
        let mut command = Command::new(&parts[0]);
        command.args(&parts[1..]);
        readers.spawn(read(language, command));
    }
    while let Some(read) = readers.join_next().await {
        let (label, summary) = read??;
        tracing::info!(label, "{summary}");
    }
    Ok(())
}

/// Starts a child and reads it to its end.
async fn read(
    language: &'static str,
    command: Command,
) -> Result<(&'static str, Summary), BoxError> {
    // The script writes lines, the others write records.
    let streams = Streams::both().recognise_levels();
    let spawn = Spawn::new(command).label(language).capture(streams);
    let (mut child, mut logs) = spawn.spawn()?;
    let status = logs.run_into_tracing_until(child.wait()).await?;
    let summary = logs.run_into_tracing().await?; // reads the rest
    Ok((language, summary.with_exit_status(status)))
}

/// Returns the children: the language, and the program with its arguments.
fn children(folder: &Path) -> io::Result<[(&'static str, Vec<PathBuf>); 7]> {
    let built = |name: &str| Ok::<_, io::Error>(std::path::absolute(folder)?.join(name));
    let example = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("clients")
            .join(name)
    };
    Ok([
        ("rust", vec![env::current_exe()?, "rust".into()]),
        (
            "python",
            vec![built("venv/bin/python")?, example("python/example.py")],
        ),
        ("node", vec!["node".into(), built("node/example.mjs")?]),
        ("go", vec![built("go-example")?]),
        ("ruby", vec!["ruby".into(), example("ruby/example.rb")]),
        ("c", vec![built("c-example")?]),
        ("shell", vec!["sh".into(), example("shell/example.sh")]),
    ])
}

#[derive(Debug, thiserror::Error)]
#[error("the database did not answer")]
struct DatabaseError(#[from] io::Error);

fn child() -> Result<(), BoxError> {
    pipe_handler::init()?;
    log::info!(target: "shop", "hello from Rust, 3 carts are open");
    log::warn!(target: "shop.db", ms = 12.5; "slow query");
    let error = DatabaseError::from(io::Error::from(io::ErrorKind::ConnectionReset));
    log::error!(target: "shop.db", err:err = error, cart = 4711; "cannot save the cart");
    Ok(())
}
