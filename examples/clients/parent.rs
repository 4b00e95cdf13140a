//! One parent whose children are written in Rust, Python, Node, Go, C and shell.
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
    for (language, program, arguments) in children(folder)? {
        if !program.exists() {
            tracing::info!(language, "{} is missing", program.display());
            continue;
        }
        let mut command = Command::new(program);
        command.args(arguments);
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

/// Returns the children: the language, the program, its arguments.
fn children(folder: &Path) -> io::Result<[(&'static str, PathBuf, Vec<PathBuf>); 6]> {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let system = |name: &str| {
        let folders = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&folders).map(|folder| folder.join(name));
        found
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or(name.into())
    };
    Ok([
        ("rust", env::current_exe()?, vec!["rust".into()]),
        (
            "python",
            folder.join("venv/bin/python"),
            vec![clients.join("python/example.py")],
        ),
        (
            "node",
            system("node"),
            vec![folder.join("node/example.mjs")],
        ),
        ("go", folder.join("go-example"), vec![]),
        ("c", folder.join("c-example"), vec![]),
        (
            "shell",
            system("sh"),
            vec![clients.join("shell/example.sh")],
        ),
    ])
}

fn child() -> Result<(), BoxError> {
    pipe_handler::init()?;
    log::info!(target: "shop", "hello from Rust, 3 carts are open");
    log::warn!(target: "shop::db", ms = 12.5; "slow query");
    let error: BoxError = "the database did not answer".into();
    log::error!(target: "shop::db", err:err = &*error, cart = 4711; "cannot save the cart");
    Ok(())
}
