use proptest::prelude::*;

use super::*;

/// 1 March 2026.
const NOW: i64 = 1_772_323_200;
const DAY: i64 = 24 * 3600;

fn read(typed: &str) -> Query {
    Query::parse(typed, NOW).expect("short enough")
}

/// Rows of all tables of the document with so many columns and this first heading; backticks around a cell are taken off.
fn rows(heading: &str, columns: usize) -> Vec<Vec<&'static str>> {
    let text = include_str!("../../../../docs/query-language.md");
    let mut rows = Vec::new();
    let mut is_wanted = false;
    for line in text.lines() {
        let cells: Vec<&str> = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")).unwrap_or_default().split(" | ").collect();
        if !line.starts_with('|') {
            is_wanted = false;
        } else if cells.join(" | ") == heading {
            is_wanted = true;
        } else if is_wanted && !line.starts_with("|---") {
            assert_eq!(cells.len(), columns, "{line}");
            rows.push(cells.iter().map(|cell| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or(cell)).collect());
        }
    }
    rows
}

#[test]
fn the_document_says_what_is_read() {
    let understood = rows("Typed | Read as", 2);
    assert!(understood.len() > 20);
    for row in understood {
        let query = read(row[0]);
        assert_eq!(query.to_string(), row[1], "{}", row[0]);
        assert!(query.notes.iter().all(|note| note.why == "a later sort: takes its place"), "{query:?}");
    }
    let broken = rows("Typed | Read as | Because", 3);
    assert!(broken.len() > 15);
    for row in broken {
        let query = read(row[0]);
        let why: Vec<&str> = query.notes.iter().map(|note| note.why.as_str()).collect();
        assert_eq!((query.to_string().as_str(), why.as_slice()), (row[1], &[row[2]][..]), "{}", row[0]);
        assert!(row[0].contains(&query.notes[0].part));
    }
    // What the other tables show is understood as well.
    let mut shown = 0;
    for row in rows("Qualifier | Holds of a package | Known of", 3) {
        for typed in row[0].split("`, `") {
            let query = read(typed);
            assert!(query.filters.len() == 1 && query.text.is_empty(), "{query:?}");
            shown += 1;
        }
    }
    for (heading, qualifier) in [("Numbers | Mean", "downloads"), ("Times | Mean", "updated")] {
        for typed in rows(heading, 2).into_iter().flat_map(|row| row[0].split("`, `")) {
            let query = read(&format!("{qualifier}:{typed}"));
            assert!(query.filters.len() == 1 && query.notes.is_empty(), "{query:?}");
            shown += 1;
        }
    }
    assert!(shown > 40, "{shown}");
    for row in rows("Typed | Finds", 2) {
        assert!(read(row[0]).notes.is_empty());
        assert_eq!(read(row[0]).to_string(), read(&read(row[0]).to_string()).to_string());
    }
}

#[test]
fn every_qualifier_is_in_the_document() {
    let documented: Vec<&str> =
        rows("Qualifier | Holds of a package | Known of", 3).into_iter().flat_map(|row| row[0].split("`, `")).collect();
    for (_, qualifier, value) in Fact::ALL {
        assert!(documented.contains(&format!("{qualifier}:{value}").as_str()), "{qualifier}:{value}");
    }
}

#[test]
fn parts() {
    let query = read("a \"b c\" d -e -\"f g\" \"h\"");
    assert_eq!((query.text.as_str(), query.phrases().collect::<Vec<_>>()), ("a b c d h", vec!["b c", "h"]));
    assert_eq!(query.excluded, ["e", "f g"]);
    let query = read("keywords:Gulp,css,gulp keyword:x -author:@jane,joe");
    let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        query.filters,
        [
            Filter::only(Condition::Keyword(list(&["gulp", "css"]))),
            Filter::only(Condition::Keyword(list(&["x"]))),
            Filter::without(Condition::Maintainer(list(&["jane", "joe"]))),
        ]
    );
    assert_eq!(read("-not:deprecated").filters, [Filter::only(Condition::Fact(vec![Fact::Deprecated]))]);
    assert_eq!((read("sort:growth").sort, read("boost-exact:no").exact_as_others), (Sort::Growth, true));
    assert_eq!(Query::parse(&"x".repeat(513), NOW), Err(QueryError::TooLong(513)));
    assert!(Query::parse(&"ä".repeat(512), NOW).is_ok());
    for name in ["-", "--", "---", "-x", "-weird.name", "_", "@", "!", "a~b'(c)*", "constructor"] {
        assert_eq!((read(name).text.as_str(), read(name).excluded.len()), (name, 0));
    }
}

