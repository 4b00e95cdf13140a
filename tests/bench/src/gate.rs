//! Starts all children at the same moment.

use std::{
    io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe, stdin, stdout},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::stats::Percentiles;

/// Lets all children wait until all are ready. The end of their stdin is the start, and they answer on their stdout.
pub struct Gate {
    go: PipeWriter,
    back: BufReader<PipeReader>,
}

/// The children's ends.
pub struct Ends {
    go: PipeReader,
    back: PipeWriter,
}

/// What a child says: once before the start, once at its end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Said {
    /// CPU seconds so far.
    pub cpu: f64,
    /// Cost of its log calls in nanoseconds.
    pub calls: Option<Percentiles>,
    /// Nanoseconds of a call that is filtered out.
    pub disabled: Option<f64>,
    pub allocations: u64,
    pub pss_kib: u64,
}

impl Gate {
    pub fn new() -> Result<(Self, Ends)> {
        let (go_reader, go) = pipe()?;
        let (back_reader, back) = pipe()?;
        let back_reader = BufReader::new(back_reader);
        let gate = Self {
            go,
            back: back_reader,
        };
        let ends = Ends {
            go: go_reader,
            back,
        };
        Ok((gate, ends))
    }

    /// What so many children say, one word each.
    pub fn hear(&mut self, children: u64) -> Result<Vec<Said>> {
        hear(&mut self.back, children)
    }

    /// Lets the children start.
    pub fn open(self) -> (Instant, Rest) {
        let start = Instant::now();
        drop(self.go);
        (start, Rest(self.back))
    }
}

/// What the children still have to say.
pub struct Rest(BufReader<PipeReader>);

impl Rest {
    pub fn hear(mut self, children: u64) -> Result<Vec<Said>> {
        hear(&mut self.0, children)
    }
}

fn hear(back: &mut BufReader<PipeReader>, children: u64) -> Result<Vec<Said>> {
    let mut said = Vec::new();
    for line in back.lines().take(usize::try_from(children)?) {
        said.push(serde_json::from_str(&line?).context("a child's word")?);
    }
    if said.len() as u64 != children {
        bail!("{} of {children} children have spoken", said.len());
    }
    Ok(said)
}

impl Ends {
    pub fn give_to(&self, command: &mut Command) -> Result<()> {
        command.stdin(self.go.try_clone()?);
        command.stdout(self.back.try_clone()?);
        Ok(())
    }
}

/// For the child: waits for the start.
pub fn wait() -> Result<()> {
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// For the child: one line, in one write, so that many children can share the pipe.
pub fn say(said: &Said) -> Result<()> {
    let line = serde_json::to_string(said)? + "\n";
    stdout().write_all(line.as_bytes())?;
    Ok(stdout().flush()?)
}
