//! Filters and orders, held against a look at every package.

use model::{Bucket, Fact, Facts, Popularity, State};
use search::{Builder, Condition, Document, Index, IndexChange, Numbers, Payload, Query, Sort, Total, Wanted};

use crate::{NOW, folder};

const PACKAGES: usize = 1_500;
const DAY: i64 = 24 * 3600;

/// A package of which much or nothing is known, as its number decides.
struct Package {
    id: i64,
    name: String,
    state: State,
    deprecated: bool,
    description: Option<String>,
    keywords: Vec<String>,
    maintainers: Vec<String>,
    repository: Option<String>,
    downloads: Option<u64>,
    growth: Option<f32>,
    published: Option<i64>,
    license: Option<&'static str>,
    dependencies: Option<Vec<String>>,
    dependents: u32,
    facts: Facts,
    readme: Option<String>,
}

fn package(id: usize) -> Package {
    // Falling, with many that are equal, and unknown at the end.
    let downloads = (id < 1_200).then(|| (3_000 - id as u64 / 3) * 1_000);
    let number = (id * 7919) % 10_007;
    let every = |step: usize| number.is_multiple_of(step);
    let scope = ["", "", "", "@types/", "@jane/", "@Babel/"][number % 6];
    let noun = ["picker", "parser", "client", "date-picker", "JSONStream"][number % 5];
    let known = !every(3);
    let details = number % 3 == 2;
    let some = |fact, holds: bool| (details && holds).then_some(fact);
    let facts = [
        some(Fact::Details, true),
        some(Fact::Types, every(4)),
        some(Fact::TypesIncluded, every(4)),
        some(Fact::Untyped, number % 4 == 1),
        some(Fact::Esm, every(5)),
        some(Fact::CommonJs, every(2)),
        some(Fact::Readme, !every(7)),
        some(Fact::InstallScripts, every(50)),
        (known && every(11)).then_some(Fact::Unstable),
    ];
    Package {
        id: id as i64,
        name: format!("{scope}{}-{noun}-{number}", ["red", "green", "Blue"][number % 3]),
        state: match number % 97 {
            0 => State::Unpublished,
            1 => State::SecurityHolding,
            _ => State::Active,
        },
        deprecated: known && every(13),
        description: (known && !every(8)).then(|| ["A date picker.", "Picker of every date", "parses JSON streams"][number % 3].to_owned()),
        keywords: if known && !every(4) { vec!["Date".to_owned(), format!("k{}", number % 9)] } else { Vec::new() },
        maintainers: if known { vec![["jane", "joe"][number % 2].to_owned()] } else { Vec::new() },
        repository: (every(2)).then(|| format!("https://github.com/Jane/{noun}")),
        downloads,
        growth: (!id.is_multiple_of(4) && downloads.is_some()).then_some(0.5 + (number % 40) as f32 / 20.0),
        published: known.then(|| NOW - (number as i64 % 1_500) * DAY),
        license: if known { [Some("MIT"), Some("(MIT OR Apache-2.0)"), Some("GPL-3.0-only"), None][number % 4] } else { None },
        dependencies: details.then(|| ["react", "JSONStream", "x"].iter().take(number % 4).map(|name| (*name).to_owned()).collect()),
        dependents: if every(6) { number as u32 } else { 0 },
        facts: facts.into_iter().flatten().collect(),
        readme: (details && !every(7)).then(|| "How to pick a date in red".to_owned()),
    }
}