#[test]
fn numbers() {
    let check = |text: &str, from: u64, to: u64| {
        let expected = [Filter::only(Condition::Downloads(vec![Numbers { from, to }]))];
        assert_eq!(read(&format!("downloads:{text}")).filters, expected, "{text}");
    };
    check(">1k", 1_001, u64::MAX);
    check(">=1.25k", 1_250, u64::MAX);
    check("<1b", 0, 999_999_999);
    check("<=0", 0, 0);
    check("7", 7, 7);
    check("1000..5000", 1_000, 5_000);
    check("1k..*", 1_000, u64::MAX);
    check("..2m", 0, 2_000_000);
    check("999999999999999", 999_999_999_999_999, 999_999_999_999_999);
    for text in [">", "k", "1.5", "-5", "1e3", ">>1", "1000000000000000", "999999999b", "1.k", ".5k", "٣", "1...5"] {
        let query = read(&format!("downloads:{text}"));
        assert!(query.notes.len() == 1 && query.filters.is_empty(), "{query:?}");
    }
}

#[test]
fn times() {
    let check = |text: &str, from: i64, to: i64| match &read(&format!("updated:{text}")).filters[..] {
        [Filter { condition: Condition::Updated(times), .. }] => assert_eq!((times[0].from, times[0].to), (from, to), "{text}"),
        other => panic!("{text}: {other:?}"),
    };
    check("30d", NOW - 30 * DAY, i64::MAX);
    check("<2w", NOW - 14 * DAY, i64::MAX);
    check(">=1m", i64::MIN, NOW - 28 * DAY);
    check(">1y", i64::MIN, NOW - 365 * DAY);
    check("1y..2y", NOW - 730 * DAY, NOW - 365 * DAY);
    check("2y..1y", NOW - 730 * DAY, NOW - 365 * DAY);
    check("2024", 1_704_067_200, 1_735_689_599);
    check("2024-02", 1_706_745_600, 1_709_251_199);
    check(">2024-02-29", 1_709_251_200, i64::MAX);
    check(">=2024-02-29", 1_709_164_800, i64::MAX);
    check("<2024", i64::MIN, 1_704_067_199);
    check("<=2024", i64::MIN, 1_735_689_599);
    check("2023..2024-02", 1_672_531_200, 1_709_251_199);
    check("2024..", 1_704_067_200, i64::MAX);
    check("..1y", i64::MIN, NOW - 365 * DAY);
    check("2024..30d", 1_704_067_200, NOW - 30 * DAY);
    for text in ["2024-2", "2024-02-30", "2024-02-01-01", "24", "1h", "y", "12345d", "30d..2024", "2025..2024", "<", "-1d", "٣d"] {
        let query = read(&format!("updated:{text}"));
        assert!(query.notes.len() == 1 && query.filters.is_empty(), "{query:?}");
    }
}

/// Reads the text of a query as the same query; only what was said of the typed text is not said again.
fn is_stable(typed: &str) {
    let query = Query { notes: Vec::new(), ..read(typed) };
    let text = query.to_string();
    // A short form may become a long one.
    if text.chars().count() <= MAX_TEXT {
        let again = Query { notes: Vec::new(), ..read(&text) };
        assert_eq!(again, query, "{typed:?} is {text:?}");
        assert_eq!(again.to_string(), text, "{typed:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_as_it_is_shown(typed in "\\PC{0,100}") {
        is_stable(&typed);
    }

    #[test]
    fn any_parts_are_read_as_they_are_shown(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b-c", "-", "--", "\"", "“", ",", "+", ":", "..", " ", " ", "\t", "@", "/", "İ", "Σ", "*", "scope", "keywords:", "author:",
                "owner:", "license:", "depends:", "name:", "is:", "not:", "has:", "types", "module:", "downloads:", "dependents:",
                "dependencies:", "updated:", "sort:", "boost-exact:", "false", "deprecated", "readme", "included", "esm", "1", "2024", "-05",
                ">", "<", "=", "1k", "30d", "1y", "name", "x:", "//",
            ]),
            0..24,
        ),
    ) {
        is_stable(&parts.concat());
    }
}
