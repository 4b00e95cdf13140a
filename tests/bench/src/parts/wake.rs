//! How long a reader that sleeps takes to wake up: no delivery through a pipe can be there earlier.

use std::{
    io::{Write, pipe},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, runtime};

use crate::{bench::Bench, clock, stats::Percentiles};

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(1);

/// From before a write of 8 bytes to behind the read of a task on tokio's default runtime.
pub fn measure(bench: &mut Bench) -> Result<()> {
    let (reader, mut writer) = pipe()?;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&latencies);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let task = {
        let _entered = runtime.enter();
        let mut reader = Receiver::from_owned_fd(OwnedFd::from(reader))?;
        runtime.spawn(async move {
            while let Ok(written) = reader.read_u64_le().await {
                let latency = clock::monotonic().saturating_sub(written);
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(latency);
            }
        })
    };
    for _ in 0..bench.settings.amount(1500) {
        thread::sleep(PAUSE);
        writer.write_all(&clock::monotonic().to_le_bytes())?;
    }
    drop(writer);
    runtime.block_on(task)?;
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(latency) = Percentiles::of(latencies.clone(), |nanos| nanos as f64) {
        bench.figures.add("wake", "tokio", "p50", latency.p50 / 1e3);
        bench.figures.add("wake", "tokio", "p99", latency.p99 / 1e3);
    }
    Ok(())
}
