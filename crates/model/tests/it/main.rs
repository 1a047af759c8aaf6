//! Documents as registries have sent them, and what becomes of each.

mod bodies;
mod oddities;
mod searches;

use model::{Packument, parse_packument};
use serde_json::{Value, json};

/// When every document of these tests was read.
const NOW: i64 = 1_795_392_000;

/// Everything that was read of a packument, as one JSON value to point into.
fn shown(packument: &Packument) -> Value {
    let Packument { observation, details, manifests, readme } = packument;
    json!({ "observation": observation, "details": details, "manifests": manifests, "readme": readme })
}

/// Reads a packument.
fn read(json: &str) -> Value {
    shown(&parse_packument(json.as_bytes(), NOW).unwrap_or_else(|error| panic!("{error}: {json}")))
}

/// What stands at a place; null where nothing does.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Compares many places and names all that differ.
fn check(json: &str, value: &Value, expected: &[(&str, Value)]) {
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(pointer, wanted)| at(value, pointer) != wanted)
        .map(|(pointer, wanted)| format!("{pointer}: expected {wanted}, got {}", at(value, pointer)))
        .collect();
    assert!(wrong.is_empty(), "{json}\n{}", wrong.join("\n"));
}
