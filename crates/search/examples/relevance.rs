//! Scores the search: builds an index of a corpus, asks it cases whose answers are known, and fails when a floor is not reached.
//!
//! A corpus is lines of JSON, most downloaded first, each in the shape of a hit of npm's search API. Beside it lie the cases, in any of
//! these files: `topics*.tsv` (query, packages that are wanted, with commas), `known*.tsv` (kind, query, the package that is meant) and
//! `places.tsv` (where packages must stand, query, packages, who says so).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use model::{Bucket, Popularity};
use search::{Builder, Document, Index, Payload, Query, Wanted};
use serde::Deserialize;

const USAGE: &str = "usage: relevance CORPUS [-v] [--rounds N] [--floor MEASURE=VALUE]...
  CORPUS                  lines of JSON, plain or .gz, with its cases beside it
  -v                      every case that did not come out best
  --rounds N              ask everything N times; the time of a query is its shortest
  --floor MEASURE=VALUE   fail below: topics, success, known, places, or a kind of known cases";

type Failure = Box<dyn std::error::Error>;

/// Hits looked at.
const DEPTH: usize = 10;
/// Packages indexed at a time.
const CHUNK: usize = 10_000;

#[derive(Deserialize)]
struct Line {
    package: Package,
    #[serde(default)]
    downloads: Downloads,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    description: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    maintainers: Vec<User>,
    #[serde(default)]
    deprecated: bool,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
struct Downloads {
    monthly: Option<u64>,
}

/// What the arguments say.
struct Options {
    corpus: PathBuf,
    verbose: bool,
    rounds: u32,
    floors: Vec<(String, f64)>,
}

/// A corpus, indexed.
struct Corpus {
    names: Vec<String>,
    index: Index,
    _folder: tempfile::TempDir,
}

/// What came out.
#[derive(Default)]
struct Report {
    measures: BTreeMap<String, Mean>,
    times: Vec<Duration>,
}

/// A mean in the making.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn value(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}

impl Report {
    fn add(&mut self, measure: &str, value: f64) {
        let mean = self.measures.entry(measure.to_owned()).or_default();
        mean.sum += value;
        mean.count += 1;
    }
}

fn main() -> ExitCode {
    let Some(options) = arguments(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("relevance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { corpus: PathBuf::new(), verbose: false, rounds: 1, floors: Vec::new() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "-v" => options.verbose = true,
            "--rounds" => options.rounds = words.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
            "--floor" => {
                let (measure, value) = words.next()?.split_once('=').map(|(measure, value)| (measure.to_owned(), value.parse()))?;
                options.floors.push((measure, value.ok()?));
            }
            path if !path.starts_with('-') && options.corpus.as_os_str().is_empty() => options.corpus = path.into(),
            _ => return None,
        }
    }
    (!options.corpus.as_os_str().is_empty()).then_some(options)
}

/// Whether all floors were reached.
fn run(options: &Options) -> Result<bool, Failure> {
    let started = Instant::now();
    let corpus = read(&options.corpus)?;
    println!("{} packages, read and indexed in {:.1} s", corpus.names.len(), started.elapsed().as_secs_f64());
    let mut report = Report::default();
    for path in cases(&options.corpus)? {
        let kind = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for line in fs::read_to_string(&path)?.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            match (kind.split(['-', '.']).next(), fields.as_slice()) {
                (Some("topics"), [query, wanted]) => topic(&corpus, options, &mut report, query, wanted)?,
                (Some("known"), [kind, query, wanted]) => known(&corpus, options, &mut report, kind, query, wanted)?,
                (Some("places"), [place, query, names, source]) => places(&corpus, options, &mut report, place, query, names, source)?,
                _ => return Err(format!("{}: this line is not a case: {line}", path.display()).into()),
            }
        }
    }
    Ok(print(options, &mut report))
}

