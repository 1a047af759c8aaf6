//! Searches as people type them: each kind by itself, 64 clients at once, and packages by their exact names.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::http::{Connection, escape};
use super::{Row, percentile};

const TOPICS: [&str; 16] = [
    "date picker",
    "http client",
    "json parser",
    "react state management",
    "image resize",
    "markdown",
    "logger",
    "command line arguments",
    "web framework",
    "deep clone",
    "uuid",
    "websocket server",
    "css in js",
    "unit testing",
    "graphql client",
    "file upload middleware",
];

/// Parts of queries that filter, sort and exclude; half of them beside a topic.
const FILTERS: [&str; 16] = [
    "keywords:react",
    "license:mit",
    "scope:babel",
    "maintainer:sindresorhus",
    "downloads:>100k",
    "downloads:1000..5000",
    "updated:<1y",
    "not:deprecated",
    "is:deprecated",
    "has:types",
    "-react",
    "-scope:types",
    "depends:lodash",
    "sort:downloads",
    "sort:name",
    "sort:published",
];
/// What nobody types by accident.
const ODD: [&str; 12] = [
    "a",
    "re",
    "the a of in to",
    "js",
    "react react react react react react react react",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "@",
    "-",
    "\"a library for\"",
    "node js javascript typescript react vue angular module library plugin component",
    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "aaaaaaaa",
];
/// Clients that ask at the same time, and for how long.
const CLIENTS: usize = 64;
const LOAD_FOR: Duration = Duration::from_secs(15);
/// Names looked for over HTTP.
const EXACT_NAMES: usize = 100_000;

