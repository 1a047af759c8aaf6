//! The table of the design, measured: fill, start, search, memory.
//!
//! Memory is the anonymous part of the resident set, sampled from `/proc`, so this runs on Linux.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use self::http::Connection;
use crate::{cargo, root, run};

mod http;
mod search;

/// With fewer packages the figures are not those of the table.
const ALL: u64 = 4_400_000;
/// Where the server listens while it is measured.
const ADDRESS: &str = "127.0.0.1:38917";
/// Places in the list of packages by downloads from which names are taken, 250 each.
const DEPTHS: [usize; 8] = [0, 1_000, 5_000, 10_000, 20_000, 40_000, 60_000, 90_000];
struct Row {
    what: &'static str,
    must: &'static str,
    measured: String,
    reached: bool,
}

/// Measures and prints.
pub(crate) fn bench(options: &[&str]) -> anyhow::Result<()> {
    let (mut from, mut data, mut names_in) = (None, None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--from" => from = options.next(),
            "--data" => data = options.next(),
            "--names" => names_in = options.next(),
            other => bail!("bench does not know {other:?}"),
        }
    }
    run(&mut cargo(&["build", "--release", "--package", "pkgstats"]))?;
    let program = root().join("target/release/pkgstats");
    let own = std::env::temp_dir().join(format!("pkgstats-bench-{}", std::process::id()));
    let folder = data.map_or_else(|| own.clone(), PathBuf::from);
    let mut rows = Vec::new();
    if let Some(lists) = from {
        rows.extend(measure_fill(&program, &folder, Path::new(lists))?);
    } else if !folder.join("pkgstats.db").exists() {
        bail!(
            "bench needs --from DIR with the lists (npm pack all-the-package-names all-the-package-repos download-counts npm-high-impact), or --data DIR that is filled"
        );
    }
    let (packages, names, served) = measure_serve(&program, &folder, names_in.copied())?;
    rows.extend(served);
    // Made-up details must not stay in anybody's data.
    let copy = std::env::temp_dir().join(format!("pkgstats-bench-pages-{}", std::process::id()));
    run(Command::new("cp").args(["--archive", "--reflink=auto"]).arg(&folder).arg(&copy))?;
    let pages = measure_pages(&program, &copy, &names);
    fs::remove_dir_all(&copy)?;
    rows.extend(pages?);
    println!(
        "\n{} on {packages} packages\n",
        if packages >= ALL { "The table of the design" } else { "NOT the table of the design, which needs 4,400,000 packages:" }
    );
    println!("{:<58} {:<44} measured", "what", "must reach");
    for row in &rows {
        println!("{:<58} {:<44} {}{}", row.what, row.must, row.measured, if row.reached { "" } else { "   MISSED" });
    }
    if data.is_none() {
        fs::remove_dir_all(&own)?;
    }
    Ok(())
}

fn command(program: &Path, data: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("PKGSTATS_DATA", data).env("PKGSTATS_OFFLINE", "true").stdin(Stdio::null());
    command
}

