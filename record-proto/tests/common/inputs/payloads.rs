//! Payloads that are records, or almost: in every form that MessagePack has for an object, and with damage.

use super::input::Input;

/// The next payload of a stream: a record, an earlier one, a damaged one, or any bytes.
pub fn next(input: &mut Input<'_>, earlier: &[Vec<u8>]) -> Vec<u8> {
    let choice = input.u8();
    let known = usize::from(input.u8()).checked_rem(earlier.len());
    match (choice & 7, known) {
        (0, _) => input.sized().to_vec(),
        (1 | 2, Some(known)) => damaged(input, earlier[known].clone()),
        (3, Some(known)) => earlier[known].clone(),
        _ => record(input),
    }
}

/// Texts that are alike.
pub fn texts() -> impl Iterator<Item = &'static str> {
    const TEXTS: [&str; 14] = [
        "",
        "a",
        "b",
        "ab",
        "abc",
        "job",
        "app::worker",
        "app::walker",
        "app::workers",
        "a name of more than thirty-one bytes",
        "a name of more than thirty-two bytes",
        "größe",
        "\u{200b}",
        "two\nlines",
    ];
    TEXTS.into_iter()
}

fn damaged(input: &mut Input<'_>, mut payload: Vec<u8>) -> Vec<u8> {
    for _ in 0..=input.u8() / 128 {
        let place = usize::from(input.u16()) % (payload.len() + 1);
        match (input.u8() & 7, place < payload.len()) {
            (0, true) => payload[place] = input.u8(),
            (1, true) => drop(payload.remove(place)),
            (2, _) => payload.truncate(place),
            (3, _) => payload.insert(place, input.u8()),
            // A letter becomes another one, and the record stays plain.
            (_, true) => payload[place] ^= 1,
            (_, false) => payload.push(0xc0),
        }
    }
    payload
}

/// A record whose objects are mostly plain.
fn record(input: &mut Input<'_>) -> Vec<u8> {
    let choice = input.u8();
    let mut out = Writer {
        bytes: vec![1],
        is_neat: choice >> 3 & 3 > 0,
    };
    let fields = match choice & 7 {
        0 => input.u8() % 32 % 22,
        1 => 12,
        2 => 13,
        3 => 14,
        _ => 18,
    };
    match fields {
        0..16 => out.bytes.push(0x90 | fields),
        _ => out.bytes.extend([0xdc, 0, fields]),
    }
    for field in 0..fields {
        match field {
            0 | 1 => out.uint(input),
            2 => out.level(input),
            3 | 4 => out.text(input),
            5 | 7 | 11 => out.optional(input, Writer::uint),
            6 | 8..=10 => out.optional(input, Writer::text),
            12 | 13 => out.optional(input, Writer::map),
            17 => out.instance(input),
            _ => out.rarely(input),
        }
    }
    if input.u8() % 32 == 1 {
        // More after the end.
        out.bytes.push(0xc0);
    }
    out.bytes
}

/// Writes objects, not always in their shortest form.
struct Writer {
    bytes: Vec<u8>,
    /// Everything has its shortest form.
    is_neat: bool,
}

