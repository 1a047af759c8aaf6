//! Ranking and the life of an index, on packages made up for the purpose.

mod exact_names;
mod filters;
mod seeds;
mod suggestions;

use model::{Bucket, Popularity, State};
use search::{Builder, Condition, Document, Filter, Index, IndexChange, Payload, Query, Total, Wanted};
use tempfile::TempDir;

/// 1 March 2026.
const NOW: i64 = 1_772_323_200;

/// Name, monthly downloads, description.
const PACKAGES: &[(&str, u64, &str)] = &[
    ("react", 150_000_000, "React is a JavaScript library for building user interfaces."),
    ("reactjs", 900, "an old name"),
    ("re-act", 50, "a squatter"),
    ("@types/react", 90_000_000, "TypeScript definitions for react"),
    ("preact", 20_000_000, "Fast 3kb React-compatible Virtual DOM library."),
    ("express", 120_000_000, "Fast, unopinionated, minimalist web framework"),
    ("expression", 3_000, "evaluates an expression"),
    ("date-fns", 130_000_000, "Modern JavaScript date utility library"),
    ("react-date-picker", 1_300_000, "A date picker for your React app."),
    ("datepicker", 12_000, "picks dates"),
    ("@mui/x-date-pickers", 16_000_000, "The community edition of the date and time picker components."),
    ("JSONStream", 44_000_000, "rawStream.pipe(JSONStream.parse()).pipe(streamOfObjects)"),
    ("jsonstream", 30_000, "another thing"),
    ("biome", 20_000, "an old thing of the same name"),
    ("@biomejs/biome", 30_000_000, "Biome is a toolchain for the web"),
    ("request", 40_000_000, "Simplified HTTP request client."),
    ("axios", 250_000_000, "Promise based HTTP client for the browser and node.js"),
    ("constructor", 200, ""),
    ("__proto__", 10, ""),
    ("toString", 5, ""),
    ("-", 300_000, "nothing much"),
    ("a", 5_000, "one letter"),
    ("eslint-config-prettier", 90_000_000, "Turns off all rules that might conflict with Prettier."),
    ("eslint-config-airbnb", 9_000_000, "Airbnb's ESLint config"),
    ("axio", 300, "a name like another"),
    ("unpublished-thing", 1_000_000, "gone"),
    ("held-thing", 1_000_000, "security holding package"),
];

struct Fixture {
    folder: TempDir,
    index: Index,
}

fn document(number: usize) -> Document<'static> {
    let (name, downloads, description) = PACKAGES[number];
    Document {
        state: match name {
            "unpublished-thing" => State::Unpublished,
            "held-thing" => State::SecurityHolding,
            _ => State::Active,
        },
        deprecated: name == "request",
        dependents: if name == "react" { 300 } else { 0 },
        description: (!description.is_empty()).then_some(description),
        downloads: Some(downloads),
        ..Document::named(number as i64 + 1, name, Bucket::of(Popularity::Monthly(downloads)))
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn in_falling_popularity() -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..PACKAGES.len()).collect();
    numbers.sort_by_key(|number| std::cmp::Reverse(PACKAGES[*number].1));
    numbers
}

fn fixture() -> Fixture {
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let numbers = in_falling_popularity();
    let (top, rest) = numbers.split_at(numbers.len() / 2);
    let mut parts = Vec::new();
    for (stretch, numbers) in [top, rest].into_iter().enumerate() {
        let mut part = builder.part(stretch);
        part.add(numbers.iter().map(|number| document(*number))).expect("added");
        parts.extend(part.finish().expect("finished"));
    }
    let index = builder.finish(parts, Payload { change_seq: 7 }).expect("built");
    assert!(Index::open(folder.path()).expect("looked").is_none(), "nobody uses an index before it is published");
    index.publish().expect("published");
    let index = Index::open(folder.path()).expect("opens").expect("there");
    Fixture { folder, index }
}

fn names(index: &Index, text: &str) -> Vec<&'static str> {
    let found = index.search(&Query::parse(text, NOW).expect("valid"), Wanted::page(0, 20)).expect("searched").expect("not too deep");
    found.hits.iter().map(|hit| PACKAGES[hit.id as usize - 1].0).collect()
}

