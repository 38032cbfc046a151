//! The corpus of the fuzzer, replayed: each input reached code that the others before it had not.

mod fuzzed;
mod harness;

use std::path::Path;

use fuzzed::BODIES;

#[test]
fn the_corpus_of_the_fuzzer_breaks_no_promise() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, body) in BODIES {
        let lines = std::fs::read_to_string(corpus.join(format!("{name}.hex"))).expect("a corpus");
        assert!(lines.lines().count() > 20, "{name} has a corpus");
        for line in lines.lines() {
            let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal");
            body(&(0..line.len()).step_by(2).map(byte).collect::<Vec<u8>>());
        }
    }
}