fn measure_fill(program: &Path, data: &Path, lists: &Path) -> anyhow::Result<Vec<Row>> {
    if data.exists() {
        fs::remove_dir_all(data)?;
    }
    println!("$ pkgstats fill --from {}", lists.display());
    let mut child =
        command(program, data).args(["fill", "--json", "--from"]).arg(lists).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (mut peak, mut largest) = (0, 0);
    let mut looked = Instant::now();
    while child.try_wait()?.is_none() {
        peak = peak.max(anonymous_memory(child.id()));
        if looked.elapsed() > Duration::from_secs(1) {
            largest = largest.max(size(data));
            looked = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output()?;
    let report: Value = serde_json::from_slice(&output.stdout).context("the fill failed")?;
    let seconds = report["processing_seconds"].as_f64().unwrap_or(f64::INFINITY);
    let (disk, mebibytes) = (size(data), |bytes: u64| bytes >> 20);
    Ok(vec![
        Row { what: "fill --from, processing", must: "<= 180 s", measured: format!("{seconds:.1} s"), reached: seconds <= 180.0 },
        Row {
            what: "fill --from, peak anonymous memory",
            must: "<= 1024 MiB",
            measured: format!("{} MiB", peak >> 10),
            reached: peak >> 10 <= 1024,
        },
        Row {
            what: "fill --from, on disk",
            must: "<= 2560 MiB",
            measured: format!("{} MiB, at most {} MiB on the way", mebibytes(disk), mebibytes(largest)),
            reached: mebibytes(disk) <= 2560,
        },
    ])
}

/// A server that is ended when it is no longer needed.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Politely, so that it gives back the lease before its data are copied.
        if Command::new("kill").arg(self.0.id().to_string()).status().is_ok_and(|status| status.success()) {
            let _ = self.0.wait();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn measure_serve(program: &Path, data: &Path, list: Option<&str>) -> anyhow::Result<(u64, Vec<String>, Vec<Row>)> {
    let started = Instant::now();
    let server = Server(command(program, data).args(["serve", "--listen", ADDRESS]).stderr(Stdio::null()).spawn()?);
    let first = loop {
        if let Ok(mut connection) = Connection::open()
            && connection.get("/-/v1/search?text=react").is_ok()
        {
            break started.elapsed();
        }
        if started.elapsed() > Duration::from_secs(60) {
            bail!("the server does not answer");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut connection = Connection::open()?;
    let packages = connection.get("/api/v1/status")?["packages"].as_u64().unwrap_or(0);
    let mut names = Vec::new();
    for depth in DEPTHS {
        let page = connection.get(&format!("/api/v1/search?from={depth}&size=250"))?;
        names.extend(page["hits"].as_array().into_iter().flatten().filter_map(|hit| hit["name"].as_str().map(str::to_owned)));
    }
    let mut rows = vec![Row {
        what: "serve, start until the first answer",
        must: "<= 1 s",
        measured: format!("{:.2} s", first.as_secs_f64()),
        reached: first.as_secs_f64() <= 1.0,
    }];
    rows.extend(search::measure(&names)?);
    if let Some(list) = list {
        rows.push(search::exact_names(&fs::read_to_string(list).with_context(|| format!("{list} cannot be read"))?)?);
    }
    let memory = anonymous_memory(server.0.id()) >> 10;
    rows.push(Row {
        what: "memory while serving, anonymous",
        must: "<= 400 MiB",
        measured: format!("{memory} MiB"),
        reached: memory <= 400,
    });
    Ok((packages, names, rows))
}

/// How long pages are asked for by several connections at once.
const PAGES_FOR: Duration = Duration::from_secs(10);
/// As many as there are cores.
const CONNECTIONS: usize = 2;

/// Pages of 2,000 packages with made-up details: every one once over one connection, then as many as can be over several.
fn measure_pages(program: &Path, data: &Path, names: &[String]) -> anyhow::Result<Vec<Row>> {
    let lines = data.join("bench.ndjson");
    let mut file = std::io::BufWriter::new(fs::File::create(&lines)?);
    for (number, name) in names.iter().enumerate() {
        writeln!(file, "{}", testkit::packument(name, number as u64))?;
    }
    file.into_inner()?.sync_all()?;
    println!("$ pkgstats import, {} made-up packuments of {} MiB", names.len(), fs::metadata(&lines)?.len() >> 20);
    let began = Instant::now();
    run(command(program, data).arg("import").arg(&lines))?;
    println!("stored, rendered and indexed in {:.1} s", began.elapsed().as_secs_f64());
    let server = Server(command(program, data).args(["serve", "--listen", ADDRESS]).stderr(Stdio::null()).spawn()?);
    let started = Instant::now();
    let mut connection = loop {
        match Connection::open() {
            Ok(connection) => break connection,
            Err(error) if started.elapsed() > Duration::from_secs(60) => return Err(error.context("the server does not answer")),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let paths: Vec<String> = names.iter().map(|name| format!("/pkg:{name}")).collect();
    let (mut times, mut bytes) = (Vec::with_capacity(paths.len()), 0);
    for path in &paths {
        let began = Instant::now();
        bytes += connection.fetch(path)?.len();
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share| percentile(&times, share);
    println!("{} pages of {} kB on average; slowest {:.1} ms", paths.len(), bytes / paths.len().max(1) / 1000, at(1.0));
    let until = Instant::now() + PAGES_FOR;
    let answered: usize = std::thread::scope(|scope| {
        let ask = |first: usize| {
            let paths = &paths;
            scope.spawn(move || -> anyhow::Result<usize> {
                let mut connection = Connection::open()?;
                let mut answered = 0;
                for path in paths.iter().cycle().skip(first) {
                    if Instant::now() >= until {
                        break;
                    }
                    connection.fetch(path)?;
                    answered += 1;
                }
                Ok(answered)
            })
        };
        let asking: Vec<_> = (0..CONNECTIONS).map(|number| ask(number * 997)).collect();
        asking.into_iter().map(|one| one.join().unwrap_or_else(|_| bail!("a connection failed"))).sum::<anyhow::Result<usize>>()
    })?;
    let (median, high, rate) = (at(0.5), at(0.99), answered as f64 / PAGES_FOR.as_secs_f64());
    let memory = anonymous_memory(server.0.id()) >> 10;
    Ok(vec![
        Row {
            what: "package page, 2,000 different ones, first requests",
            must: "p50 <= 1.5 ms, p99 <= 8 ms",
            measured: format!("p50 {median:.2} ms, p99 {high:.2} ms"),
            reached: median <= 1.5 && high <= 8.0,
        },
        Row {
            what: "package pages, two connections kept open",
            must: ">= 3000 requests/s",
            measured: format!("{rate:.0}/s"),
            reached: rate >= 3_000.0,
        },
        Row { what: "memory after these pages, anonymous", must: "<= 400 MiB", measured: format!("{memory} MiB"), reached: memory <= 400 },
    ])
}

/// Of values that ascend.
fn percentile(values: &[f64], share: f64) -> f64 {
    values.get((share * (values.len().saturating_sub(1)) as f64) as usize).copied().unwrap_or(f64::INFINITY)
}

/// Kibibytes.
fn anonymous_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
