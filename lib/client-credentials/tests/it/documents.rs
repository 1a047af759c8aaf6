//! The tables in `docs` name tests that there are.

use std::collections::BTreeSet;
use std::path::Path;

/// Every test of this program, by its file and name.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap();
        let source = std::fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|rest| rest.split_once('('));
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let (true, Some((name, _))) = (is_test, name) {
                names.insert(format!("{module}::{name}"));
                is_test = false;
            } else if !line.starts_with("#[") {
                is_test = false;
            }
        }
    }
    names
}

/// The rows of a page's first table, without the two at its top, each as its cells.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What a cell names.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect()
}

#[test]
fn every_line_of_a_standard_names_a_test() {
    let tests = tests();
    let rows = rows(include_str!("../../docs/standards.md"));
    assert!(rows.len() > 60, "{}", rows.len());
    for row in rows {
        let names = named(row[2]);
        assert!(!names.is_empty(), "{row:?}");
        for name in names {
            assert!(tests.contains(name), "{name} of {row:?}");
        }
    }
}

#[test]
fn every_feature_names_a_test_or_says_why_not() {
    let tests = tests();
    let rows = rows(include_str!("../../docs/features.md"));
    for (index, row) in rows.iter().enumerate() {
        assert_eq!((row[0], row.len()), ((index + 1).to_string().as_str(), 20), "{row:?}");
        let names = named(row[3]);
        match row[2] {
            "Y" => assert!(!names.is_empty(), "{row:?}"),
            "p" | "–" => assert!(!row[3].is_empty(), "{row:?} does not say why"),
            other => panic!("{other} in {row:?}"),
        }
        for name in names {
            assert!(tests.contains(name), "{name} of {row:?}");
        }
    }
    assert_eq!(rows.len(), 63);
}
