//! Who logs, asked of the system once.

use std::{cell::OnceCell, sync::OnceLock};

use nix::unistd::gettid;

thread_local! {
    static THREAD: OnceCell<(String, u64)> = const { OnceCell::new() };
}

pub fn pid() -> u32 {
    static PID: OnceLock<u32> = OnceLock::new();
    *PID.get_or_init(std::process::id)
}

/// Calls `f` with the name and the number of the thread.
pub fn with_thread<T>(f: impl FnOnce(&str, u64) -> T) -> T {
    THREAD.with(|thread| {
        let (name, id) = thread.get_or_init(|| {
            let name = std::thread::current().name().unwrap_or("").to_owned();
            (name, gettid().as_raw().cast_unsigned().into())
        });
        f(name, *id)
    })
}
