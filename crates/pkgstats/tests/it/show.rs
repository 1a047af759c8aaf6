//! Packages and users in the terminal, read from a registry when they are not stored.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{FakeRegistry, Fault, folder, integrity, tarball, write_lists};

use super::{Server, fails, ok, pkgstats};

const README: &str = "# left\n\n## Usage\n\nRun `npm i` and read [the manual](https://example.com/manual).\n\n```js\nlet x = 1;\n```\n";

/// The program with a registry to ask.
async fn online(data: &Path, registry: &FakeRegistry, arguments: &[&str]) -> Output {
    let mut command = pkgstats(data);
    command.env("PKGSTATS_OFFLINE", "false").args(["--registry", &registry.url()]).args(arguments);
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("ran")
}

async fn shown(data: &Path, registry: &FakeRegistry, arguments: &[&str]) -> String {
    let output = online(data, registry, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", error(&output));
    assert!(!error(&output).contains("registry"), "{arguments:?}: {}", error(&output));
    String::from_utf8(output.stdout).expect("text")
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn has(text: &str, parts: &[&str]) {
    // Columns are as wide as their widest cell.
    let single: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for part in parts {
        assert!(single.iter().any(|line| line.contains(part)), "{part:?} is not in\n{text}");
    }
}

/// A document of two versions, the newer of which brings its README itself, the older in its tarball.
fn document(registry: &FakeRegistry, name: &str) -> Value {
    let base = name.rsplit('/').next().expect("a name");
    let bytes = tarball(&[("package/package.json", b"{}"), ("package/README.md", b"# left\n\nThe *old* words.\n")]);
    let path = format!("/{name}/-/{base}-1.0.0.tgz");
    registry.set_answer(&path, 200, Vec::new(), bytes.clone());
    json!({
        "_id": name, "name": name, "readme": README, "readmeFilename": "README.md",
        "dist-tags": {"latest": "2.0.0", "old": "1.0.0"},
        "time": {"created": "2020-01-01T00:00:00Z", "1.0.0": "2020-01-01T00:00:00Z", "2.0.0": "2021-02-03T00:00:00Z"},
        "maintainers": [{"name": "jane"}, {"name": "joe"}],
        "versions": {
            "1.0.0": {
                "name": name, "version": "1.0.0", "deprecated": "too old",
                "dist": {"tarball": format!("{}{path}", registry.url()), "integrity": integrity(&bytes)},
            },
            "2.0.0": {
                "name": name, "version": "2.0.0", "description": "Pads to the left", "license": "MIT", "type": "module",
                "types": "index.d.ts", "engines": {"node": ">=18"}, "homepage": "https://example.com", "main": "index.js",
                "repository": "github:jane/left", "maintainers": [{"name": "jane"}, {"name": "joe"}], "_npmUser": {"name": "jane"},
                "dependencies": (0..15).map(|number| (format!("dependency-{number:02}"), json!("^1.0.0"))).collect::<serde_json::Map<_, _>>(),
                "peerDependencies": {"react": "*"}, "scripts": {"postinstall": "node ./install.js"},
                "dist": {"tarball": format!("{}/none.tgz", registry.url()), "shasum": "00", "unpackedSize": 2048, "fileCount": 1},
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_read_once_and_shown() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.set_document("left", document(&registry, "left"));
    let text = shown(data.path(), &registry, &["show", "left"]).await;
    has(
        &text,
        &[
            "left 2.0.0",
            "Pads to the left",
            "published 2021-02-03, ",
            "install npm install left",
            "downloads unknown",
            "licence MIT",
            "types its own",
            "modules ECMAScript",
            "engines node >=18",
            "size 2.00 KiB unpacked, 1 file",
            "homepage https://example.com",
            "repository https://github.com/jane/left",
            "bugs none",
            "maintainers jane, joe",
            "publisher jane",
            "tags latest 2.0.0, old 1.0.0",
            "dependencies 15: dependency-00, dependency-01,",
            "dependency-09 and 5 more",
            "peers 1: react",
            "scripts run while it is installed: postinstall: node ./install.js",
            "readme stored; --readme prints it",
            "known details read ",
            "2.0.0 2021-02-03 2.00 KiB 1 latest",
            "1.0.0 2020-01-01 – – old, deprecated: too old",
        ],
    );
    assert!(!text.contains('\u{1b}'), "no colours where there is no terminal");
    assert_eq!(registry.count("/left"), 1);
    let all = ok(data.path(), &["show", "pkg:left", "--all"]);
    has(&all, &["dependency-14 ^1.0.0"]);
    let readme = shown(data.path(), &registry, &["show", "left", "--readme"]).await;
    has(&readme, &["left 2.0.0", "# Usage", "Run `npm i` and read the manual[1].", "let x = 1;", "[1] https://example.com/manual"]);
    let page: Value = serde_json::from_str(&ok(data.path(), &["show", "left", "--json"])).expect("JSON");
    assert_eq!((page["name"].as_str(), page["manifest"]["has_types"].as_bool()), (Some("left"), Some(true)));
    assert_eq!(registry.count("/left"), 1, "what is stored is not asked for again");
    shown(data.path(), &registry, &["show", "left", "--refresh"]).await;
    assert_eq!(registry.count("/left"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_and_names() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    for name in ["left", "@jane/left", "JSONStream"] {
        registry.set_document(name, document(&registry, name));
    }
    let old = shown(data.path(), &registry, &["show", "left@1.0.0"]).await;
    has(
        &old,
        &["left 1.0.0", "DEPRECATED: too old", "not the latest version, which is 2.0.0", "install npm install left@1.0.0", "size unknown"],
    );
    has(&shown(data.path(), &registry, &["show", "left@old", "--readme"]).await, &["left 1.0.0", "The *old* words."]);
    has(&ok(data.path(), &["show", "left@1.0.0", "--readme"]), &["The *old* words."]);
    has(&shown(data.path(), &registry, &["show", "https://www.npmjs.com/package/@jane/left/v/2.0.0"]).await, &["@jane/left 2.0.0"]);
    has(&shown(data.path(), &registry, &["show", "JSONStream"]).await, &["JSONStream 2.0.0", "npm install JSONStream"]);
    let output = online(data.path(), &registry, &["show", "left@9.9.9"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(error(&output).contains("left has no version or tag 9.9.9; the latest is 2.0.0; of 2 versions the newest are 2.0.0, 1.0.0"));
    assert_eq!(registry.count("/left"), 2, "it may have been published since");
    // Published since, and found.
    let mut newer = document(&registry, "left");
    newer["versions"]["9.9.9"] = json!({"name": "left", "version": "9.9.9", "dist": {}});
    registry.set_document("left", newer);
    has(&shown(data.path(), &registry, &["show", "left@9.9.9"]).await, &["left 9.9.9", "types none", "size unknown"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there() {
    let (data, lists, registry) = (folder(), folder(), FakeRegistry::start().await);
    write_lists(lists.path(), 1_000);
    ok(data.path(), &["fill", "--from", lists.path().to_str().expect("text")]);
    let output = online(data.path(), &registry, &["show", "expresss"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(error(&output).contains("there is no package expresss") && error(&output).contains("did you mean express?"), "{output:?}");
    fails(data.path(), &["show", "expresss"], 3, "--offline forbids asking the registry; did you mean express?");
    fails(data.path(), &["show", "date picker"], 2, "pkgstats search");
    fails(data.path(), &["show", "@jane"], 2, "pkgstats user jane");
    fails(data.path(), &["user", "@jane/left"], 2, "pkgstats show @jane/left");
    fails(data.path(), &["user", "nobody"], 3, "nothing is known of nobody");
    // Known by name only, and nobody can tell more.
    let text = ok(data.path(), &["show", "react"]);
    has(
        &text,
        &[
            "react",
            "published unknown",
            "licence unknown",
            "dependencies unknown",
            "in a month (snapshot 2026-03)",
            "details were not read",
        ],
    );
    fails(data.path(), &["show", "react", "--readme"], 3, "could not be read");
    fails(data.path(), &["show", "react@1.0.0"], 3, "the versions of react are not known");
    // The registry has it no more.
    let output = online(data.path(), &registry, &["show", "react"]).await;
    assert!(output.status.success() && error(&output).contains("the registry does not have react"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_cannot_be_asked() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.fail("/left", (0..6).map(|_| Fault::Status(503, Vec::new(), String::new())));
    let output = online(data.path(), &registry, &["show", "left"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(error(&output).contains("nothing is known of left, and the registry could not be asked"), "{output:?}");
    let file = data.path().join("lines.ndjson");
    std::fs::write(&file, "{\"package\":{\"name\":\"left\",\"version\":\"1.0.0\"}}\n").expect("writable");
    ok(data.path(), &["import", file.to_str().expect("text")]);
    let output = online(data.path(), &registry, &["show", "left"]).await;
    assert!(output.status.success() && error(&output).contains("this is what is stored"), "{output:?}");
    has(&String::from_utf8_lossy(&output.stdout), &["left 1.0.0", "from a search result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpublished_package() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.set_document(
        "gone",
        json!({"_id": "gone", "name": "gone", "time": {"created": "2019-01-01T00:00:00Z", "unpublished": {"time": "2020-05-06T00:00:00Z", "versions": ["1.0.0", "1.1.0"]}}}),
    );
    let text = shown(data.path(), &registry, &["show", "gone"]).await;
    has(&text, &["gone", "UNPUBLISHED: every version was taken back, 2020-05-06, ", "2 versions there were: 1.0.0, 1.1.0"]);
    assert!(!text.contains("npm install"), "{text}");
    let output = online(data.path(), &registry, &["show", "gone@1.0.0"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(error(&output).contains("it was unpublished on 2020-05-06"), "{output:?}");
}

fn hits(count: usize, user: &str) -> Vec<Value> {
    let hit = |number: usize| {
        json!({
            "package": {
                "name": format!("package-{number:03}"), "version": "1.0.0", "description": format!("Number {number}"),
                "date": "2021-02-03T00:00:00Z", "maintainers": [{"username": user}],
            },
            "downloads": {"monthly": number * 10, "weekly": number},
        })
    };
    (0..count).map(hit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_many_packages() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.set_user("jane", hits(600, "jane"));
    // After the first page, the registry has had enough.
    let watched = registry.clone();
    let busy = tokio::spawn(async move {
        while watched.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        watched.fail_search((0..3).map(|_| Fault::Status(429, vec![("retry-after", "0".to_owned())], String::new())));
    });
    let text = shown(data.path(), &registry, &["user", "@jane", "--size", "2"]).await;
    busy.await.expect("watched");
    has(
        &text,
        &[
            "@jane",
            "250 of 600 packages (asked just now)",
            "the registry wants to be asked less often",
            "package-249 1.0.0 2021-02-03 2,490/month",
        ],
    );
    assert!(!text.contains("package-247"), "{text}");
    // Asked again, all are there.
    let text = shown(data.path(), &registry, &["user", "jane", "--refresh", "--sort", "name", "--size", "1", "--from", "2"]).await;
    has(
        &text,
        &[
            "600 packages (asked just now)",
            "1,797,000 downloads in a month",
            "of all 600 packages",
            "package-002 1.0.0 2021-02-03 20/month",
        ],
    );
    let asked = registry.requests().len();
    let page: Value = serde_json::from_str(&shown(data.path(), &registry, &["user", "~jane", "--json"]).await).expect("JSON");
    assert_eq!((page["total"].as_u64(), page["packages"].as_array().map(Vec::len)), (Some(600), Some(50)));
    assert_eq!(registry.requests().len(), asked, "what was asked within a day is not asked again");
    let output = online(data.path(), &registry, &["user", "nobody"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_reads_on_behalf_of_others() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.set_document("left", document(&registry, "left"));
    registry.set_user("jane", hits(3, "jane"));
    let server = Server::start_with(data.path(), &["--registry", &registry.url(), "--offline=false"]);
    super::wait_for_the_lease(data.path());
    has(&shown(data.path(), &registry, &["show", "left"]).await, &["left 2.0.0", "licence MIT"]);
    has(&shown(data.path(), &registry, &["user", "jane"]).await, &["4 packages (asked just now)", "package-002 1.0.0", "left 2.0.0"]);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn details_after_a_fill() {
    let (data, lists, registry) = (folder(), folder(), FakeRegistry::start().await);
    write_lists(lists.path(), 1_000);
    let from = lists.path().to_str().expect("text");
    let output = online(data.path(), &registry, &["fill", "--from", from, "--details", "2", "--json"]).await;
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["details_read"], 0, "the registry has none of them");
    assert_eq!(registry.requests().len(), 2);
    has(&ok(data.path(), &["fill", "--from", from, "--details", "2"]), &["details of 0 packages read"]);
}

#[test]
fn completions_and_manual() {
    let (data, pages) = (folder(), folder());
    for shell in ["bash", "zsh", "fish"] {
        assert!(ok(data.path(), &["completions", shell]).contains("show"), "{shell}");
    }
    fails(data.path(), &["completions", "dos"], 2, "possible values");
    assert!(ok(data.path(), &["man"]).contains(".TH"));
    let out = pages.path().join("man1");
    ok(data.path(), &["man", "--out", out.to_str().expect("text")]);
    assert!(std::fs::read_to_string(out.join("pkgstats-show.1")).expect("written").contains(".TH"));
    assert!(std::fs::read_dir(data.path()).expect("readable").next().is_none(), "no data are needed for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn known_vulnerabilities() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    registry.set_document("left", document(&registry, "left"));
    let advisory = |title: &str, range: &str| json!({"id": 1, "url": "https://advisories.example/1", "title": title, "severity": "high", "vulnerable_versions": range});
    registry.set_advisories("left", vec![advisory("Pads too far", "<=2.0.0"), advisory("Old", "<2.0.0")]);
    registry.set_user("jane", vec![json!({"package": {"name": "left", "version": "2.0.0", "maintainers": [{"username": "jane"}]}})]);
    let text = shown(data.path(), &registry, &["show", "left"]).await;
    has(
        &text,
        &[
            "VULNERABLE (high): Pads too far, in <=2.0.0, https://advisories.example/1",
            "known vulnerabilities 1 in this version, 1 in others (asked on ",
            "1 known vulnerability (high): Pads too far",
        ],
    );
    has(
        &shown(data.path(), &registry, &["user", "jane"]).await,
        &["1 has known vulnerabilities, or needs what has, of 1 package asked about"],
    );
    assert_eq!(registry.count("/-/npm/v1/security/advisories/bulk"), 1, "asked once a day");
}
