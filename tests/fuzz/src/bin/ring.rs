//! A reader of a shared buffer, and writers beside it, in a memory whose words somebody changes: nobody panics or goes on
//! for ever, and an honest ring loses nothing as long as none of its own words is changed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fuzz::{driver, input::Input, rings};
use record_proto::{BufferReader, Layout, Next, NoRoom, RingWriter};

fn main() {
    driver::fuzz(one);
}

/// The ring of the honest writer; the others are the hostile one's.
const HONEST: usize = 1;

/// A look at the longer rings has several parts.
const RING_BYTES: [usize; 2] = [32 * 1024, 128 * 1024];

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let ring_bytes = RING_BYTES[usize::from(input.u8() & 1)];
    let (layout, words) = rings::buffer(3, ring_bytes);
    let header = layout.header(&words);
    for owner in 1..=3 {
        header.claim((0..3).map(|ring| layout.ring(&words, ring)), owner);
    }
    let mut reader = BufferReader::new(layout);
    let mut writers = [0, 1, 2].map(|ring| RingWriter::new(layout.ring(&words, ring), ring_bytes));
    let mut expected = VecDeque::new();
    let mut is_closed = false;
    while !input.is_empty() {
        match input.u8() & 7 {
            0 => read(&mut reader, &words, layout, &mut expected),
            1 => {
                reader.close(&words, || {});
                is_closed = true;
            }
            2 | 3 => {
                let frame = frame(usize::from(input.u16()) % ring_bytes, input.u8());
                if let Ok(place) = writers[HONEST].room(frame.len())
                    && !is_closed
                {
                    writers[HONEST].commit(place, 0, &frame);
                    expected.push_back(frame);
                }
            }
            4 => {
                let choice = input.u8();
                let ring = usize::from(choice & 1) * 2;
                let writer = &mut writers[ring];
                if choice >> 4 == 0 {
                    // Another process claims the ring as it is now.
                    *writer = RingWriter::new(layout.ring(&words, ring), ring_bytes);
                }
                let order = order(&mut input);
                let frame = input.sized();
                match writer.room(frame.len()) {
                    Ok(place) => writer.commit(place, order, frame),
                    Err(NoRoom::Unextended) => unreachable!("the whole ring is usable"),
                    Err(NoRoom::Full | NoRoom::TooLong | NoRoom::Broken) => {}
                }
            }
            5 => {
                // The bits of the hostile rings, and of rings that do not exist.
                let claimed = input.u64() | 1 << HONEST;
                header.claimed.store(claimed, Relaxed);
            }
            _ => {
                let at = place(&mut input, layout);
                words[at].store(value(&mut input), Relaxed);
            }
        }
    }
    if !is_closed {
        // What a hostile writer holds back comes with the next look.
        for _ in 0..3 {
            read(&mut reader, &words, layout, &mut expected);
        }
        assert!(expected.is_empty(), "{} frames are lost", expected.len());
        assert!(!reader.needs_look(), "it would look for ever");
    }
}

/// Reads until nothing is left that this look found, whatever parts it has.
fn read(
    reader: &mut BufferReader,
    words: &[AtomicU64],
    layout: Layout,
    expected: &mut VecDeque<Vec<u8>>,
) {
    reader.look(words);
    let mut bytes = 0;
    loop {
        match reader.next(words) {
            Next::Frame(ring, frame) => {
                bytes += frame.len();
                assert!((4..=layout.ring_bytes() / 4).contains(&frame.len()));
                assert_eq!(frame.len() - 4, length(frame));
                if ring == HONEST {
                    assert_eq!(expected.pop_front().as_deref(), Some(frame));
                }
            }
            Next::Part => reader.go_on(words),
            Next::Look | Next::Nothing => break,
        }
    }
    assert!(bytes <= layout.rings() * layout.ring_bytes());
    reader.publish(words, |_| {}, |_, _| {});
}

/// A word of the hostile rings or of the header, but not of the layout, which is read once, nor the bit of the honest
/// ring, which is its owner's and the reader's business.
fn place(input: &mut Input<'_>, layout: Layout) -> usize {
    const HEAD_WORDS: usize = 256 / 8;
    let choice = input.u8();
    let ring = usize::from(choice >> 7) * 2;
    match choice & 7 {
        // The bell and the ticket.
        0 => 64 / 8,
        1 => 256 / 8,
        2..=4 => 4096 / 8 + ring * HEAD_WORDS + usize::from(input.u8()) % HEAD_WORDS,
        _ => {
            let data = (layout.data_begin() + ring * layout.ring_bytes()) / 8;
            data + usize::from(input.u16()) % (layout.ring_bytes() / 8)
        }
    }
}

fn value(input: &mut Input<'_>) -> u64 {
    match input.u8() & 7 {
        0 => u64::MAX,
        1 => 1 << 63,
        2 => u64::from(input.u16()) * 8,
        3 => u64::from_ne_bytes((u64::from(input.u16()) << 32).to_be_bytes()),
        4 => u64::from(input.u8()),
        _ => input.u64(),
    }
}

fn order(input: &mut Input<'_>) -> u64 {
    match input.u8() & 3 {
        0 => 0,
        1 => u64::from(input.u8()),
        _ => input.u64(),
    }
}

fn frame(length: usize, fill: u8) -> Vec<u8> {
    let length = length.min(32 * 1024 - 4);
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.resize(4 + length, fill);
    frame
}

fn length(frame: &[u8]) -> usize {
    u32::from_be_bytes(*frame.first_chunk().expect("a length")) as usize
}