impl Package {
    fn document(&self) -> Document<'_> {
        Document {
            state: self.state,
            deprecated: self.deprecated,
            description: self.description.as_deref(),
            keywords: &self.keywords,
            maintainers: &self.maintainers,
            repository: self.repository.as_deref(),
            downloads: self.downloads,
            growth: self.growth,
            published: self.published,
            license: self.license,
            dependencies: self.dependencies.as_deref(),
            dependents: self.dependents,
            facts: self.facts,
            readme: self.readme.as_deref(),
            ..Document::named(self.id, &self.name, Bucket::of(self.downloads.map_or(Popularity::Unknown, Popularity::Monthly)))
        }
    }

    fn scope(&self) -> Option<&str> {
        self.name.strip_prefix('@')?.split_once('/').map(|(scope, _)| scope)
    }

    fn has_fact(&self, fact: Fact) -> bool {
        match fact {
            Fact::Deprecated => self.deprecated,
            Fact::SecurityHolding => self.state == State::SecurityHolding,
            Fact::Unpublished => self.state == State::Unpublished,
            Fact::Scoped => self.scope().is_some(),
            Fact::TypesPackage => self.scope() == Some("types"),
            Fact::License => self.license.is_some(),
            Fact::Repository => self.repository.is_some(),
            Fact::Keywords => !self.keywords.is_empty(),
            Fact::Description => self.description.is_some(),
            other => self.facts.has(other),
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let any = |values: &[String], own: &[String]| own.iter().any(|own| values.contains(&own.to_lowercase()));
        let within = |ranges: &[Numbers], number: Option<u64>| {
            number.is_some_and(|number| ranges.iter().any(|range| (range.from..=range.to).contains(&number)))
        };
        match condition {
            Condition::Scope(values) => self.scope().is_some_and(|scope| values.contains(&scope.to_lowercase())),
            Condition::Keyword(values) => any(values, &self.keywords),
            Condition::Maintainer(values) => any(values, &self.maintainers),
            Condition::Owner(values) => self.repository.is_some() && values.iter().any(|value| value == "github.com/jane"),
            Condition::License(values) => values.iter().any(|value| match value.as_str() {
                "mit" => matches!(self.license, Some("MIT" | "(MIT OR Apache-2.0)")),
                "apache" => self.license == Some("(MIT OR Apache-2.0)"),
                "gpl" => self.license == Some("GPL-3.0-only"),
                _ => false,
            }),
            Condition::Depends(values) => self.dependencies.as_ref().is_some_and(|own| any(values, own)),
            Condition::Name(values) => values.iter().any(|value| {
                let words = self.name.to_lowercase().replace(['-', '@', '/'], " ");
                format!(" {words} ").contains(&format!(" {} ", value.replace('-', " ")))
            }),
            Condition::Fact(facts) => facts.iter().any(|fact| self.has_fact(*fact)),
            Condition::Downloads(ranges) => within(ranges, self.downloads),
            Condition::Dependents(ranges) => within(ranges, (self.dependents > 0).then_some(u64::from(self.dependents))),
            Condition::Dependencies(ranges) => within(ranges, self.dependencies.as_ref().map(|own| own.len() as u64)),
            Condition::Updated(times) => self.published.is_some_and(|at| times.iter().any(|times| (times.from..=times.to).contains(&at))),
        }
    }

    fn is_found(&self, query: &Query) -> bool {
        let asked_for = query
            .filters
            .iter()
            .any(|filter| !filter.excluded && matches!(&filter.condition, Condition::Fact(facts) if facts.contains(&Fact::Unpublished)));
        (asked_for || self.state != State::Unpublished)
            && query.filters.iter().all(|filter| self.holds(&filter.condition) != filter.excluded)
    }
}

/// All packages, the last hundred of which and some others lie in a small segment of changes.
fn index() -> (tempfile::TempDir, Index, Vec<Package>) {
    let there = folder();
    let packages: Vec<Package> = (0..PACKAGES).map(package).collect();
    let builder = Builder::new(there.path()).expect("begun");
    let built = &packages[..PACKAGES - 100];
    let mut parts = Vec::new();
    for (number, stretch) in [&built[..500], &built[500..]].into_iter().enumerate() {
        let mut part = builder.part(number);
        part.add(stretch.iter().map(Package::document)).expect("added");
        parts.extend(part.finish().expect("finished"));
    }
    let index = builder.finish(parts, Payload { change_seq: 1 }).expect("built");
    let mut writer = index.writer().expect("one");
    let changed = packages.iter().filter(|package| package.id % 41 == 0 || package.id as usize >= PACKAGES - 100);
    writer.apply(changed.map(|package| IndexChange::Written(package.document()))).expect("applied");
    writer.commit(Payload { change_seq: 2 }).expect("committed");
    writer.close().expect("closed");
    (there, index, packages)
}

fn found(index: &Index, text: &str) -> (Vec<i64>, Total) {
    let query = Query::parse(text, NOW).expect("short enough");
    assert!(query.notes.is_empty() || text.contains("insecure"), "{:?}", query.notes);
    let found = index.search(&query, Wanted::page(0, 2 * PACKAGES)).expect("searched").expect("not too deep");
    (found.hits.iter().map(|hit| hit.id).collect(), found.total)
}

#[test]
fn every_filter_leaves_what_it_should() {
    let (_there, index, packages) = index();
    let single = [
        "scope:types",
        "scope:jane,babel",
        "keywords:date",
        "keywords:k1,k2",
        "keywords:date,-k3",
        "maintainer:jane",
        "owner:jane",
        "license:mit",
        "license:apache",
        "license:gpl,isc",
        "depends:react",
        "depends:jsonstream,x",
        "name:red",
        "name:picker,parser",
        "name:date-picker",
        "is:deprecated",
        "is:unstable",
        "is:scoped",
        "is:types",
        "is:unpublished",
        "is:security-holding",
        "is:insecure",
        "has:types",
        "has:readme",
        "has:license",
        "has:repository",
        "has:keywords",
        "has:description",
        "has:install-scripts",
        "has:details",
        "types:included",
        "types:none",
        "types:included,none",
        "types:definitely-typed",
        "module:esm",
        "module:cjs",
        "downloads:>1m",
        "downloads:<=1000000",
        "downloads:2500000",
        "downloads:<1m,>2.9m",
        "downloads:0",
        "dependents:>100",
        "dependents:>=0",
        "dependencies:0",
        "dependencies:1..2",
        "updated:<30d",
        "updated:>2y",
        "updated:2024",
        "updated:2024..2025-03",
        "updated:1y..2y",
    ];
    let mut some = 0;
    for (number, one) in single.iter().enumerate() {
        let other = single[(number * 17 + 5) % single.len()];
        let third = single[(number * 29 + 11) % single.len()];
        for text in [
            (*one).to_owned(),
            format!("-{one}"),
            format!("{one} {other}"),
            format!("{one} -{other}"),
            format!("-{one} -{other} -{third}"),
            format!("{one} {other} -{third}"),
        ] {
            if text.contains("-keywords:date,-k3") {
                continue;
            }
            let query = Query::parse(&text, NOW).expect("short enough");
            let expected: Vec<i64> = packages.iter().filter(|package| package.is_found(&query)).map(|package| package.id).collect();
            some += usize::from(!expected.is_empty() && expected.len() < PACKAGES);
            for sort in ["", " sort:published"] {
                let (mut ids, total) = found(&index, &format!("{text}{sort}"));
                ids.sort_unstable();
                assert_eq!(ids, expected, "{text}{sort}");
                assert_eq!(total, Total::Exactly(expected.len() as u64), "{text}{sort}");
            }
        }
    }
    assert!(some > 4 * single.len(), "{some}");
}

