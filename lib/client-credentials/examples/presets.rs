//! Prints what is known of servers that many people meet, as JSON.
#![expect(clippy::print_stdout, reason = "it prints")]

use client_credentials::Preset;

fn main() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(Preset::ALL)?);
    Ok(())
}
