//! What is offered while somebody types, and what else might be searched for.

use model::{Bucket, Popularity};
use search::{Builder, Document, FacetValue, Index, IndexChange, Like, Payload, Query, SuggestionLimits, Wanted};
use tempfile::TempDir;

use crate::{NOW, folder};

/// Name, monthly downloads, description, keywords, maintainers.
type Row = (&'static str, u64, &'static str, &'static [&'static str], &'static [&'static str]);

/// Most downloaded first.
const PACKAGES: &[Row] = &[
    ("react", 150_000_000, "Builds user interfaces", &["react", "ui"], &["react-bot", "rea"]),
    ("@types/react", 90_000_000, "Types for react", &[], &["types"]),
    ("@babel/core", 80_000_000, "The core of the compiler", &["babel"], &["nicolo"]),
    ("@babel/parser", 70_000_000, "Parses JavaScript", &["babel", "parser"], &["nicolo"]),
    ("react-dom", 60_000_000, "Puts React into a page", &["react", "dom"], &["react-bot"]),
    ("react-datepicker", 9_000_000, "A date picker for React", &["react", "date picker", "calendar"], &["jane"]),
    ("flatpickr", 6_000_000, "A lean date and time picker", &["date picker", "calendar"], &["joe"]),
    ("pikaday", 1_000_000, "A date picker without dependencies", &["date picker", "calendar"], &["joe"]),
    ("react-datepicker-locales", 500_000, "Locales for the date picker react-datepicker", &["date picker"], &["jane"]),
    ("real-require", 400_000, "Requires what is real", &[], &["jane"]),
    ("babelify", 300_000, "Babel for browserify", &["babel"], &["joe"]),
    ("r", 900, "A letter", &[], &[]),
];

struct Fixture {
    _folder: TempDir,
    index: Index,
}

fn with_texts<T>(row: &Row, id: usize, with: impl FnOnce(Document<'_>) -> T) -> T {
    let (name, downloads, description, keywords, maintainers) = *row;
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (keywords, maintainers) = (owned(keywords), owned(maintainers));
    with(Document {
        description: Some(description),
        keywords: &keywords,
        maintainers: &maintainers,
        license: Some(if id.is_multiple_of(2) { "MIT" } else { "ISC" }),
        downloads: Some(downloads),
        ..Document::named(id as i64, name, Bucket::of(Popularity::Monthly(downloads)))
    })
}

fn fixture() -> Fixture {
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let mut part = builder.part(0);
    for (id, row) in PACKAGES.iter().enumerate() {
        with_texts(row, id, |document| part.add([document])).expect("added");
    }
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    Fixture { _folder: folder, index }
}

fn names(ids: &[i64]) -> Vec<&'static str> {
    ids.iter().map(|id| PACKAGES[*id as usize].0).collect()
}

#[test]
fn suggestions_from_the_first_letter() {
    let fixture = fixture();
    let check = |text: &str, packages: &[&str], others: &[&str]| {
        let found = fixture.index.suggest(text, SuggestionLimits { packages: 3, others: 2 }).expect("suggested");
        assert_eq!(names(&found.packages), packages, "{text}");
        let lists = [("~", found.users), ("@", found.scopes), ("#", found.keywords)];
        let found =
            lists.into_iter().flat_map(|(sign, list)| list.into_iter().map(move |one| format!("{sign}{} {}", one.name, one.packages)));
        assert_eq!(found.collect::<Vec<_>>(), others, "{text}");
    };
    check("r", &["r", "react", "react-dom"], &["~react-bot 2", "~rea 1", "#react 3"]);
    check("REA", &["react", "react-dom", "react-datepicker"], &["~rea 1", "~react-bot 2", "#react 3"]);
    check("babel", &["babelify", "@babel/core", "@babel/parser"], &["@babel 2", "#babel 3"]);
    check("@ba", &["@babel/core", "@babel/parser"], &["@babel 2"]);
    check("@babel/pa", &["@babel/parser"], &[]);
    check("@babel/", &["@babel/core", "@babel/parser"], &[]);
    check("pkg:react-d", &["react-dom", "react-datepicker", "react-datepicker-locales"], &[]);
    check("~j", &[], &["~jane 3", "~joe 3"]);
    check("date picke", &["flatpickr", "react-datepicker", "pikaday"], &["#date picker 4"]);
    check("picker keywords:ca", &[], &["#calendar 3"]);
    check("scope:@t", &[], &["@types 1"]);
    check("raect", &["react"], &[]);
    check("", &[], &[]);
    check("zzzzzzz", &[], &[]);
    check("\u{202e}", &[], &[]);
    let before = |text: &str| fixture.index.suggest(text, SuggestionLimits { packages: 1, others: 1 }).expect("suggested").before;
    assert_eq!(["date", "x keywords:a,b", "@ba", "-scope:b"].map(before), ["", "x keywords:a,", "", "-scope:"]);
}

