//! A memory barrier in the processes that write into a shared buffer.

use std::{sync::OnceLock, thread, time::Duration};

/// How long a store takes at most until all other processors can see it, with much to spare.
const STORE_TIME: Duration = Duration::from_micros(100);

/// Executes a full fence in each running thread of all processes that have registered for it.
pub(crate) fn in_registered_processes() {
    // A sandbox that this process has entered since may refuse it. What is waited for takes nanoseconds.
    if !call() {
        thread::sleep(STORE_TIME);
    }
}

/// Returns whether the system has such a barrier.
pub(crate) fn exists() -> bool {
    // The call interrupts processors. A process asks once, not for each child.
    static EXISTS: OnceLock<bool> = OnceLock::new();
    *EXISTS.get_or_init(call)
}

#[expect(
    unsafe_code,
    reason = "membarrier has no safe form in std or rustix's stable features"
)]
fn call() -> bool {
    // linux/membarrier.h: MEMBARRIER_CMD_GLOBAL_EXPEDITED.
    const BARRIER: libc::c_int = 1 << 1;
    // SAFETY: the call takes no pointers, and changes nothing but the order of memory accesses.
    unsafe { libc::syscall(libc::SYS_membarrier, BARRIER, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use record_proto::{BufferReader, Layout, Next, Reader, RingWriter};

    use super::*;

    const ROUNDS: u64 = 5_000;
    const FRAME: [u8; 8] = [0, 0, 0, 4, 9, 0x90, 0, 0];

    /// Lets others execute fences in this process.
    #[expect(
        unsafe_code,
        reason = "membarrier has no safe form in std or rustix's stable features"
    )]
    fn register() -> bool {
        // linux/membarrier.h: MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED.
        const REGISTER: libc::c_int = 1 << 2;
        // SAFETY: as for `call`.
        unsafe { libc::syscall(libc::SYS_membarrier, REGISTER, 0, 0) == 0 }
    }

    fn wait_for(word: &AtomicU64, value: u64) {
        let mut looks = 0;
        while word.load(SeqCst) != value {
            looks += 1;
            match looks < 10_000 {
                true => std::hint::spin_loop(),
                // The other thread may have no processor.
                false => thread::yield_now(),
            }
        }
    }

    /// In each round, a writer without a fence commits an entry while the reader falls asleep.
    #[test]
    fn a_writer_without_a_fence_rings_or_its_entry_is_seen() {
        if !exists() || !register() {
            return;
        }
        let layout = Layout::within(32 * 1024).unwrap();
        let words: Vec<AtomicU64> = (0..layout.bytes() / 8).map(|_| AtomicU64::new(0)).collect();
        layout.write(&words);
        let header = layout.header(&words);
        let ring = layout.ring(&words, 0);
        header.claim([ring].into_iter(), 1).unwrap();
        let (begun, committed, is_asleep) =
            (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let mut reader = BufferReader::new(layout);
        let look = |reader: &mut BufferReader| {
            reader.look(&words);
            let has_found = matches!(reader.next(&words), Next::Frame(..));
            reader.publish(&words, |_| {}, |_, _| {});
            has_found
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = RingWriter::new(ring, usize::MAX);
                for round in 1..=ROUNDS {
                    wait_for(&begun, round);
                    let place = writer.room(FRAME.len()).unwrap();
                    writer.commit(place, 0, &FRAME);
                    let found = header.after_commit(true);
                    is_asleep.store(matches!(found, Reader::Asleep(_)).into(), SeqCst);
                    committed.store(round, SeqCst);
                }
            });
            for round in 1..=ROUNDS {
                reader.awake(&words);
                reader.tick(&words);
                begun.store(round, SeqCst);
                for _ in 0..round % 256 {
                    std::hint::spin_loop();
                }
                reader.fall_asleep(&words, in_registered_processes);
                let is_seen = look(&mut reader);
                wait_for(&committed, round);
                assert!(is_seen || is_asleep.load(SeqCst) == 1, "round {round}");
                if !is_seen {
                    assert!(look(&mut reader));
                }
            }
        });
    }
}
