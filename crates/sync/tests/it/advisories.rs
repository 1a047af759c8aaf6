//! Reading known vulnerabilities: what is asked, of whom, and how often.

use model::Severity;
use serde_json::{Value, json};
use store::KnownAdvisories;
use sync::Reading;
use testkit::{Fault, hurry};

use crate::NOW;
use crate::reading::{Reads, name, reads};

const BULK: &str = "/-/npm/v1/security/advisories/bulk";

fn document(package: &str, versions: &[&str], needs: &Value) -> Value {
    let manifests: serde_json::Map<String, Value> =
        versions.iter().map(|version| ((*version).to_owned(), json!({"dependencies": needs, "dist": {}}))).collect();
    json!({"name": package, "versions": manifests, "dist-tags": {"latest": versions[0]}, "readme": "x", "maintainers": [{"name": "jane"}]})
}

fn advisory(title: &str, range: &str) -> Value {
    json!({"id": 1, "url": "https://advisories.example/1", "title": title, "severity": "high", "vulnerable_versions": range,
        "cwe": ["CWE-79"], "cvss": {"score": 7.5, "vectorString": null}})
}

async fn read(reads: &Reads, package: &str, versions: &[&str], needs: &Value) {
    reads.registry.set_document(package, document(package, versions, needs));
    assert_eq!(reads.reader.read_package(&name(package)).await.expect("read"), Reading::Stored);
}

async fn known(reads: &Reads, package: &str) -> Option<KnownAdvisories> {
    let store = &reads.reader.context.store;
    let id = store.by_name(&name(package)).await.expect("read").expect("stored").id;
    store.advisories_of(&[id]).await.expect("read").remove(&id)
}

fn asked(reads: &Reads) -> Vec<Value> {
    let requests = reads.registry.requests();
    requests.iter().filter(|request| request.path == BULK).map(|request| serde_json::from_str(&request.body).expect("JSON")).collect()
}

#[tokio::test]
async fn a_package_and_what_it_needs() {
    let reads = reads().await;
    read(&reads, "constructor", &["1.0.0"], &json!({})).await;
    read(&reads, "tool", &["2.0.0", "1.0.0"], &json!({"constructor": "^1.0.0", "never-heard-of": "*"})).await;
    reads.registry.set_advisories("constructor", vec![advisory("Crash", "<1.1.0"), advisory("Long ago", "<0.5.0")]);
    reads.registry.set_advisories("tool", vec![advisory("Leak", "<2.0.0")]);
    assert_eq!(reads.reader.read_package_advisories(&name("tool")).await.expect("read"), Reading::Stored);
    assert_eq!(asked(&reads), [json!({"tool": ["2.0.0", "1.0.0"], "constructor": ["1.0.0"]})]);
    let found = known(&reads, "constructor").await.expect("checked");
    assert_eq!((found.checked_at, found.advisories.len()), (NOW, 1));
    assert_eq!((found.advisories[0].title.as_str(), found.advisories[0].severity), ("Crash", Severity::High));
    let own = known(&reads, "tool").await.expect("checked").advisories;
    assert_eq!([own[0].affects("1.0.0"), own[0].affects("2.0.0")], [Some(true), Some(false)]);
    // Asked once a day.
    assert_eq!(reads.reader.read_package_advisories(&name("tool")).await.expect("read"), Reading::Unchanged);
    assert_eq!(asked(&reads).len(), 1);
    assert_eq!(reads.reader.read_package_advisories(&name("no-such")).await.expect("read"), Reading::Unchanged);
}

#[tokio::test]
async fn a_user_with_many_packages() {
    let reads = reads().await;
    let hits = (0..250)
        .map(|number| json!({"package": {"name": format!("p{number:04}"), "version": "1.0.0", "maintainers": [{"username": "jane"}]}}))
        .collect();
    reads.registry.set_user("jane", hits);
    let hurry = hurry();
    reads.reader.read_user("jane").await.expect("read");
    assert_eq!(reads.reader.read_user_advisories("jane").await.expect("read"), Reading::Stored);
    drop(hurry);
    let sizes: Vec<usize> = asked(&reads).iter().map(|body| body.as_object().expect("an object").len()).collect();
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(known(&reads, "p0249").await, Some(KnownAdvisories { checked_at: NOW, versions: 1, advisories: vec![] }));
    // Of one of them more versions become known: all of these are asked about, and of the others nothing again.
    read(&reads, "p0007", &["1.1.0", "1.0.0", "0.9.0"], &json!({})).await;
    assert_eq!(reads.reader.read_user_advisories("jane").await.expect("read"), Reading::Stored);
    assert_eq!(asked(&reads)[3..], [json!({"p0007": ["1.1.0", "1.0.0", "0.9.0"]})]);
    assert_eq!(known(&reads, "p0007").await.map(|known| known.versions), Some(3));
}

#[tokio::test]
async fn registries_that_do_not_tell() {
    let reads = reads().await;
    read(&reads, "tool", &["1.0.0"], &json!({})).await;
    let check = async |fault: Fault, part: &str| {
        reads.registry.fail(BULK, [fault]);
        let error = reads.reader.read_package_advisories(&name("tool")).await.expect_err("an error").to_string();
        assert!(error.contains(part), "{error}");
        assert_eq!(known(&reads, "tool").await, None, "unknown stays unknown");
    };
    for status in [404, 405, 410] {
        reads.registry.fail(BULK, [Fault::Status(status, vec![], String::new())]);
        assert_eq!(reads.reader.read_package_advisories(&name("tool")).await.expect("asked"), Reading::Missing);
        assert_eq!(known(&reads, "tool").await, None, "unknown stays unknown");
    }
    check(Fault::Status(400, vec![], r#"{"message":"Invalid request payload input"}"#.to_owned()), "Invalid request payload input").await;
    check(Fault::Status(302, vec![("location", "/elsewhere".to_owned())], String::new()), "302").await;
    check(Fault::Body(b"<html>".to_vec()), "not an object of lists").await;
}
