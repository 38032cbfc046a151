//! See `fuzzed::filters`.
#![no_main]

#[path = "../../crates/zerogo-core/tests/fuzzed/mod.rs"]
mod fuzzed;
#[path = "../../crates/zerogo-core/tests/harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::filters(data));
