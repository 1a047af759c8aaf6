//! The seeds of the fuzz target for queries, and every example of the documentation, through the same checks.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/checks/query.rs"]
mod query;

#[test]
fn queries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut count = 0;
    for entry in fs::read_dir(root.join("fuzz/corpus/query")).expect("there") {
        let path = entry.expect("readable").path();
        query::check(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        count += 1;
    }
    assert!(count >= 20, "{count} seeds");
    let text = fs::read_to_string(root.join("docs/query-language.md")).expect("there");
    for typed in text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(typed, _)| typed) {
        query::check(typed.as_bytes());
    }
}
