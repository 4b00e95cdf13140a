//! Layouts of shared buffers that no parent makes: few rings, and long ones.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use record_proto::Layout;

/// Makes a new buffer of so many rings of so many bytes.
pub fn buffer(rings: usize, ring_bytes: usize) -> (Layout, Vec<AtomicU64>) {
    let words = |bytes: usize| {
        (0..bytes / 8)
            .map(|_| AtomicU64::new(0))
            .collect::<Vec<_>>()
    };
    let usual = Layout::within(32 * 1024).expect("one ring");
    let first = words(usual.bytes());
    usual.write(&first);
    // The heads of up to 16 rings are in one page, after that of the header.
    let all = words(8192 + rings * ring_bytes);
    for (word, first) in all.iter().zip(&first[..512]) {
        word.store(first.load(Relaxed), Relaxed);
    }
    all[2].store(rings as u64, Relaxed);
    all[3].store(ring_bytes as u64, Relaxed);
    (Layout::read(&all).expect("a sound layout"), all)
}
