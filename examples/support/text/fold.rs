//! Lines that are folded at the width of a terminal.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Folds a line between its words, or within a word that is longer than a line.
pub(super) fn fold(line: &str, width: usize, start: &str, indent: &str) -> String {
    let options = Options::new(width)
        .initial_indent(start)
        .subsequent_indent(indent)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    // The width of a tab depends on its place.
    textwrap::wrap(&line.replace('\t', "    "), options).join("\n")
}