#[test]
fn what_people_type() {
    let fixture = fixture();
    let check = |text: &str, first: &[&str]| {
        let found = names(&fixture.index, text);
        assert_eq!(&found[..first.len().min(found.len())], first, "{text:?} found {found:?}");
    };
    // The very name, whatever it is.
    for name in ["react", "JSONStream", "constructor", "__proto__", "toString", "-", "a", "@types/react", "expression"] {
        check(name, &[name]);
    }
    // A name without its separators, in parts, without its scope.
    check("reactdatepicker", &["react-date-picker"]);
    check("react date picker", &["react-date-picker"]);
    check("mui x date pickers", &["@mui/x-date-pickers"]);
    check("REACT", &["react"]);
    // While typing.
    check("rea", &["react"]);
    check("eslint-config-p", &["eslint-config-prettier"]);
    // Mistyped.
    check("expresss", &["express"]);
    check("ract", &["react"]);
    check("axois", &["axios"]);
    // The very name, and the well-known one that may have been meant.
    check("axio", &["axio", "axios"]);
    // Not the beginning of eslint-config-…, because the separators are elsewhere.
    check("reactdatepickr", &["react-date-picker"]);
    check("reactdatepicekrs", &["react-date-picker"]);
    // A scope, and the beginning of a name of a scope.
    check("@types", &["@types/react"]);
    check("@mui/x-da", &["@mui/x-date-pickers"]);
    check("@BIOMEjs", &["@biomejs/biome"]);
    // Words of name and description.
    check("http client", &["axios"]);
    check("web framework", &["express"]);
    // A rival with twenty times the downloads, then the very name.
    check("biome", &["@biomejs/biome", "biome"]);
    check("datepicker", &["datepicker"]);
    check("jsonstream", &["JSONStream", "jsonstream"]);
    assert!(!names(&fixture.index, "thing").contains(&"unpublished-thing"));
    assert!(names(&fixture.index, "held-thing").contains(&"held-thing"), "reachable by name");
    let exact =
        fixture.index.search(&Query::parse("biome", NOW).expect("valid"), Wanted::page(0, 2)).expect("searched").expect("not too deep");
    assert_eq!(exact.hits.iter().map(|hit| hit.exact).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn abbreviations_and_names_of_many_words() {
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let mut part = builder.part(0);
    let names = ["is-number", "i18next", "a11y-dialog", "i18n", "this-is_a-dumb-name"];
    let readme = |name: &str| (name == "a11y-dialog").then_some("It traps the focus.");
    let maintainers = ["jane".to_owned()];
    part.add(names.iter().enumerate().map(|(id, name)| Document {
        readme: readme(name),
        maintainers: if id == 1 { &maintainers } else { &[] },
        ..Document::named(id as i64, name, Bucket(150 - 30 * id as u8))
    }))
    .expect("added");
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    let first = |text: &str| {
        let found = index.search(&Query::parse(text, NOW).expect("valid"), Wanted::page(0, 1)).expect("searched").expect("not too deep");
        found.hits.first().map(|hit| names[hit.id as usize])
    };
    assert_eq!(first("internationalization"), Some("i18n"));
    assert_eq!(first("accessibility"), Some("a11y-dialog"));
    assert_eq!(first("this is a dumb name"), Some("this-is_a-dumb-name"));
    assert_eq!(first("focus"), Some("a11y-dialog"), "in its README");
    assert_eq!(first("jane"), Some("i18next"), "by its maintainer");
}

#[test]
fn squatters_stay_below() {
    let fixture = fixture();
    let found = names(&fixture.index, "react");
    let place = |name: &str| found.iter().position(|found| *found == name).unwrap_or(usize::MAX);
    assert!(place("re-act") > 2 && place("reactjs") > 2, "{found:?}");
    let found = names(&fixture.index, "http request client");
    assert!(
        found.iter().position(|name| *name == "axios") < found.iter().position(|name| *name == "request"),
        "deprecated sinks: {found:?}"
    );
}

#[test]
fn parts_multiply_to_the_score() {
    let fixture = fixture();
    let texts = [
        "react",
        "date picker",
        "picker date",
        "jsonstream",
        "axio",
        "biome",
        "expresss",
        "http request client",
        "rea",
        "held-thing",
        "scope:types",
        "",
    ];
    let mut named = std::collections::BTreeSet::new();
    for text in texts {
        let wanted = Wanted { explain: true, ..Wanted::page(0, 50) };
        let found = fixture.index.search(&Query::parse(text, NOW).expect("valid"), wanted).expect("searched").expect("not too deep");
        assert!(found.hits.is_sorted_by(|one, other| one.score >= other.score), "{text}: the order is that of the scores");
        for hit in found.hits {
            let parts = hit.parts.expect("asked for");
            let product: f32 = parts.iter().map(|part| part.value).product();
            assert!((product / hit.score - 1.0).abs() < 1e-3, "{text}: {} is not the product of {parts:?}", hit.score);
            assert!(parts.iter().all(|part| !part.about.is_empty()), "{parts:?}");
            named.extend(parts.iter().map(|part| part.name));
        }
    }
    let all =
        ["close", "coverage", "dependents", "deprecated", "downloads", "first", "further", "name", "scoped", "security", "types", "words"];
    assert!(named.iter().eq(all.iter()), "{named:?}");
}

#[test]
fn filters_and_pages() {
    let fixture = fixture();
    assert_eq!(names(&fixture.index, "scope:types"), ["@types/react"]);
    assert_eq!(names(&fixture.index, "biome scope:@biomejs,mui"), ["@biomejs/biome"]);
    assert!(names(&fixture.index, "react scope:nobody").is_empty());
    let all = |from, size| fixture.index.search(&Query::default(), Wanted::page(from, size)).expect("searched").expect("not too deep");
    let first = all(0, 100);
    assert_eq!(
        (first.hits.len(), first.total),
        (PACKAGES.len() - 1, Total::Exactly(PACKAGES.len() as u64 - 1)),
        "all but the unpublished one"
    );
    let pages: Vec<i64> = (0..13).flat_map(|page| all(page * 2, 2).hits).map(|hit| hit.id).collect();
    assert_eq!(pages, first.hits.iter().map(|hit| hit.id).take(26).collect::<Vec<_>>(), "pages fit together");
    assert!(all(5_000, 10).hits.is_empty());
    assert!(fixture.index.search(&Query::default(), Wanted::page(99_999, 2)).expect("searched").is_err());
}

#[test]
fn odd_texts_are_answered() {
    let fixture = fixture();
    for text in [
        "",
        " ",
        "!!!",
        "---",
        "@",
        "/",
        "@/",
        "a/b/c",
        "日本語",
        "\u{202e}abc",
        "🦀",
        "é",
        "\"",
        "*",
        "AND OR NOT",
        &"x".repeat(512),
        &"a ".repeat(256),
    ] {
        let query = Query::parse(text, NOW).expect("short enough");
        fixture.index.search(&query, Wanted::page(0, 10)).expect("searched").expect("not too deep");
    }
}

#[test]
fn changes_replace_and_remove() {
    let fixture = fixture();
    let index = &fixture.index;
    assert_eq!((index.count(), index.payload().expect("there").change_seq), (PACKAGES.len() as u64, 7));
    let changed = Document { description: Some("now about gardening"), ..document(4) };
    let mut writer = index.writer().expect("one writer");
    assert!(index.writer().is_err(), "and only one");
    writer.apply([IndexChange::Written(changed), IndexChange::Removed("axios"), IndexChange::Removed("never-there")]).expect("applied");
    assert_eq!(index.count(), PACKAGES.len() as u64, "not seen before it is committed");
    writer.commit(Payload { change_seq: 9 }).expect("committed");
    writer.close().expect("closed");
    assert_eq!((index.count(), index.payload().expect("there").change_seq), (PACKAGES.len() as u64 - 1, 9));
    assert_eq!(index.id_of("axios").expect("looked"), None);
    assert_eq!(index.id_of("preact").expect("looked"), Some(5));
    assert_eq!(names(index, "gardening"), ["preact"]);
    assert_eq!(index.sample_ids(1_000, 3).len(), PACKAGES.len() - 1);
}

#[test]
fn deep_pages_are_in_order_after_a_change() {
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let names: Vec<String> = (0..21_000).map(|number| format!("package-{number}")).collect();
    let document = |number: usize, bucket: u8| Document {
        repository: Some("https://github.com/Jane/tool"),
        ..Document::named(number as i64, &names[number], Bucket(bucket))
    };
    let bucket = |number: usize| 200 - (number / 200) as u8;
    let mut part = builder.part(0);
    part.add((0..names.len()).map(|number| document(number, bucket(number)))).expect("added");
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    let mut writer = index.writer().expect("the only one");
    writer.apply([IndexChange::Written(document(7, 0))]).expect("applied");
    writer.commit(Payload { change_seq: 2 }).expect("committed");
    writer.close().expect("closed");
    let at = |from: usize| index.search(&Query::default(), Wanted::page(from, 1)).expect("searched").expect("not too deep").hits[0].id;
    assert_eq!((at(20_500), at(20_998), at(20_999)), (20_501, 20_999, 7));
    let owned = Query { filters: vec![Filter::only(Condition::Owner(vec!["github.com/jane".to_owned()]))], ..Query::default() };
    assert_eq!(index.search(&owned, Wanted::page(0, 1)).expect("searched").expect("not too deep").hits[0].id, 0);
}

#[test]
fn a_new_index_takes_the_place_of_the_old() {
    let fixture = fixture();
    let root = fixture.folder.path();
    let abandoned = Builder::new(root).expect("begun");
    abandoned.part(0).add([document(0)]).expect("added");
    drop(abandoned);
    assert_eq!(Index::leftovers(root).expect("looked").len(), 1);
    let builder = Builder::new(root).expect("begun");
    let mut part = builder.part(0);
    part.add([document(0)]).expect("added");
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    assert!(fixture.index.is_current().expect("looked"));
    index.publish().expect("published");
    assert!(!fixture.index.is_current().expect("looked"));
    assert!(Index::leftovers(root).expect("looked").is_empty());
    assert_eq!(names(&fixture.index, "express"), names(&fixture.index, "express"), "the old one still answers whoever has it open");
    assert_eq!(Index::open(root).expect("opens").expect("there").count(), 1);
    let empty = Builder::new(root).expect("begun").finish(Vec::new(), Payload { change_seq: 2 }).expect("built");
    assert_eq!(empty.count(), 0);
}