/// What people type, made from names, by kind.
struct Queries(Vec<(&'static str, Vec<String>)>);

impl Queries {
    fn of(names: &[String]) -> Self {
        let every = |place: usize, make: fn(&str) -> String| names.iter().skip(place).step_by(5).map(|name| make(name)).collect();
        let beginning = |name: &str| name.chars().take((name.chars().count() * 7).div_ceil(10)).collect();
        let mistyped = |name: &str| {
            let mut typo: Vec<char> = name.chars().collect();
            let middle = typo.len() / 2;
            typo[middle] = if typo[middle] == 'e' { 'a' } else { 'e' };
            typo.into_iter().collect()
        };
        let spaced = |name: &str| name.replace(['-', '/', '.', '_'], " ").replace('@', "");
        let joined = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect();
        let filtered = FILTERS.iter().zip(TOPICS).flat_map(|(filter, topic)| [(*filter).to_owned(), format!("{topic} {filter}")]);
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self(vec![
            ("exact names", every(0, str::to_owned)),
            ("beginnings of names", every(1, beginning)),
            ("names mistyped", every(2, mistyped)),
            ("names spaced", every(3, spaced)),
            ("names joined", every(4, joined)),
            ("topics", texts(&TOPICS)),
            ("filters and orders", filtered.collect()),
            ("odd ones", texts(&ODD)),
        ])
    }

    /// As they come in from many people: names in every way, and a topic for every ten of them.
    fn mixed(&self) -> Vec<&str> {
        let mut kinds: Vec<_> = self.0[..5].iter().map(|(_, queries)| queries.iter()).collect();
        let mut topics = TOPICS.iter().cycle();
        let mut mixed = Vec::new();
        while let Some(queries) = kinds.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
            mixed.extend(queries.into_iter().map(String::as_str));
            if mixed.len() % 2 == 0 {
                mixed.extend(topics.next());
            }
        }
        mixed
    }
}

fn path(query: &str) -> String {
    format!("/-/v1/search?size=20&text={}", escape(query))
}

/// Asks for all, one after the other. Milliseconds, ascending.
fn ask<'a>(connection: &mut Connection, paths: impl Iterator<Item = &'a String>) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for path in paths {
        let began = Instant::now();
        connection.fetch(path)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// One client, then many, on a server that is running.
pub(super) fn measure(names: &[String]) -> anyhow::Result<Vec<Row>> {
    let queries = Queries::of(names);
    let mut connection = Connection::open()?;
    let mixed: Vec<String> = queries.mixed().into_iter().map(path).collect();
    let times = ask(&mut connection, mixed.iter())?;
    let (median, high) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let mut rows = vec![Row {
        what: "search over HTTP, one client, mixed queries",
        must: "p50 <= 4 ms, p99 <= 25 ms",
        measured: format!("p50 {median:.2} ms, p99 {high:.2} ms"),
        reached: median <= 4.0 && high <= 25.0,
    }];
    println!("\n{:<24} {:>7} {:>9} {:>9} {:>9}   milliseconds over HTTP, one client", "what is asked", "queries", "p50", "p99", "slowest");
    let print = |what: &str, times: &[f64]| {
        let at = |share| percentile(times, share);
        println!("{what:<24} {:>7} {:>9.2} {:>9.2} {:>9.2}", times.len(), at(0.5), at(0.99), at(1.0));
    };
    let mut slowest = 0.0_f64;
    for (kind, queries) in &queries.0 {
        let times = ask(&mut connection, queries.iter().map(|query| path(query)).collect::<Vec<_>>().iter())?;
        slowest = slowest.max(percentile(&times, 1.0));
        print(kind, &times);
    }
    let explained: Vec<String> =
        mixed.iter().map(|path| path.replace("/-/v1/search?size=20&text=", "/api/v1/search?explain=1&facets=1&q=")).collect();
    let times = ask(&mut connection, explained.iter())?;
    slowest = slowest.max(percentile(&times, 1.0));
    print("explained, with facets", &times);
    rows.push(Row {
        what: "the slowest query of any kind",
        must: "<= 250 ms",
        measured: format!("{slowest:.1} ms"),
        reached: slowest <= 250.0,
    });
    let typed: Vec<String> = names
        .iter()
        .step_by(20)
        .flat_map(|name| (1..=name.chars().count().min(10)).map(|length| name.chars().take(length).collect::<String>()))
        .map(|text| format!("/api/v1/suggestions?q={}", escape(&text)))
        .collect();
    let times = ask(&mut connection, typed.iter())?;
    print("suggestions", &times);
    let high = percentile(&times, 0.99);
    rows.push(Row { what: "suggestions while typing", must: "p99 <= 5 ms", measured: format!("p99 {high:.2} ms"), reached: high <= 5.0 });
    rows.push(load(&mixed)?);
    Ok(rows)
}

/// Many clients, each of which asks again as soon as it has its answer.
fn load(paths: &[String]) -> anyhow::Result<Row> {
    let until = Instant::now() + LOAD_FOR;
    let mut times: Vec<f64> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn(move || -> anyhow::Result<Vec<f64>> {
                    let mut connection = Connection::open()?;
                    let mut times = Vec::new();
                    for path in paths.iter().cycle().skip(number * 31) {
                        let began = Instant::now();
                        if began >= until {
                            break;
                        }
                        connection.fetch(path)?;
                        times.push(began.elapsed().as_secs_f64() * 1e3);
                    }
                    Ok(times)
                })
            })
            .collect();
        let joined = asking.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a client failed")));
        joined.collect::<anyhow::Result<Vec<_>>>().map(|times| times.into_iter().flatten().collect())
    })?;
    times.sort_by(f64::total_cmp);
    let (median, high) = (percentile(&times, 0.5), percentile(&times, 0.99));
    let rate = times.len() as f64 / LOAD_FOR.as_secs_f64();
    Ok(Row {
        what: "search over HTTP, 64 clients, mixed queries",
        must: "p99 <= 250 ms",
        measured: format!("p50 {median:.1} ms, p99 {high:.1} ms, {rate:.0}/s"),
        reached: high <= 250.0,
    })
}

/// Looks for packages by their exact names, spread over the list. The very package must be the first or the second hit.
pub(super) fn exact_names(list: &str) -> anyhow::Result<Row> {
    let names: Vec<&str> = list.lines().filter(|name| !name.is_empty()).collect();
    let mut connection = Connection::open()?;
    let (mut asked, mut missed) = (0, 0);
    for name in names.iter().step_by((names.len() / EXACT_NAMES).max(1)) {
        asked += 1;
        let answer = connection.get(&format!("/-/v1/search?size=2&text={}", escape(name)))?;
        let mut hits = answer["objects"].as_array().into_iter().flatten();
        if !hits.any(|hit| hit["package"]["name"] == *name) {
            missed += 1;
            println!("{name:?} is not among its own first two hits");
        }
    }
    Ok(Row {
        what: "packages that are not found by their exact name",
        must: "0",
        measured: format!("{missed} of {asked}"),
        reached: missed == 0,
    })
}
