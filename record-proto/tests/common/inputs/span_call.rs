//! A span of another library, and what a record within it has of it.

use record_proto::{EncodedSpan, KeyValues, PairWriter, RecordEncoder, Spans};

use super::expected::{Pairs, begin, text_length, value_length};
use super::input::Input;
use super::log_call::{Limits, Pair};

/// A span with its fields, those that it is made with and those that are recorded later.
pub(super) struct SpanCall {
    name: String,
    fields: Vec<Vec<Pair>>,
}

impl SpanCall {
    pub(super) fn read(input: &mut Input<'_>, around: usize) -> Self {
        let name = match input.u8() {
            255 => input.text_around(1024),
            _ => input.short_text(),
        };
        let times = 1 + input.u8() % 3;
        let fields = |input: &mut Input<'_>| -> Vec<Pair> {
            let pairs = input.few(20);
            (0..pairs).map(|_| Pair::read(input, around)).collect()
        };
        Self {
            name,
            fields: (0..times).map(|_| fields(input)).collect(),
        }
    }

    pub(super) fn encode(&self, encoder: &mut RecordEncoder) -> EncodedSpan {
        let mut spans = self.fields.iter().map(|fields| {
            let write = |out: &mut PairWriter<'_, '_>| {
                for pair in fields {
                    out.pair(&pair.key, |writer| pair.show(writer));
                }
            };
            let encoded = encoder.encode_span(&self.name, write);
            encoded.expect("there is memory")
        });
        let mut span = spans.next().expect("one set of fields");
        spans.for_each(|later| span.record(&later));
        span
    }

    fn expected(&self, limits: Limits) -> KeyValues<'static> {
        let mut sets = self.fields.iter().map(|fields| {
            let mut pairs = Pairs::new(limits);
            fields.iter().for_each(|pair| pairs.push(pair, false));
            pairs.all
        });
        let first = sets.next().expect("one set of fields");
        sets.fold(first, |before, later| {
            let kept = before
                .iter()
                .filter(|(key, _)| later.iter().all(|(new, _)| new != *key));
            kept.chain(later.iter()).collect()
        })
    }
}

pub(super) fn expected(calls: &[SpanCall], limits: Limits) -> Spans<'static> {
    let mut spans = Spans::new();
    let mut length = 0;
    for call in calls {
        let (name, fields) = (begin(&call.name, 1024), call.expected(limits));
        spans.push(name, &fields);
        length += 1 + text_length(name.len()) + map_length(&fields);
    }
    if length > limits.pairs {
        spans = Spans::new();
        spans.push(
            &format!("… (cut, {} spans)", calls.len()),
            &KeyValues::new(),
        );
    }
    spans
}

/// The length of encoded fields.
fn map_length(fields: &KeyValues<'_>) -> usize {
    let head = if fields.len() < 16 { 1 } else { 3 };
    let pairs = fields.iter();
    head + pairs
        .map(|(key, value)| text_length(key.len()) + value_length(&value))
        .sum::<usize>()
}