#[test]
fn what_is_not_known_is_neither_found_nor_left_out() {
    let (_there, index, packages) = index();
    let count = |text: &str| found(&index, text).0.len();
    let shown = packages.iter().filter(|package| package.state != State::Unpublished);
    let (mut with, mut other, mut unknown) = (0, 0, 0);
    for package in shown {
        match package.license {
            Some("MIT" | "(MIT OR Apache-2.0)") => with += 1,
            Some(_) => other += 1,
            None => unknown += 1,
        }
    }
    assert_eq!((count("license:mit"), count("-license:mit")), (with, other + unknown));
    assert_eq!((count("has:license -license:mit"), count("-has:license")), (other, unknown));
    assert_eq!(count("is:insecure"), 0);
    assert_eq!(count("not:insecure"), with + other + unknown);
}

#[test]
fn every_order() {
    let (_there, index, packages) = index();
    for filter in ["", "has:details", "scope:types -license:mit"] {
        for (sort, word) in Sort::ALL.into_iter().skip(1) {
            let text = format!("{filter} sort:{word}");
            let query = Query::parse(&text, NOW).expect("short enough");
            let (ids, _) = found(&index, &text);
            let mut expected: Vec<&Package> = packages.iter().filter(|package| package.is_found(&query)).collect();
            assert_eq!(ids.len(), expected.len());
            if sort == Sort::Name {
                expected.sort_by_key(|package| package.name.to_lowercase());
                assert_eq!(ids, expected.iter().map(|package| package.id).collect::<Vec<_>>(), "{text}");
                continue;
            }
            let key = |package: &Package| match sort {
                Sort::Growth => package.growth.map(|growth| (growth * 1000.0) as i64),
                Sort::Published => package.published,
                Sort::Dependents => (package.dependents > 0).then_some(i64::from(package.dependents)),
                _ => package.downloads.map(u64::cast_signed),
            };
            let keys: Vec<Option<i64>> = ids.iter().map(|id| key(&packages[*id as usize])).collect();
            assert!(keys.is_sorted_by(|a, b| a >= b), "{text}: {keys:?}");
            let page_from = |from| index.search(&query, Wanted::page(from, 7)).expect("searched").expect("not too deep").hits;
            let in_pages: Vec<i64> = (0..10).flat_map(|page| page_from(page * 7)).map(|hit| hit.id).collect();
            assert_eq!(in_pages, ids[..70.min(ids.len())], "{text}");
        }
    }
}

#[test]
fn words_phrases_and_exclusions() {
    let (_there, index, packages) = index();
    let names = |text: &str| -> Vec<&Package> { found(&index, text).0.into_iter().map(|id| &packages[id as usize]).collect() };
    let text = |package: &Package| {
        format!("{} {} {}", package.name, package.description.as_deref().unwrap_or_default(), package.keywords.join(" ")).to_lowercase()
    };
    let phrase = names("\"date picker\"");
    assert!(!phrase.is_empty());
    for package in &phrase {
        assert!(text(package).replace('-', " ").contains("date picker"), "{}", package.name);
    }
    let there = packages.iter().filter(|package| package.state != State::Unpublished);
    assert_eq!(phrase.len(), there.filter(|package| text(package).replace('-', " ").contains("date picker")).count());
    assert!(names("picker -date").iter().all(|package| !text(package).contains("date")));
    assert!(names("picker -\"date picker\"").iter().any(|package| text(package).contains("date")));
    assert!(names("picker -date-picker").iter().all(|package| !text(package).replace('-', " ").contains("date picker")));
    // A README counts for what is asked for, not against.
    assert!(names("\"how to pick\"").iter().all(|package| package.readme.is_some()));
    assert!(names("-pick -date sort:name").iter().any(|package| package.readme.is_some()));
    // In another order every word must be there; the last may be unfinished.
    let sorted = names("green pars sort:downloads");
    assert!(!sorted.is_empty() && sorted.iter().all(|package| package.name.contains("green-parser")), "{:?}", sorted[0].name);
    let whole = names("green pars  sort:name \"green\"");
    assert!(whole.iter().all(|package| package.name.contains("green-parser")));
}
