//! The program as people run it.

mod clients;
mod kills;
mod show;
mod statistics;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use testkit::{folder, write_lists};

/// The program on a data directory, with no configuration but ours.
fn pkgstats(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pkgstats"));
    command.env("PKGSTATS_DATA", data).env("PKGSTATS_OFFLINE", "true").env_remove("PKGSTATS_LOG").stdin(Stdio::null());
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    pkgstats(data).args(arguments).output().expect("the program starts")
}

fn ok(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json(data: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&ok(data, arguments)).expect("JSON")
}

fn fails(data: &Path, arguments: &[&str], code: i32, message: &str) {
    let output = run(data, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(error.contains(message), "{arguments:?}: {error:?} lacks {message:?}");
}

/// Packages, indexed, and no problems.
fn doctor(data: &Path) -> (u64, u64) {
    let found = json(data, &["doctor", "--json"]);
    assert_eq!(found["problems"], serde_json::json!([]));
    (found["packages"].as_u64().expect("a number"), found["indexed"].as_u64().expect("a number"))
}

/// A server, ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    fn start_with(data: &Path, more: &[&str]) -> Self {
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
        let mut child = pkgstats(data).args(arguments).args(more).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = lines
            .find_map(|line| serde_json::from_str::<Value>(&line.ok()?).ok()?["fields"]["address"].as_str().map(str::to_owned))
            .expect("it says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        assert!(self.child.wait().expect("it ends").success(), "asked to end, it ends well");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn from_lists_to_hits() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 2_000) as u64;
    let from = lists.path().to_str().expect("text");
    fails(data.path(), &["search", "react"], 1, "pkgstats fill");
    let report = json(data.path(), &["fill", "--from", from, "--json"]);
    assert_eq!((report["packages"].as_u64(), report["indexed"].as_u64()), (Some(packages), Some(packages)));
    assert!(ok(data.path(), &["fill", "--from", from]).starts_with("nothing new"));
    assert_eq!(doctor(data.path()), (packages, packages));
    let page = json(data.path(), &["--json", "search", "@types/node", "--size", "3"]);
    assert_eq!(page["hits"][0]["name"], "@types/node");
    assert_eq!(page["hits"][0]["downloads"]["as_of"], "snapshot 2026-03");
    for name in ["JSONStream", "constructor", "-", "a", "12345"] {
        assert!(ok(data.path(), &["search", name]).contains(&format!(" {name} ")), "{name}");
    }
    assert!(ok(data.path(), &["search", "expresss"]).contains(" express "));
    fails(data.path(), &["search", "qqqqqqqqzzzzzzzz"], 3, "nothing matches");
    assert_eq!(json(data.path(), &["reindex", "--json"])["indexed"].as_u64(), Some(packages));
    assert_eq!(doctor(data.path()), (packages, packages));
}

#[test]
fn mistakes_are_explained() {
    let data = folder();
    fails(data.path(), &["frobnicate"], 2, "unrecognized subcommand");
    fails(data.path(), &["search"], 2, "required");
    fails(data.path(), &["fill"], 1, "--from DIR");
    fails(data.path(), &["fill", "--from", "/no/such/folder"], 1, "is no folder");
    fails(data.path(), &["import", "/no/such/file"], 1, "/no/such/file cannot be read");
    fails(data.path(), &["search", &"x".repeat(513)], 1, "at most 512 characters");
    fails(data.path(), &["--database", "postgres://jane:canary@127.0.0.1:1/x", "doctor"], 1, "postgres://127.0.0.1:1/x");
    let output = run(data.path(), &["--database", "postgres://jane:canary@127.0.0.1:1/x", "doctor"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("canary"));
    let output =
        Command::new(env!("CARGO_BIN_EXE_pkgstats")).arg("--help").env("PKGSTATS_DATABASE", "postgres://canary").output().expect("runs");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("canary"));
}

#[test]
fn importing() {
    let data = folder();
    let file = data.path().join("lines.ndjson");
    std::fs::write(&file, "{\"package\":{\"name\":\"vue\",\"version\":\"3.5.27\"}}\n{bad\n").expect("writable");
    let output = run(data.path(), &["import", file.to_str().expect("text"), "--observed-at", "2026-02-03T00:00:00Z"]);
    assert_eq!(output.status.code(), Some(1), "one line was bad");
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2: not JSON"), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 lines: 1 packages new"), "{output:?}");
    let page = json(data.path(), &["search", "vue", "--json"]);
    assert_eq!(page["hits"][0]["observed"], "2026-02-03T00:00:00Z");
    let mut child =
        pkgstats(data.path()).args(["import", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(b"{\"package\":{\"name\":\"vuex\"}}\n").expect("written");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["added"], 1);
    assert_eq!(doctor(data.path()), (2, 2));
}

#[test]
fn beside_a_running_server() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 1_000) as u64;
    let from = lists.path().to_str().expect("text");
    let server = Server::start(data.path());
    let (status, body) = get(&server.address, "/healthz");
    assert_eq!((status, body["status"].as_str()), (200, Some("filling")), "it serves before there is anything");
    wait_for_the_lease(data.path());
    let report = json(data.path(), &["fill", "--from", from, "--json"]);
    assert_eq!(report["packages"].as_u64(), Some(packages), "the server did it");
    assert_eq!(json(data.path(), &["reindex", "--json"])["indexed"].as_u64(), Some(packages));
    let mut child = pkgstats(data.path()).args(["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("piped").write_all(b"{\"package\":{\"name\":\"brand-new-thing\"}}\n").expect("written");
    assert!(child.wait_with_output().expect("ends").status.success());
    assert!(ok(data.path(), &["search", "brand-new-thing"]).contains("brand-new-thing"));
    let found = json(data.path(), &["doctor", "--json"]);
    assert!(found["writer"].as_str().is_some_and(|writer| writer.contains("serve")), "{found}");
    // A second server on the same data reads only, and answers.
    let second = Server::start(data.path());
    for server in [&server, &second] {
        let found = (0..50).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let (status, body) = get(&server.address, "/-/v1/search?text=brand-new-thing");
            (status == 200 && body["objects"][0]["package"]["name"] == "brand-new-thing").then_some(())
        });
        assert!(found.is_some(), "the servers see what was imported");
    }
    second.stop();
    real_npm_searches(&server.address, data.path());
    server.stop();
    assert_eq!(doctor(data.path()), (packages + 1, packages + 1));
}

/// npm's own client, at the version that the test command installs.
fn real_npm_searches(address: &str, cache: &Path) {
    let npm = std::env::var_os("PKGSTATS_TEST_NPM").unwrap_or_else(|| "npm".into());
    let npm = |arguments: &[&str]| {
        let output = Command::new(&npm)
            .args(arguments)
            .args(["--registry", address, "--cache"])
            .arg(cache.join("npm-cache"))
            .output()
            .expect("npm is there; `cargo xtask test` installs it");
        assert!(output.status.success(), "npm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(npm(&["search", "brand", "new", "thing"]).contains("brand-new-thing"));
    let found: Value = serde_json::from_str(&npm(&["search", "--json", "JSONStream"])).expect("JSON");
    assert_eq!(found[0]["name"], "JSONStream");
    npm(&["ping"]);
}

fn wait_for_the_lease(data: &Path) {
    let held = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        json(data, &["doctor", "--json"])["writer"].is_string()
    });
    assert!(held, "the server takes the lease");
}

/// One request with a connection of its own.
fn get(address: &str, path: &str) -> (u16, Value) {
    let host = address.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("written");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
