//! The child: it logs, and prints between which times it did.

use std::{error::Error, fmt, time::UNIX_EPOCH};

use crate::Result;

/// How many records the child logs.
pub const RECORDS: u64 = 3;

pub fn run() -> Result {
    pipe_handler::init()?;
    timed(|| {
        log::info!(
            target: "shop::orders",
            user = 7, price = 12.5, paid = true, city = "Bern", items:serde = ["tea", "salt"];
            "order accepted"
        );
        let error = OutOfStock { source: fmt::Error };
        log::error!(target: "shop::stock", sku = 1234, err:err = error; "order failed");
        log::debug!("done");
    });
    Ok(())
}

/// Prints the times before and after the log calls.
pub fn timed(log_calls: impl FnOnce()) {
    let before = now();
    log_calls();
    println!("{before} {}", now());
}

/// Nanoseconds since 1970.
fn now() -> u128 {
    UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())
}

#[derive(Debug)]
struct OutOfStock {
    source: fmt::Error,
}

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of stock")
    }
}

impl Error for OutOfStock {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
