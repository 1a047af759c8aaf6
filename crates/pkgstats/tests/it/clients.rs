//! Clients of npm's APIs that are not ours. Searching: npm itself, its library, and Verdaccio with this server behind it. Downloads: two
//! libraries that ask npm's downloads API.
//!
//! `cargo xtask test` installs them at the versions of `tests/clients/package.json`.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::folder;

use crate::{Server, get, ok};

/// Folder with the clients.
const CLIENTS: &str = "PKGSTATS_TEST_CLIENTS";
/// Until Verdaccio serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// Packages that all have the word `thousands`.
const MANY: usize = 3_000;

fn clients() -> PathBuf {
    let folder = std::env::var_os(CLIENTS).unwrap_or_else(|| panic!("{CLIENTS} is not set; `cargo xtask test` installs the clients"));
    PathBuf::from(folder)
}

/// Packages with details and without.
fn lines() -> String {
    let mut lines = vec![
        json!({"downloads": {"monthly": 9_000_000, "weekly": 2_000_000}, "package": {"name": "sunny-date-picker", "version": "4.5.6",
            "keywords": ["date", "picker"], "description": "A date picker for sunny days", "license": "MIT", "date": "2026-01-19T06:33:43.982Z",
            "publisher": {"username": "jane", "email": "jane@mail.example"}, "maintainers": [{"username": "jane", "email": "jane@mail.example"}],
            "links": {"npm": "https://www.npmjs.com/package/sunny-date-picker", "homepage": "https://sunny.example",
                "repository": "git+https://github.com/jane/sunny.git", "bugs": "https://github.com/jane/sunny/issues"}}}),
        json!({"package": {"name": "@sky/date-picker"}}),
        json!({"package": {"name": "odd-words", "version": "1.0.0", "description": "Tabs\tand \u{1b}[31mcolours\u{1b}[0m <b>and</b> “quotes”"}}),
    ];
    lines.extend((0..MANY).map(|number| {
        json!({"downloads": {"monthly": 10 * number}, "package": {"name": format!("one-of-thousands-{number}"), "version": "1.0.0"}})
    }));
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Verdaccio, ended with the test.
struct Verdaccio {
    child: Child,
    address: String,
}

impl Verdaccio {
    /// Everything it is asked for it asks the server behind it for.
    fn start(folder: &Path, behind: &str) -> Self {
        let config = folder.join("config.yaml");
        let text = format!(
            "storage: ./storage\nuplinks:\n  pkgstats:\n    url: {behind}/\n    timeout: 10s\npackages:\n  '**':\n    access: $all\n    proxy: pkgstats\n\
             web:\n  enable: false\nlog: {{ type: stdout, format: json, level: info }}\n"
        );
        std::fs::write(&config, text).expect("writable");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let address = format!("http://127.0.0.1:{port}");
        let mut child = Command::new("node")
            .arg(clients().join("node_modules/verdaccio/bin/verdaccio"))
            .arg("--config")
            .arg(&config)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is there; `cargo xtask test` installs it");
        let stdout = child.stdout.take().expect("piped");
        let verdaccio = Self { child, address };
        let (sender, lines) = mpsc::channel();
        // It reads until Verdaccio ends, so that it is never held up by what it prints.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains("http address")) {
            said.push(lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("Verdaccio does not serve: {said:?}")));
        }
        verdaccio
    }
}

impl Drop for Verdaccio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn real_clients_search() {
    let (data, work) = (folder(), folder());
    let file = data.path().join("lines.ndjson");
    std::fs::write(&file, lines()).expect("writable");
    ok(data.path(), &["import", file.to_str().expect("text"), "--observed-at", "2026-11-23T00:00:00Z"]);
    let server = Server::start(data.path());
    npm(&server.address, work.path());
    libnpmsearch(&server.address);
    let verdaccio = Verdaccio::start(work.path(), &server.address);
    through_verdaccio(&verdaccio.address, work.path());
    server.stop();
}

