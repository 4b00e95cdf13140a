//! `LineBuffer`: finds lines in the bytes of a stream, and bounds their length.

/// The longest line that is kept, in bytes.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// Bytes of a stream that have not been taken as lines yet.
///
/// It holds at most [`MAX_LINE`] bytes and those of the last fill.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    /// The number of bytes at the front that have been taken.
    taken: usize,
    /// The number of bytes after those that have no end of a line.
    searched: usize,
    /// The number of bytes of the first line that were thrown away.
    skipped: u64,
    has_ended: bool,
    found: Option<Found>,
}

/// The end of the first line, relative to the bytes that have been taken.
#[derive(Debug, Clone, Copy)]
struct Found {
    length: usize,
    terminator: usize,
    is_overwritten: bool,
}

/// A line without its end.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// At most [`MAX_LINE`] bytes.
    pub(super) bytes: &'a [u8],
    /// The length of the whole line in bytes.
    pub(super) length: u64,
    /// Whether a carriage return ends it, so that the text after it takes its place.
    pub(super) is_overwritten: bool,
}

impl LineBuffer {
    /// Appends bytes. To be called only if there is no [whole line](Self::has_line).
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
        self.found = None;
    }

    /// Notes that no more bytes come: the rest is a line too.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        self.found = None;
    }

    pub(super) fn has_line(&mut self) -> bool {
        if self.found.is_none() {
            self.found = self.find();
        }
        self.found.is_some()
    }

    pub(super) fn take_line(&mut self) -> Option<Line<'_>> {
        if !self.has_line() {
            return None;
        }
        let found = self.found.take()?;
        let start = self.taken;
        self.taken += found.length + found.terminator;
        self.searched = 0;
        let skipped = std::mem::take(&mut self.skipped);
        let kept = found.length.min(MAX_LINE);
        Some(Line {
            bytes: &self.bytes[start..start + kept],
            length: found.length as u64 + skipped,
            is_overwritten: found.is_overwritten,
        })
    }

    fn find(&mut self) -> Option<Found> {
        let rest = &self.bytes[self.taken..];
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let end = rest[self.searched..].iter().position(is_end);
        let length = end.map_or(rest.len(), |end| self.searched + end);
        let found = |terminator, is_overwritten| {
            Some(Found {
                length,
                terminator,
                is_overwritten,
            })
        };
        match (rest.get(length), rest.get(length + 1)) {
            (Some(b'\n'), _) => found(1, false),
            (Some(_), Some(b'\n')) => found(2, false),
            (Some(_), Some(_)) => found(1, true),
            (Some(_), None) if self.has_ended => found(1, false),
            (None, _) if self.has_ended && length as u64 + self.skipped > 0 => found(0, false),
            // A carriage return at the end of the bytes: the next byte decides.
            _ => {
                self.searched = self.skip_excess(length);
                None
            }
        }
    }

    /// Throws the bytes of the first line away that exceed the longest line. Returns how many are left of `length`.
    fn skip_excess(&mut self, length: usize) -> usize {
        let kept = length.min(MAX_LINE);
        self.bytes.drain(self.taken + kept..self.taken + length);
        self.skipped += (length - kept) as u64;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines of a stream that arrives in these pieces: text, length, whether it is overwritten.
    fn lines(pieces: &[&[u8]]) -> Vec<(String, u64, bool)> {
        let mut buffer = LineBuffer::default();
        let mut all = Vec::new();
        for piece in pieces.iter().map(Some).chain([None]) {
            match piece {
                Some(bytes) => buffer.fill(bytes),
                None => buffer.end(),
            }
            while let Some(line) = buffer.take_line() {
                let text = String::from_utf8(line.bytes.to_vec()).unwrap();
                all.push((text, line.length, line.is_overwritten));
            }
            assert!(buffer.bytes.len() <= MAX_LINE + 2 + piece.map_or(0, |bytes| bytes.len()));
        }
        all
    }

    fn line(text: &str) -> (String, u64, bool) {
        (text.to_owned(), text.len() as u64, false)
    }

    fn overwritten(text: &str) -> (String, u64, bool) {
        (text.to_owned(), text.len() as u64, true)
    }

    #[test]
    fn lines_are_the_same_whatever_the_pieces() {
        let stream = b"one\n\ntwo\r\n10%\r20%\r\r\nlast\r";
        let expected = [
            line("one"),
            line(""),
            line("two"),
            overwritten("10%"),
            overwritten("20%"),
            line(""),
            line("last"),
        ];
        for size in 1..=stream.len() {
            let pieces: Vec<_> = stream.chunks(size).collect();
            assert_eq!(lines(&pieces), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn a_last_line_without_a_newline_is_kept() {
        assert_eq!(lines(&[b"one\ntw", b"o"]), [line("one"), line("two")]);
        assert_eq!(lines(&[b"one\n"]), [line("one")]);
        assert_eq!(lines(&[]), []);
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory_and_its_length_is_known() {
        let piece = [b'x'; 10_000];
        for (count, end) in [(6, &b"\n"[..]), (7, b"\n"), (700, b"\r\n"), (700, b"")] {
            let mut pieces = vec![&piece[..]; count];
            pieces.extend([end, b"next"]);
            let all = lines(&pieces);
            let length = count * piece.len() + if end.is_empty() { 4 } else { 0 };
            assert_eq!(all[0].0.len(), length.min(MAX_LINE));
            assert_eq!(all[0].1, length as u64);
            assert_eq!(all.get(1).is_some(), !end.is_empty());
        }
        let whole = [b'x'; MAX_LINE];
        let all = lines(&[&whole, b"\n", &whole, b"x\n"]);
        assert_eq!([all[0].1, all[1].1], [MAX_LINE as u64, MAX_LINE as u64 + 1]);
    }
}
