//! The client against a registry that fails in every way registries do.

mod downloads;
mod images;
mod readme;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::PackageName;
use registry::{Client, Config, Error, Fetched, Layer, RetryPolicy, Validators};
use serde_json::{Value, json};
use testkit::{FakeRegistry, Fault, folder, tarball};

const QUICK: RetryPolicy = RetryPolicy {
    attempts: 4,
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(20),
    deadline: Duration::from_secs(20),
};

fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

fn client_with(registry: &FakeRegistry, npmrc: &str) -> Client {
    let text = format!("registry={}/\n{npmrc}", registry.url());
    let config = Config::from_layers(&[Layer { path: ".npmrc".into(), text }], &HashMap::new(), None).expect("readable");
    Client::new(config, QUICK).expect("a client")
}

fn client(registry: &FakeRegistry) -> Client {
    client_with(registry, "")
}

fn bytes(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

#[tokio::test]
async fn documents_and_versions() {
    let registry = FakeRegistry::start().await;
    registry.publish("@scope/lists", "2.9.0", tarball(&[("package/a", b"1")]), "2026-01-01T00:00:00.000Z");
    registry.publish("@scope/lists", "2.10.0", tarball(&[("package/a", b"2")]), "2026-03-21T00:48:47.363000+00:00");
    let versions = client(&registry).versions(&name("@scope/lists")).await.expect("versions");
    let all: Vec<&str> = versions.tarballs.iter().map(|tarball| tarball.version.as_str()).collect();
    assert_eq!(all, ["2.9.0", "2.10.0"]);
    let newest = versions.newest().expect("a newest");
    assert_eq!((newest.file_name().as_str(), newest.published_at), ("scope-lists-2.10.0.tgz", Some(1_774_054_127)));
    assert_eq!(registry.requests()[0].path, "/@scope%2flists");
}

#[tokio::test]
async fn errors_say_what_happened() {
    let registry = FakeRegistry::start().await;
    registry.publish("x", "1.0.0", tarball(&[("package/a", b"1")]), "2026-01-01T00:00:00Z");
    let client = client(&registry);
    let status = |status, body: &str| Fault::Status(status, vec![], body.to_owned());
    let check = async |fault: Fault, expected: &str| {
        registry.fail("/x", vec![fault; 8]);
        let error = client.packument(&name("x")).await.expect_err("an error").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        // Whatever faults were not met belong to this case.
        while client.packument(&name("x")).await.is_err() {}
    };
    check(status(401, r#"{"error":"Missing \"Bearer\" header."}"#), "401 Unauthorized: Missing \"Bearer\" header.").await;
    check(status(403, "<html>Sorry, you have been blocked</html>"), "answered 403 Forbidden").await;
    check(status(405, r#"{"code":"MethodNotAllowedError","message":"GET is not allowed"}"#), "GET is not allowed").await;
    check(status(400, r#"{"errors":[{"status":400,"message":"no such repository"}]}"#), "no such repository").await;
    check(status(522, ""), "522").await;
    check(Fault::Status(429, vec![("retry-after", "0".to_owned())], "<html>1015</html>".to_owned()), "429 Too Many Requests").await;
    check(Fault::Status(302, vec![("location", "/x".to_owned())], String::new()), "redirects in a circle").await;
    check(Fault::Status(302, vec![("location", "file:///etc/passwd".to_owned())], String::new()), "only http and https").await;
    check(Fault::Cut(0), "could not be read").await;
    check(Fault::Status(200, vec![("content-encoding", "gzip".to_owned())], "plain".to_owned()), "could not be read").await;
    let missing = client.packument(&name("constructor")).await.expect_err("not there");
    assert!(missing.is_not_found() && missing.to_string().contains("/constructor"));
    for body in ["null", "<html></html>", "{}", "[]"] {
        registry.fail("/y", [Fault::Body(body.into())]);
        let error = client.versions(&name("y")).await.expect_err("not a document");
        assert!(matches!(error, Error::NotADocument { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_does_not_is_not() {
    let registry = FakeRegistry::start().await;
    registry.publish("x", "1.0.0", tarball(&[("package/a", b"1")]), "2026-01-01T00:00:00Z");
    let passing = [
        Fault::Status(503, vec![], String::new()),
        Fault::Cut(10),
        Fault::Status(429, vec![("retry-after", "0".to_owned())], String::new()),
    ];
    registry.fail("/x", passing);
    client(&registry).versions(&name("x")).await.expect("the fourth attempt succeeds");
    assert_eq!(registry.count("/x"), 4);
    registry.fail("/z", vec![Fault::Status(403, vec![], String::new()); 3]);
    client(&registry).packument(&name("z")).await.expect_err("refused");
    assert_eq!(registry.count("/z"), 1);
}

#[tokio::test]
async fn a_registry_that_never_answers_is_given_up() {
    let registry = FakeRegistry::start().await;
    registry.fail("/x", vec![Fault::Hang; 4]);
    let config = Config::from_layers(&[], &HashMap::new(), Some(&registry.url())).expect("readable");
    let impatient = RetryPolicy { deadline: Duration::from_millis(300), ..QUICK };
    let error = Client::new(config, impatient).expect("a client").packument(&name("x")).await.expect_err("given up");
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn tokens_stay_with_their_host() {
    let (ours, theirs) = (FakeRegistry::start().await, FakeRegistry::start().await);
    theirs.publish("x", "1.0.0", tarball(&[("package/a", b"1")]), "2026-01-01T00:00:00Z");
    let host = ours.url().replace("http:", "");
    let client = client_with(&ours, &format!("{host}/:_authToken=canary\n"));
    ours.fail("/x", [Fault::Status(307, vec![("location", format!("{}/x?token=canary", theirs.url()))], String::new())]);
    let error = client.packument(&name("x")).await.expect_err("the other registry has no such path");
    assert_eq!(ours.requests()[0].authorization.as_deref(), Some("Bearer canary"));
    assert_eq!(theirs.requests()[0].authorization, None);
    assert!(!error.to_string().contains("canary"), "{error}");
    assert!(!format!("{client:?} {error:?}").contains("canary"));
    // A tarball elsewhere gets none either.
    let versions = client_with(&theirs, &format!("{host}/:_authToken=canary\n")).versions(&name("x")).await.expect("versions");
    client.download(versions.newest().expect("one"), folder().path(), |_, _| {}).await.expect("a download");
    assert!(theirs.requests().iter().all(|request| request.authorization.is_none()));
}

#[tokio::test]
async fn downloads_go_on_where_they_broke_off() {
    let registry = FakeRegistry::start().await;
    let content = bytes(200_000);
    registry.publish("x", "1.0.0", content.clone(), "2026-01-01T00:00:00Z");
    let client = client(&registry);
    let versions = client.versions(&name("x")).await.expect("versions");
    let tarball = versions.newest().expect("one");
    let path = "/x/-/x-1.0.0.tgz";
    registry.fail(path, [Fault::Cut(50_000), Fault::Status(503, vec![], String::new()), Fault::Cut(70_000)]);
    let there = folder();
    let mut seen = Vec::new();
    let file = client.download(tarball, there.path(), |done, _| seen.push(done)).await.expect("whole in the end");
    assert_eq!(std::fs::read(&file).expect("readable"), content);
    assert_eq!(seen.last(), Some(&200_000));
    let ranges: Vec<Option<String>> =
        registry.requests().into_iter().filter(|request| request.path == path).map(|request| request.range).collect();
    assert!(ranges.last().is_some_and(Option::is_some), "the last request continued: {ranges:?}");
    let before = registry.count(path);
    client.download(tarball, there.path(), |_, _| {}).await.expect("there already");
    assert_eq!(registry.count(path), before, "a whole file is not fetched again");
}

#[tokio::test]
async fn wrong_bytes_are_refused() {
    let registry = FakeRegistry::start().await;
    registry.publish("x", "1.0.0", bytes(1_000), "2026-01-01T00:00:00Z");
    let client = client(&registry);
    let versions = client.versions(&name("x")).await.expect("versions");
    let there = folder();
    registry.fail("/x/-/x-1.0.0.tgz", vec![Fault::Body(vec![7; 1_000]); 2]);
    let error = client.download(versions.newest().expect("one"), there.path(), |_, _| {}).await.expect_err("refused");
    assert!(matches!(error, Error::Integrity { .. }), "{error}");
    assert_eq!(std::fs::read_dir(there.path()).expect("readable").count(), 0, "nothing wrong stays");
    registry.fail("/x/-/x-1.0.0.tgz", [Fault::Body(vec![7; 1_000])]);
    client.download(versions.newest().expect("one"), there.path(), |_, _| {}).await.expect("the second fetch is right");
    // Half a file from another day is found out and replaced.
    let other = folder();
    std::fs::write(other.path().join("x-1.0.0.tgz.part"), vec![9; 500]).expect("writable");
    client.download(versions.newest().expect("one"), other.path(), |_, _| {}).await.expect("whole in the end");
}

#[tokio::test]
async fn a_tarball_without_a_hash_is_not_used() {
    let registry = FakeRegistry::start().await;
    registry.set_document(
        "x",
        serde_json::json!({"name": "x", "versions": {"1.0.0": {"dist": {"tarball": "https://registry.example/x.tgz"}}}}),
    );
    let error = client(&registry).versions(&name("x")).await.expect_err("unusable");
    assert!(matches!(error, Error::Unverifiable { .. }), "{error}");
}

#[tokio::test]
async fn large_tarballs_are_refused_where_small_ones_are_expected() {
    let registry = FakeRegistry::start().await;
    registry.publish("x", "1.0.0", bytes(50_000), "2026-01-01T00:00:00Z");
    let client = client(&registry);
    let versions = client.versions(&name("x")).await.expect("versions");
    let tarball = versions.newest().expect("one");
    let there = folder();
    // With a length, and without one.
    for fault in [None, Some(Fault::Status(200, vec![("transfer-encoding", "chunked".to_owned())], "x".repeat(50_000)))] {
        registry.fail("/x/-/x-1.0.0.tgz", fault);
        let error = client.download_capped(tarball, there.path(), 49_999, |_, _| {}).await.expect_err("too large");
        assert!(matches!(error, Error::TooLarge { limit: 49_999, .. }), "{error}");
        assert_eq!(std::fs::read_dir(there.path()).expect("readable").count(), 0, "nothing stays");
    }
    client.download_capped(tarball, there.path(), 50_000, |_, _| {}).await.expect("small enough");
}

#[tokio::test]
async fn documents_are_fetched_again_when_they_changed() {
    let registry = FakeRegistry::start().await;
    let client = client(&registry);
    let fetch = async |validators: &Validators| client.packument_if_changed(&name("x"), validators).await.expect("an answer");
    let changed = |fetched: Fetched| match fetched {
        Fetched::Document { validators, .. } => validators,
        Fetched::NotModified => panic!("it changed"),
    };
    registry.set_document("x", json!({"name": "x"}));
    let first = changed(fetch(&Validators::default()).await);
    assert!(first.etag.is_some() && first.last_modified.is_some());
    assert_eq!(fetch(&first).await, Fetched::NotModified);
    let date_only = Validators { etag: None, ..first.clone() };
    assert_eq!(fetch(&date_only).await, Fetched::NotModified);
    registry.set_document("x", json!({"name": "x", "description": "new"}));
    let second = changed(fetch(&first).await);
    assert_ne!(first, second);
    assert_eq!(changed(fetch(&date_only).await), second);
    let sent: Vec<_> = registry
        .requests()
        .iter()
        .map(|request| (request.if_none_match.clone(), request.headers.get("if-modified-since").cloned()))
        .collect();
    let (tag, date) = ((first.etag.clone(), None), (None, first.last_modified.clone()));
    assert_eq!(sent, [(None, None), tag.clone(), date.clone(), tag, date]);
    // A weak tag goes back as it came, and a document without a tag has none.
    registry.set_answer("/x", 200, vec![("etag", "W/\"a b\"".to_owned())], "{}");
    let weak = changed(fetch(&Validators::default()).await);
    assert_eq!(weak, Validators { etag: Some("W/\"a b\"".to_owned()), last_modified: None });
    fetch(&weak).await;
    assert_eq!(registry.requests().last().expect("a request").if_none_match, weak.etag);
    registry.set_answer("/x", 200, vec![], "{}");
    assert_eq!(changed(fetch(&weak).await), Validators::default());
    // Who asked for a document gets one, or an error.
    registry.set_answer("/x", 304, vec![], "");
    let error = client.packument(&name("x")).await.expect_err("no document");
    assert!(matches!(error, Error::NotADocument { .. }), "{error}");
}

#[tokio::test]
async fn searches() {
    let registry = FakeRegistry::start().await;
    let host = registry.url().replace("http:", "");
    let client = client_with(&registry, &format!("{host}/:_authToken=canary\n"));
    let hits: Vec<Value> = (0..300).map(|number| json!({"package": {"name": format!("x{number}")}})).collect();
    registry.set_user("jane+doe & co", hits);
    let search = async |text: &str, from: usize, size: usize| -> Value {
        let bytes = client.search(text, from, size).await.expect("an answer");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let page = search("maintainer:jane+doe & co", 40, 250).await;
    assert_eq!((page["objects"].as_array().map(Vec::len), page["total"].as_u64()), (Some(250), Some(300)));
    assert_eq!(page["objects"][0]["package"]["name"], "x40");
    assert_eq!(search("maintainer:jane+doe & co", 299, 900).await["objects"].as_array().map(Vec::len), Some(1));
    assert_eq!(search("maintainer:nobody", 0, 20).await["total"], 0);
    assert_eq!(registry.requests()[0].path, "/-/v1/search?text=maintainer%3Ajane%2Bdoe+%26+co&size=250&from=40");
    assert_eq!(registry.requests()[0].authorization.as_deref(), Some("Bearer canary"));
    let refused = client.search("x", 0, 20).await.expect_err("one letter").to_string();
    assert!(refused.contains("between 2 and 64") && !refused.contains("text="), "{refused}");
    registry.fail_search([Fault::Status(429, vec![("retry-after", "7".to_owned())], "<html>1015</html>".to_owned())]);
    let error = client.with_retry(RetryPolicy::once(Duration::from_secs(2))).search("maintainer:a", 0, 1).await.expect_err("too often");
    assert!(error.is_rate_limited() && error.retry_after() == Some(Duration::from_secs(7)), "{error}");
    registry.fail_search([Fault::Status(503, vec![], String::new())]);
    search("maintainer:a", 0, 1).await;
}

#[tokio::test]
async fn errors_tell_their_kind() {
    let registry = FakeRegistry::start().await;
    let once = client(&registry).with_retry(RetryPolicy::once(Duration::from_millis(300)));
    let check = async |fault: Fault, expected: &str| {
        registry.fail("/x", [fault.clone()]);
        let began = Instant::now();
        let error = once.packument(&name("x")).await.expect_err("an error");
        assert!(began.elapsed() < Duration::from_secs(2), "{fault:?}");
        let kinds = [(error.is_not_found(), "not found"), (error.is_rate_limited(), "rate limited")];
        let found: Vec<&str> = kinds.into_iter().filter_map(|(is, kind)| is.then_some(kind)).collect();
        assert_eq!(found.join(", "), expected, "{fault:?}: {error}");
    };
    for (statuses, expected) in
        [(&[404, 405, 410][..], "not found"), (&[429], "rate limited"), (&[400, 401, 403, 408, 418, 451, 500, 502, 503, 522], "")]
    {
        for status in statuses {
            check(Fault::Status(*status, vec![], String::new()), expected).await;
        }
    }
    check(Fault::Hang, "").await;
    registry.set_document("x", json!({"name": "x"}));
    check(Fault::Cut(3), "").await;
    // With retry, the last answer counts.
    let patient = client(&registry).with_retry(RetryPolicy { deadline: Duration::from_millis(300), ..QUICK });
    registry.fail("/x", [Fault::Status(429, vec![("retry-after", "1".to_owned())], String::new()), Fault::Hang]);
    let error = patient.packument(&name("x")).await.expect_err("given up");
    assert!(error.is_rate_limited() && error.retry_after() == Some(Duration::from_secs(1)), "{error}");
}

/// Whatever is asked can be asked from a task of its own.
#[test]
fn requests_can_be_spawned() {
    fn is_send<T: Send>(_: impl FnOnce(&'static Client, &'static PackageName) -> T) {}
    is_send(|client, name| client.packument_if_changed(name, const { &Validators { etag: None, last_modified: None } }));
    is_send(|client, _| client.search("text", 0, 20));
    is_send(|client, name| async move {
        let versions = client.versions(name).await?;
        client.download_capped(&versions.tarballs[0], std::path::Path::new("."), 1, |_, _| {}).await
    });
}

mod data_sets {
    use registry::data_set::{BytesRead, read_counts, read_high_impact, read_names, read_repositories};

    use super::*;

    fn read(file: &str, text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let there = folder();
        let path = there.path().join("list.tgz");
        std::fs::write(&path, tarball(&[("other-root/readme.md", b"names.json"), (file, text)])).expect("writable");
        (there, path)
    }

    #[test]
    fn shapes() {
        let mut names = Vec::new();
        let (_keep, path) = read("root/names.json", br#"["-", "@a/b", 7, null, {"x":["y"]}, ["z"], "constructor"]"#);
        let bytes = BytesRead::default();
        assert_eq!(read_names(&path, &bytes, |name| names.push(name.to_owned())).expect("readable"), 7);
        assert_eq!(names, ["-", "@a/b", "constructor"]);
        assert!(bytes.get() > 0);
        let mut counts = Vec::new();
        let (_keep, path) = read("package/counts.json", br#"{"a":2399072936,"__proto__":0,"bad":"x","neg":-1}"#);
        read_counts(&path, &bytes, |name, count| counts.push((name.to_owned(), count))).expect("readable");
        assert_eq!(counts, [("a".to_owned(), 2_399_072_936), ("__proto__".to_owned(), 0)]);
        let mut repositories = Vec::new();
        let (_keep, path) = read("package/data/packages.json", br#"{"1":null,"a":"https://x.example/y"}"#);
        read_repositories(&path, &bytes, |name, address| repositories.push((name.to_owned(), address.map(str::to_owned))))
            .expect("readable");
        assert_eq!(repositories, [("1".to_owned(), None), ("a".to_owned(), Some("https://x.example/y".to_owned()))]);
        let mut top = Vec::new();
        let (_keep, path) = read("package/lib/top.js", b"export const top = [\n  'semver',\n  '@types/node'\n]\n");
        read_high_impact(&path, &bytes, |name| top.push(name.to_owned())).expect("readable");
        assert_eq!(top, ["semver", "@types/node"]);
    }

    #[test]
    fn damage_is_named() {
        let error = |path: &std::path::Path| read_names(path, &BytesRead::default(), |_| {}).expect_err("damaged").to_string();
        let (_keep, path) = read("package/other.json", b"[]");
        assert!(error(&path).ends_with("has no file names.json"), "{}", error(&path));
        let (_keep, path) = read("package/names.json", b"[\"a\", \"b");
        assert!(error(&path).contains("names.json is damaged"), "{}", error(&path));
        let (keep, path) = read("package/names.json", b"[\"a\"]");
        let whole = std::fs::read(&path).expect("readable");
        std::fs::write(&path, &whole[..whole.len() / 2]).expect("writable");
        assert!(error(&path).contains("damaged") || error(&path).contains("not a tarball"), "{}", error(&path));
        std::fs::write(&path, b"no gzip").expect("writable");
        assert!(error(&path).contains("damaged"), "{}", error(&path));
        drop(keep);
        assert!(error(&path).contains("list.tgz"));
    }
}

#[tokio::test]
async fn advisories_are_asked_of_the_registry_that_has_the_packages() {
    let (public, private) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let hole = json!({"id": 1, "title": "A hole", "severity": "high", "vulnerable_versions": "<2.0.0"});
    public.set_advisories("constructor", vec![hole.clone()]);
    private.set_advisories("@corp/secret-plan", vec![hole]);
    let host = private.url().trim_start_matches("http:").to_owned();
    let client = client_with(&public, &format!("@corp:registry={}/\n{host}/:_authToken=corp-token\n", private.url()));
    let versions = |list: &[&str]| list.iter().map(|version| (*version).to_owned()).collect::<Vec<String>>();
    let packages = vec![
        (name("constructor"), versions(&["1.0.0", "2.0.0"])),
        (name("@corp/secret-plan"), versions(&["1.0.0"])),
        (name("fine"), versions(&["1.0.0"])),
    ];
    let groups = client.by_registry(packages);
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let mut found = HashMap::new();
    for group in &groups {
        found.extend(model::parse_advisories(&client.advisories(group).await.expect("answered")).expect("readable"));
    }
    let mut names: Vec<&str> = found.keys().map(PackageName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["@corp/secret-plan", "constructor"]);
    // Neither hears what is the other's.
    let (asked, kept) = (public.requests(), private.requests());
    assert_eq!((asked.len(), kept.len()), (1, 1));
    assert!(!asked[0].body.contains("secret-plan") && asked[0].authorization.is_none());
    assert!(!kept[0].body.contains("constructor") && kept[0].authorization.as_deref() == Some("Bearer corp-token"));
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(&client.advisories(&[]).await.expect("nothing to ask")[..], b"{}");
    let elsewhere = format!("{}/-/npm/v1/security/advisories/bulk", public.url());
    private.set_answer("/-/npm/v1/security/advisories/bulk", 307, vec![("location", elsewhere)], "");
    let error = client.advisories(&groups[1]).await.expect_err("not followed").to_string();
    assert!(error.contains("own registry only") && public.requests().len() == 1, "{error}");
    public.set_answer("/-/npm/v1/security/advisories/bulk", 410, vec![], r#"{"error":"This endpoint is being retired."}"#);
    let error = client.advisories(&groups[0]).await.expect_err("refused");
    assert!(error.is_not_found() && error.to_string().contains("being retired"), "{error}");
}