/// The files with cases that lie beside a corpus.
fn cases(corpus: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(corpus.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".tsv") && ["topics", "known", "places"].iter().any(|kind| name.starts_with(kind)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a corpus and indexes it.
fn read(path: &Path) -> Result<Corpus, Failure> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text: Box<dyn Read> =
        if path.extension().is_some_and(|end| end == "gz") { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let folder = tempfile::tempdir()?;
    let builder = Builder::new(folder.path())?;
    let mut part = builder.part(0);
    let mut names = Vec::new();
    let mut chunk: Vec<Line> = Vec::new();
    let mut last = u64::MAX;
    let mut add = |chunk: &mut Vec<Line>, names: &mut Vec<String>| -> Result<(), Failure> {
        let documents = chunk.iter().enumerate().map(|(number, line)| (names.len() + number, line));
        let users: Vec<Vec<String>> =
            chunk.iter().map(|line| line.package.maintainers.iter().map(|user| user.username.clone()).collect()).collect();
        part.add(documents.zip(&users).map(|((number, line), users)| document(number, line, users)))?;
        names.extend(chunk.drain(..).map(|line| line.package.name));
        Ok(())
    };
    for line in BufReader::new(text).lines() {
        let line: Line = serde_json::from_str(&line?).map_err(|error| format!("{}: {error}", path.display()))?;
        let downloads = line.downloads.monthly.unwrap_or(0);
        if downloads > last {
            return Err(format!("{}: {} has more downloads than the package before it", path.display(), line.package.name).into());
        }
        last = downloads;
        chunk.push(line);
        if chunk.len() == CHUNK {
            add(&mut chunk, &mut names)?;
        }
    }
    add(&mut chunk, &mut names)?;
    let index = builder.finish(part.finish()?.into_iter().collect(), Payload { change_seq: 1 })?;
    Ok(Corpus { names, index, _folder: folder })
}

/// No case asks for a date.
const NOW: i64 = 0;

fn document<'a>(number: usize, line: &'a Line, maintainers: &'a [String]) -> Document<'a> {
    let package = &line.package;
    let bucket = Bucket::of(line.downloads.monthly.map_or(Popularity::Unknown, Popularity::Monthly));
    Document {
        deprecated: package.deprecated,
        description: package.description.as_deref(),
        keywords: &package.keywords,
        maintainers,
        downloads: line.downloads.monthly,
        ..Document::named(number as i64, &package.name, bucket)
    }
}

/// The names of the first hits.
fn ask<'a>(corpus: &'a Corpus, options: &Options, report: &mut Report, text: &str) -> Result<Vec<&'a str>, Failure> {
    let mut shortest = Duration::MAX;
    let mut hits = Vec::new();
    for _ in 0..options.rounds {
        let started = Instant::now();
        hits = corpus.index.search(&Query::parse(text, NOW)?, Wanted::page(0, DEPTH))??.hits;
        shortest = shortest.min(started.elapsed());
    }
    report.times.push(shortest);
    Ok(hits.iter().map(|hit| corpus.names[hit.id as usize].as_str()).collect())
}

/// NDCG over the first ten hits, each wanted package worth the same; success when one of them is among the first three.
fn topic(corpus: &Corpus, options: &Options, report: &mut Report, query: &str, wanted: &str) -> Result<(), Failure> {
    let wanted: HashSet<&str> = wanted.split(',').collect();
    let names = ask(corpus, options, report, query)?;
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let ideal: f64 = (0..wanted.len().min(DEPTH)).map(gain).sum();
    let found: f64 = (0..names.len()).filter(|place| wanted.contains(names[*place])).map(gain).sum();
    let success = names.iter().take(3).any(|name| wanted.contains(name));
    report.add("topics", found / ideal);
    report.add("success", f64::from(success));
    if options.verbose {
        let marked: Vec<String> =
            names.iter().map(|name| if wanted.contains(name) { format!("*{name}") } else { (*name).to_owned() }).collect();
        println!("{:.2} {query}: {}", found / ideal, marked.join(" "));
    }
    Ok(())
}

/// One by the place of the package that is meant.
fn known(corpus: &Corpus, options: &Options, report: &mut Report, kind: &str, query: &str, wanted: &str) -> Result<(), Failure> {
    let names = ask(corpus, options, report, query)?;
    let value = names.iter().position(|name| *name == wanted).map_or(0.0, |place| 1.0 / (place as f64 + 1.0));
    report.add("known", value);
    report.add(kind, value);
    if options.verbose && value < 1.0 {
        println!("{kind} {query:?} wants {wanted}: {}", names[..names.len().min(5)].join(" "));
    }
    Ok(())
}

/// `3`: all of the packages are among the first three; `!3`: none is; `same`: all of the queries, divided by bars, find the same first.
fn places(
    corpus: &Corpus,
    options: &Options,
    report: &mut Report,
    place: &str,
    query: &str,
    wanted: &str,
    source: &str,
) -> Result<(), Failure> {
    for query in query.split('|') {
        let names = ask(corpus, options, report, query)?;
        let (without, depth) = place.strip_prefix('!').map_or((false, place), |depth| (true, depth));
        let depth: usize = depth.parse().map_err(|_| format!("{place} is not a place"))?;
        let holds = wanted.split(',').all(|wanted| names.iter().take(depth).any(|name| *name == wanted) != without);
        report.add("places", f64::from(holds));
        if !holds {
            println!("{query:?} wants {wanted} at {place} ({source}): {}", names[..names.len().min(5)].join(" "));
        }
    }
    Ok(())
}

fn print(options: &Options, report: &mut Report) -> bool {
    for (measure, mean) in &report.measures {
        println!("{measure:10} {:.4} of {}", mean.value(), mean.count);
    }
    report.times.sort_unstable();
    let at = |share: f64| report.times.get((share * report.times.len().saturating_sub(1) as f64) as usize).copied().unwrap_or_default();
    println!(
        "{:10} p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        "time",
        milliseconds(at(0.5)),
        milliseconds(at(0.99)),
        milliseconds(at(1.0))
    );
    let mut reached = true;
    for (measure, floor) in &options.floors {
        let value = report.measures.get(measure).map_or(0.0, Mean::value);
        if value < *floor {
            println!("{measure} is {value:.4}, below its floor of {floor}");
            reached = false;
        }
    }
    reached
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