#[test]
fn suggestions_know_what_changed() {
    let fixture = fixture();
    let index = &fixture.index;
    let keywords = || index.suggest("gard", SuggestionLimits { packages: 3, others: 3 }).expect("suggested").keywords;
    assert!(keywords().is_empty());
    let mut writer = index.writer().expect("the only one");
    let row: Row = ("pikaday", 1_000_000, "About gardens", &["gardening"], &[]);
    with_texts(&row, 7, |document| writer.apply([IndexChange::Written(document)])).expect("applied");
    writer.commit(Payload { change_seq: 2 }).expect("committed");
    writer.close().expect("closed");
    assert_eq!(keywords().iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["gardening"]);
}

#[test]
fn what_else_might_be_searched_for() {
    // Words are known when many packages have them.
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let mut part = builder.part(0);
    let mut rows: Vec<(String, u64)> = vec![("react".to_owned(), 150_000_000), ("picker".to_owned(), 50_000)];
    let kinds = ["calendar", "range", "mobile"];
    rows.extend((0..60).map(|number| (format!("react-date-picker-{}-{number}", kinds[number % 3]), 40_000 - number as u64)));
    rows.extend((0..40).map(|number| (format!("other-{number}"), 100)));
    part.add(
        rows.iter()
            .enumerate()
            .map(|(id, (name, downloads))| Document::named(id as i64, name, Bucket::of(Popularity::Monthly(*downloads)))),
    )
    .expect("added");
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    let ask = |text: &str| {
        let wanted = Wanted { others: true, ..Wanted::page(0, 5) };
        index.search(&Query::parse(text, NOW).expect("valid"), wanted).expect("searched").expect("not too deep")
    };
    assert_eq!(ask("raect piker").instead.as_deref(), Some("react picker"));
    assert_eq!(ask("react picker").instead, None);
    let mut related = ask("date picker").related;
    related.truncate(3);
    related.sort();
    assert_eq!(related, ["calendar", "mobile", "range"]);
    assert!(ask("").related.is_empty() && ask("zzzzzz").related.is_empty());
}

#[test]
fn similar_packages() {
    let fixture = fixture();
    let similar = |id: usize| {
        let (name, _, description, keywords, _) = PACKAGES[id];
        let keywords: Vec<String> = keywords.iter().map(|keyword| (*keyword).to_owned()).collect();
        let like = Like { id: id as i64, name, description: Some(description), keywords: &keywords };
        names(&fixture.index.similar(like, 3).expect("compared"))
    };
    let of_datepicker = similar(5);
    assert!(of_datepicker.contains(&"flatpickr") && of_datepicker.contains(&"pikaday"), "{of_datepicker:?}");
    assert!(!of_datepicker.contains(&"react-datepicker"), "not itself: {of_datepicker:?}");
    let nothing = Like { id: 99, name: "-", description: None, keywords: &[] };
    assert!(fixture.index.similar(nothing, 3).expect("compared").is_empty());
}

#[test]
fn facets_count_the_matches() {
    let fixture = fixture();
    for text in ["date picker", "date picker sort:name"] {
        let wanted = Wanted { facets: true, ..Wanted::page(0, 1) };
        let found = fixture.index.search(&Query::parse(text, NOW).expect("valid"), wanted).expect("searched").expect("not too deep");
        let facets = found.facets.expect("asked for");
        let values = |qualifier: &str| {
            let facet = facets.iter().find(|facet| facet.qualifier == qualifier);
            facet.map(|facet| facet.values.iter().take(2).map(|one| (one.value.as_str(), one.packages)).collect::<Vec<_>>())
        };
        assert_eq!(values("keywords"), Some(vec![("date picker", 4), ("calendar", 3)]), "{text}: {facets:?}");
        assert_eq!(values("license"), Some(vec![("ISC", 2), ("MIT", 2)]), "{text}: {facets:?}");
        assert!(values("has").is_some_and(|values| values.contains(&("description", 4))), "{text}: {facets:?}");
        assert!(facets.iter().flat_map(|facet| &facet.values).all(|FacetValue { packages, .. }| *packages > 0));
    }
}

#[test]
fn dependents_are_counted() {
    let folder = folder();
    let builder = Builder::new(folder.path()).expect("begun");
    let mut part = builder.part(0);
    let needs: Vec<Vec<String>> =
        vec![vec![], vec!["JSONStream".to_owned(), "a".to_owned()], vec!["jsonstream".to_owned(), "a".to_owned()]];
    part.add(
        needs
            .iter()
            .enumerate()
            .map(|(id, needs)| Document { dependencies: Some(needs), ..Document::named(id as i64, ["a", "b", "c"][id], Bucket(9)) }),
    )
    .expect("added");
    let index = builder.finish(part.finish().expect("finished").into_iter().collect(), Payload { change_seq: 1 }).expect("built");
    assert_eq!(["a", "b", "JSONStream"].map(|name| index.dependents(name).expect("counted")), [2, 0, 1]);
}
