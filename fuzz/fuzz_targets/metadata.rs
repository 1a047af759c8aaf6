#![no_main]

#[path = "../checks/canned.rs"]
mod canned;
#[path = "../checks/metadata.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
