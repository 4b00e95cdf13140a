//! Several parents at once, each a process of its own.

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use super::Options;

/// Runs the parents, prints each line of theirs after its number, and returns whether all are good.
pub(super) fn run(options: &Options, parents: u64) -> io::Result<bool> {
    let started: io::Result<Vec<_>> = (1..=parents)
        .map(|number| start(options, parents, number))
        .collect();
    let printing = started?.into_iter().map(|(number, mut child)| {
        let output = child.stdout.take().expect("a pipe");
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                println!("{number}: {line}");
            }
            child.wait().expect("a status").success()
        })
    });
    let printing: Vec<_> = printing.collect();
    let results = printing
        .into_iter()
        .map(|parent| parent.join().expect("no panic"));
    Ok(results.fold(true, |all, is_good| all & is_good))
}

fn start(options: &Options, parents: u64, number: u64) -> io::Result<(u64, Child)> {
    let mut command = Command::new(env::current_exe()?);
    let seconds = options.length().as_secs().to_string();
    let load = (options.load / parents as f64).to_string();
    command.args(["soak", "--seconds", &seconds, "--load", &load]);
    if let Some(seed) = options.seed {
        command.arg("--seed").arg((seed + number).to_string());
    }
    Ok((number, command.stdout(Stdio::piped()).spawn()?))
}