fn run_npm(address: &str, cache: &Path, arguments: &[&str]) -> String {
    let npm = std::env::var_os("PKGSTATS_TEST_NPM").unwrap_or_else(|| "npm".into());
    let output = Command::new(npm)
        .args(["search", "--no-color", "--fetch-retries", "0", "--registry", address, "--cache"])
        .arg(cache.join("npm-cache"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("npm is there; `cargo xtask test` installs it");
    assert!(output.status.success(), "npm search {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Every way in which npm shows hits, of packages known well and by name only.
fn npm(address: &str, cache: &Path) {
    let text = run_npm(address, cache, &["sunny", "date", "picker"]);
    for part in ["sunny-date-picker", "A date picker for sunny days", "4.5.6", "2026-01-19", "jane"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let parseable = run_npm(address, cache, &["--parseable", "sunny-date-picker"]);
    let columns: Vec<&str> = parseable.lines().next().expect("a line").split('\t').collect();
    assert_eq!(columns, ["sunny-date-picker", "A date picker for sunny days", "2026-01-19", "4.5.6", "date,picker"]);
    for options in [&["--long"][..], &["--no-description"], &["--parseable"]] {
        let text = run_npm(address, cache, &[options, &["@sky/date-picker"]].concat());
        assert!(text.contains("@sky/date-picker"), "{options:?}: {text}");
    }
    let found: Value = serde_json::from_str(&run_npm(address, cache, &["--json", "--searchlimit", "7", "thousands"])).expect("JSON");
    assert_eq!(found.as_array().map(Vec::len), Some(7));
    let found: Value = serde_json::from_str(&run_npm(address, cache, &["--json", "keywords:picker"])).expect("JSON");
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!((&found[0]["name"], &found[0]["maintainers"][0]["username"]), (&json!("sunny-date-picker"), &json!("jane")));
    let excluded = run_npm(address, cache, &["--searchexclude", "sunny", "--parseable", "date", "picker"]);
    assert!(excluded.contains("@sky/date-picker") && !excluded.contains("sunny-date-picker"), "{excluded}");
    assert!(run_npm(address, cache, &["odd-words"]).contains("odd-words"));
    assert!(run_npm(address, cache, &["--json", "qqqqqqqqzzzzzzzz"]).trim() == "[]");
}

fn with_library(address: &str, searches: &Value) -> Vec<Value> {
    let output = Command::new("node")
        .arg(clients().join("search.mjs"))
        .args([address, &searches.to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("node is there; `cargo xtask test` installs it");
    assert!(output.status.success(), "{searches}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn libnpmsearch(address: &str) {
    let orders = ["optimal", "quality", "popularity", "maintenance"].map(|order| json!(["sunny date picker", {"sortBy": order}]));
    for found in with_library(address, &json!(orders)) {
        assert_eq!((&found[0]["name"], &found[0]["date"]), (&json!("sunny-date-picker"), &json!("2026-01-19T06:33:43.000Z")));
    }
    let found = with_library(address, &json!([[["sunny", "date"], {"detailed": true, "limit": 1}]]));
    assert_eq!(found[0][0]["downloads"]["weekly"], 2_000_000);
    assert!(found[0][0]["searchScore"].is_number() && found[0][0]["score"]["detail"]["popularity"].is_number(), "{}", found[0]);
    // Page after page, each in a request of its own: nothing twice, nothing lost.
    let pages: Vec<Value> = (0..MANY.div_ceil(250)).map(|page| json!(["thousands", {"limit": 250, "from": page * 250}])).collect();
    let found = with_library(address, &json!(pages));
    let names: Vec<&str> = found.iter().flat_map(|page| page.as_array().expect("hits")).filter_map(|hit| hit["name"].as_str()).collect();
    assert_eq!((names.len(), names.iter().collect::<HashSet<_>>().len()), (MANY, MANY));
    assert_eq!(with_library(address, &json!([["thousands", {"from": MANY}]])), [json!([])]);
}

/// Verdaccio asks this server, and passes on what has every word in its name or description.
fn through_verdaccio(address: &str, cache: &Path) {
    let (status, body) = get(address, "/-/v1/search?text=sunny%20date&size=5");
    assert_eq!((status, &body["total"], &body["objects"][0]["package"]["name"]), (200, &json!(1), &json!("sunny-date-picker")), "{body}");
    assert_eq!(body["objects"][0]["downloads"]["monthly"], 9_000_000, "all of it is passed on");
    let (_, body) = get(address, "/-/v1/search?text=thousands&size=250");
    assert_eq!(body["objects"].as_array().map(Vec::len), Some(250), "also of a full page");
    let found: Value = serde_json::from_str(&run_npm(address, cache, &["--json", "sky"])).expect("JSON");
    assert_eq!(found[0]["name"], "@sky/date-picker");
    assert_eq!(with_library(address, &json!([["sunny-date-picker", {}]]))[0][0]["version"], "4.5.6");
    let (status, body) = get(address, "/-/v1/search?text=qqqqqqqqzzzzzzzz");
    assert_eq!((status, &body["objects"]), (200, &json!([])), "nothing is found");
}

/// A week and a hole before it: `2026-11-10` is lost, the whole of it is counted to `2026-11-21`.
async fn put_downloads(data: &Path) {
    let store = store::Store::open(&store::Place::Sqlite(data.join("pkgstats.db"))).await.expect("opens");
    let day = |text: &str| model::Day::parse(text).expect("a day");
    let (first, last) = (day("2026-01-01"), day("2026-11-21"));
    let series = |factor: u64| {
        let range = model::DayRange { first, last };
        let count = |at: model::Day| {
            if at == day("2026-11-10") {
                model::DayCount::Hole
            } else {
                model::DayCount::Known(factor * u64::from(at.day_of_month().unsigned_abs()))
            }
        };
        model::Series { first, days: range.iter().map(count).collect() }
    };
    let ids = store.named(&["sunny-date-picker", "@sky/date-picker"]).await.expect("read");
    let pieces =
        [(store::WHOLE_REGISTRY, series(1_000_000)), (ids["sunny-date-picker"].id, series(10)), (ids["@sky/date-picker"].id, series(3))];
    store.put_days(&pieces, day("2026-11-22").start_seconds()).await.expect("stored");
    store.close().await;
}

#[tokio::test]
async fn real_clients_count_downloads() {
    let data = folder();
    let file = data.path().join("lines.ndjson");
    std::fs::write(&file, lines()).expect("writable");
    ok(data.path(), &["import", file.to_str().expect("text"), "--observed-at", "2026-11-22T00:00:00Z"]);
    put_downloads(data.path()).await;
    tokio::task::spawn_blocking(move || {
        let server = Server::start(data.path());
        let calls = json!([
            ["range", "2026-11-08", "2026-11-12", "sunny-date-picker"],
            ["range", "2026-01-05", "2026-11-21", "@sky/date-picker"],
            ["point", "last-week", "sunny-date-picker"],
            ["point", "last-day", "@sky/date-picker"],
            ["point", "last-month", ""],
            ["point", "last-week", "no-such-package"],
            ["stat", "sunny-date-picker", "2026-11-01", "2026-11-07"],
            ["stat", "sunny-date-picker,@sky/date-picker", "2026-11-20", "2026-11-21"],
        ]);
        let output = Command::new("node")
            .arg(clients().join("downloads.mjs"))
            .args([&server.address, &calls.to_string()])
            .stdin(Stdio::null())
            .output()
            .expect("node is there; `cargo xtask test` installs it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        let days: Vec<&str> = found[0].as_array().expect("days").iter().filter_map(|day| day["day"].as_str()).collect();
        assert_eq!(days, ["2026-11-08", "2026-11-09", "2026-11-11", "2026-11-12"], "a day that npm lost is not there");
        let days = found[1].as_array().expect("days");
        // The library asks for 300 days at a time, and for the days at the seams twice.
        assert!(days.len() >= 320 && days.iter().all(|day| day["downloads"].is_u64()), "{}", days.len());
        assert_eq!(found[2], json!({"downloads": 10 * (15 + 16 + 17 + 18 + 19 + 20 + 21), "start": "2026-11-15", "end": "2026-11-21", "package": "sunny-date-picker"}));
        assert_eq!((&found[3]["downloads"], &found[3]["package"]), (&json!(63), &json!("@sky/date-picker")));
        assert_eq!((&found[4]["start"], found[4].get("package")), (&json!("2026-10-23"), None), "the whole registry has no name");
        assert!(found[5]["error"].is_string(), "{}", found[5]);
        assert!(found[6].to_string().contains(&(10 * (1 + 2 + 3 + 4 + 5 + 6 + 7)).to_string()), "{}", found[6]);
        assert!(found[7].to_string().contains("@sky/date-picker"), "scoped names in bulk: {}", found[7]);
        server.stop();
    })
    .await
    .expect("ran");
}