impl Writer {
    fn optional(&mut self, input: &mut Input<'_>, write: fn(&mut Self, &mut Input<'_>)) {
        match input.u8() & 1 {
            0 => self.bytes.push(0xc0),
            _ => write(self, input),
        }
    }

    /// Nil nearly always.
    fn rarely(&mut self, input: &mut Input<'_>) {
        match input.u8() {
            1 => self.value(input),
            _ => self.bytes.push(0xc0),
        }
    }

    fn instance(&mut self, input: &mut Input<'_>) {
        match input.u8() {
            0..0xe0 => {
                self.bytes.push(0xce);
                self.bytes.extend((input.u64() as u32).to_be_bytes());
            }
            0xe0..0xf0 => self.bytes.push(0xc0),
            _ => self.uint(input),
        }
    }

    fn level(&mut self, input: &mut Input<'_>) {
        match input.u8() {
            255 => self.uint(input),
            level => self.bytes.push(1 + level % 5),
        }
    }

    fn uint(&mut self, input: &mut Input<'_>) {
        let value = input.u64();
        let [.., c, d, e, f, g, h] = value.to_be_bytes();
        let least = match value {
            0..0x80 => 0,
            0x80..0x100 => 1,
            0x100..0x1_0000 => 2,
            0x1_0000..0x1_0000_0000 => 3,
            _ => 4,
        };
        let form = if self.is_neat { 0 } else { input.u8() & 7 };
        match form.clamp(least, 4) {
            0 => self.bytes.push(h),
            1 => self.bytes.extend([0xcc, h]),
            2 => self.bytes.extend([0xcd, g, h]),
            3 => self.bytes.extend([0xce, e, f, g, h]),
            _ => {
                let [a, b, ..] = value.to_be_bytes();
                self.bytes.extend([0xcf, a, b, c, d, e, f, g, h]);
            }
        }
    }

    fn text(&mut self, input: &mut Input<'_>) {
        let choice = input.u8();
        match choice >> 4 {
            0 if !self.is_neat => self.text_as(&input.text_around(128), choice),
            1 if !self.is_neat => self.text_as(&input.text_around(512), choice),
            _ => {
                let text = texts().nth(usize::from(choice & 15) % 12).expect("a text");
                self.text_as(text, choice);
            }
        }
    }

    fn text_as(&mut self, text: &str, choice: u8) {
        let length = text.len();
        let [.., a, b, c, d] = length.to_be_bytes();
        let form = if self.is_neat { 2 } else { choice >> 4 };
        match (length, form) {
            (0..32, 2..14) => self.bytes.push(0xa0 | d),
            (0..256, 0..15) => self.bytes.extend([0xd9, d]),
            (0..65_536, 0..15) => self.bytes.extend([0xda, c, d]),
            _ => self.bytes.extend([0xdb, a, b, c, d]),
        }
        self.bytes.extend(text.as_bytes());
    }

    fn map(&mut self, input: &mut Input<'_>) {
        let choice = input.u8();
        let pairs = match choice >> 4 {
            0..4 => choice & 15,
            _ => choice & 3,
        };
        match choice >> 4 {
            _ if self.is_neat => self.bytes.push(0x80 | pairs),
            0 => self.bytes.extend([0xde, 0, pairs]),
            1 => self.bytes.extend([0xdf, 0, 0, 0, pairs]),
            _ => self.bytes.push(0x80 | pairs),
        }
        for _ in 0..pairs {
            self.text(input);
            self.value(input);
        }
    }

    fn value(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0 => self.bytes.push(0xc0),
            1 => self.bytes.push(0xc2),
            2 => self.bytes.push(0xc3),
            3 => self.bytes.push(0xe0 | input.u8()),
            4 => self.number(0xca, 4, input),
            5 => self.number(0xcb, 8, input),
            6 => self.number(0xd0, 1, input),
            7 => self.number(0xd1, 2, input),
            8 => self.number(0xd2, 4, input),
            9 => self.number(0xd3, 8, input),
            10..13 => self.text(input),
            13 if input.u8() % 16 == 1 => {
                let bytes = input.bytes(3);
                self.bytes.extend([0xc4, bytes.len() as u8]);
                self.bytes.extend(bytes);
            }
            14 if input.u8() % 16 == 1 => self.bytes.extend([0x91, 0x81, 0xa1, b'k', 0x07]),
            _ => self.uint(input),
        }
    }

    fn number(&mut self, marker: u8, length: usize, input: &mut Input<'_>) {
        let number = input.u64().to_be_bytes();
        self.bytes.push(marker);
        self.bytes.extend(&number[8 - length..]);
    }
}
