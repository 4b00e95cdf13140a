//! A reader of a shared buffer while another thread writes over all of its words: it never panics, and each turn ends and
//! hands out no more than a look may find.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use std::thread;

use fuzz::{driver, input::Input, rings};
use record_proto::{BufferReader, Layout, Next, RingWriter};

fn main() {
    driver::fuzz(one);
}

const RING_BYTES: usize = 128 * 1024;

struct Shared {
    layout: Layout,
    words: Vec<AtomicU64>,
    /// What the other thread does next.
    seed: AtomicU64,
}

static SHARED: LazyLock<&Shared> = LazyLock::new(|| {
    // A look at a ring has several parts.
    let (layout, words) = rings::buffer(2, RING_BYTES);
    let shared: &Shared = Box::leak(Box::new(Shared {
        layout,
        words,
        seed: AtomicU64::new(1),
    }));
    thread::spawn(|| spoil(shared));
    shared
});

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Shared {
        layout,
        words,
        seed,
    } = *SHARED;
    seed.store(input.u64(), Relaxed);
    layout.header(words).claimed.store(3, Relaxed);
    let mut reader = BufferReader::new(*layout);
    let mut writer = RingWriter::new(layout.ring(words, 0), RING_BYTES);
    while !input.is_empty() {
        let mut payload = input.sized();
        payload = &payload[..payload.len().min(4096)];
        if let Ok(place) = writer.room(payload.len()) {
            writer.commit(place, u64::from(input.u8()), payload);
        }
        reader.look(words);
        let mut bytes = 0;
        loop {
            match reader.next(words) {
                Next::Frame(_, frame) => {
                    bytes += frame.len();
                    assert!((4..=layout.ring_bytes() / 4).contains(&frame.len()));
                    let length = u32::from_be_bytes(*frame.first_chunk().expect("a length"));
                    assert_eq!(frame.len() - 4, length as usize);
                }
                Next::Part => reader.go_on(words),
                Next::Look | Next::Nothing => break,
            }
        }
        assert!(bytes <= 2 * layout.ring_bytes());
        reader.publish(words, |_| {}, |_, _| {});
        if input.u8() == 0 {
            reader.close(words, || {});
        }
    }
}

/// Writes words that are wrong, or nearly right, as fast as it can.
fn spoil(shared: &Shared) -> ! {
    let mut random = 0;
    loop {
        random ^= shared.seed.load(Relaxed) | 1;
        random = random.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(29);
        // The heads, and the beginnings of the rings.
        let ring = usize::from(random & 1 == 1);
        let at = match random >> 1 & 3 {
            0 => [8, 32, 48][(random >> 8) as usize % 3],
            1 => 512 + ring * 32 + (random >> 8) as usize % 32,
            _ => 1024 + ring * RING_BYTES / 8 + (random >> 8) as usize % 600,
        };
        let value = match random >> 3 & 7 {
            0 => u64::MAX,
            1 => 1 << 63,
            2 | 3 => (random >> 40 & 0x3fff) * 8,
            4 | 5 => u64::from_ne_bytes((random >> 40 << 32).to_be_bytes()),
            _ => random,
        };
        shared.words[at].store(value, Relaxed);
    }
}
