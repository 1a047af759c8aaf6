//! Reading packages from a registry: what is stored, what is asked for again, and what goes wrong.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::PackageName;
use registry::{Client, Config, RetryPolicy};
use serde_json::{Value, json};
use store::{StoredDetails, StoredReadme};
use sync::{Clock, Context, Error, ImageKey, Reader, Reading};
use tempfile::TempDir;
use testkit::{FakeRegistry, Fault, at_most, folder, integrity, tarball};

use crate::{NOW, context};

/// A registry, a reader of it, and the clock that the reader looks at.
pub(crate) struct Reads {
    pub(crate) registry: FakeRegistry,
    pub(crate) reader: Reader,
    pub(crate) now: Arc<AtomicI64>,
    pub(crate) data: TempDir,
}

/// A client that asks once.
pub(crate) fn client(registry: &FakeRegistry, retry: RetryPolicy) -> Client {
    let config = Config::from_layers(&[], &std::collections::HashMap::new(), Some(&registry.url())).expect("readable");
    Client::new(config, retry).expect("a client")
}

pub(crate) async fn reads() -> Reads {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    let now = Arc::new(AtomicI64::new(NOW));
    let shown = Arc::clone(&now);
    let context = Context { clock: Clock::new(move || shown.load(Ordering::Relaxed)), ..context(data.path()).await };
    let key = ImageKey::load(&context.store).await.expect("a key");
    let reader = Reader { context, client: client(&registry, RetryPolicy::once(Duration::from_secs(600))), key };
    Reads { registry, reader, now, data }
}

pub(crate) fn name(text: &str) -> PackageName {
    PackageName::parse(text).expect("a name")
}

const TARBALL: &str = "/thing/-/thing-1.0.0.tgz";

impl Reads {
    /// The document of a package with two versions and these fields at its top; the tarball of the one shown has this README.
    fn publish_as(&self, name: &str, description: &str, top: &Value, readme: Option<&str>) -> Value {
        let files: &[(&str, &[u8])] = match &readme {
            Some(text) => &[("package/package.json", b"{}"), ("package/README.md", text.as_bytes())],
            None => &[("package/package.json", b"{}")],
        };
        let (bytes, path) = (tarball(files), format!("/{name}/-/{name}-1.0.0.tgz"));
        let dist = json!({"tarball": format!("{}{path}", self.registry.url()), "integrity": integrity(&bytes)});
        let mut document = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "maintainers": [{"name": "jane"}],
            "versions": {"1.0.0": {"name": name, "version": "1.0.0", "description": description, "dist": dist}, "0.9.0": {"version": "0.9.0"}},
            "time": {"created": "2020-01-01T00:00:00Z", "1.0.0": "2020-01-02T00:00:00Z"}});
        document.as_object_mut().expect("an object").extend(top.as_object().expect("an object").clone());
        self.registry.set_tarball(&path, bytes);
        self.registry.set_document(name, document.clone());
        document
    }

    fn publish(&self, description: &str, top: &Value, readme: Option<&str>) -> Value {
        self.publish_as("thing", description, top, readme)
    }

    async fn read(&self) -> Result<Reading, Error> {
        self.reader.read_package(&name("thing")).await
    }

    async fn stored(&self) -> StoredDetails {
        let store = &self.reader.context.store;
        let known = store.by_name(&name("thing")).await.expect("read").expect("known");
        store.details(known.id).await.expect("read").expect("stored")
    }

    async fn html(&self) -> String {
        match self.stored().await.readme {
            Some(StoredReadme::Rendered(readme)) => readme.html,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing of it was lost: the words, the history and the README of [`Reads::publish`].
    async fn is_whole(&self, description: &str) {
        let known = self.reader.context.store.by_name(&name("thing")).await.expect("read").expect("known");
        assert_eq!(known.summary.and_then(|summary| summary.description).as_deref(), Some(description));
        assert_eq!(self.stored().await.details.versions.len(), 2);
        assert!(self.html().await.contains("words"));
    }
}

#[tokio::test]
async fn a_document_with_its_readme_and_again_unchanged() {
    let reads = reads().await;
    reads.publish(
        "one",
        &json!({"readme": "# thing\n\nSome *words* ![x](https://img.example/x.png)", "readmeFilename": "README.md"}),
        Some("other"),
    );
    assert_eq!(reads.read().await.expect("read"), Reading::Stored);
    reads.is_whole("one").await;
    let html = reads.html().await;
    assert!(html.contains("<em>words</em>") && html.contains("src=\"/img/") && !html.contains("img.example"), "{html}");
    assert_eq!(reads.registry.count(TARBALL), 0, "the document has it whole");
    let stored = reads.stored().await;
    assert_eq!((stored.observed_at, stored.latest.map(|manifest| manifest.version).as_deref()), (NOW, Some("1.0.0")));
    reads.now.store(NOW + 100, Ordering::Relaxed);
    assert_eq!(reads.read().await.expect("read"), Reading::Unchanged);
    let requests = reads.registry.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].if_none_match.is_none() && requests[1].if_none_match.is_some());
    assert_eq!(reads.stored().await.observed_at, NOW + 100);
    reads.is_whole("one").await;
    assert_eq!(reads.reader.context.store.count_details().await.expect("counted"), 1);
}

#[tokio::test]
async fn a_changed_document_replaces() {
    let reads = reads().await;
    reads.publish("one", &json!({"readme": "first words"}), None);
    reads.read().await.expect("read");
    let mut document = reads.publish("two", &json!({"readme": "second words"}), None);
    document["versions"]["1.1.0"] = json!({"version": "1.1.0"});
    document["dist-tags"]["latest"] = json!("1.1.0");
    reads.registry.set_document("thing", document);
    reads.now.store(NOW + 100, Ordering::Relaxed);
    assert_eq!(reads.read().await.expect("read"), Reading::Stored);
    assert_eq!(reads.stored().await.details.versions.len(), 3);
    assert!(reads.html().await.contains("second words"), "of the version shown now");
    assert_eq!(reads.reader.context.store.count_details().await.expect("counted"), 1);
}

#[tokio::test]
async fn the_tarball_has_what_the_document_lacks() {
    let cut = "long ".repeat(13_000);
    for (top, of_tarball, expected) in [
        (json!({}), Some("the tarball's words"), Some("tarball")),
        (json!({"readme": ""}), Some("the tarball's words"), Some("tarball")),
        (json!({"readme": "ERROR: No README data found!"}), Some("the tarball's words"), Some("tarball")),
        (json!({ "readme": cut }), Some("the tarball's words"), Some("tarball")),
        // What is cut is better than nothing.
        (json!({ "readme": cut }), None, Some("long long")),
        (json!({}), None, None),
        (json!({"readme": "ERROR: No README data found!", "readmeFilename": ""}), None, None),
        (json!({}), Some(""), None),
    ] {
        let reads = reads().await;
        reads.publish("one", &top, of_tarball);
        assert_eq!(reads.read().await.expect("read"), Reading::Stored);
        assert_eq!(reads.registry.count(TARBALL), 1);
        match (reads.stored().await.readme, expected) {
            (Some(StoredReadme::Rendered(readme)), Some(words)) => {
                assert!(readme.html.contains(words), "{top}");
                assert_eq!(readme.cut, words == "long long");
            }
            (Some(StoredReadme::None), None) => {}
            (other, _) => panic!("{other:?}: {top}"),
        }
        // It was looked for, and is not looked for again.
        assert_eq!(reads.read().await.expect("read"), Reading::Unchanged);
        assert_eq!(reads.registry.count(TARBALL), 1);
        let left = std::fs::read_dir(reads.data.path().join("tmp/readmes")).expect("readable").count();
        assert_eq!(left, 0, "tarballs are deleted");
    }
}

#[tokio::test]
async fn a_tarball_that_cannot_be_had_costs_the_readme_only() {
    let reads = reads().await;
    reads.publish("one", &json!({}), Some("some words"));
    let wrong = || Fault::Body(b"something else".to_vec());
    // A file of the wrong hash is fetched twice.
    for faults in [vec![Fault::Status(404, vec![], String::new())], vec![Fault::Status(503, vec![], String::new())], vec![wrong(), wrong()]]
    {
        reads.registry.fail(TARBALL, faults);
        reads.read().await.expect("read all the same");
        assert_eq!(reads.stored().await.readme, None, "nobody knows yet");
    }
    assert_eq!(reads.registry.count(TARBALL), 4);
    // What breaks off is continued.
    reads.registry.fail(TARBALL, [Fault::Cut(40), Fault::Cut(40)]);
    assert_eq!(reads.read().await.expect("read"), Reading::Unchanged);
    reads.is_whole("one").await;
}

#[tokio::test]
async fn the_readme_of_another_version() {
    let reads = reads().await;
    let bytes = tarball(&[("package/readme.markdown", b"old words")]);
    let path = "/thing/-/thing-0.9.0.tgz";
    let mut document = reads.publish("one", &json!({"readme": "new words"}), None);
    document["versions"]["0.9.0"]["dist"] = json!({"tarball": format!("{}{path}", reads.registry.url()), "integrity": integrity(&bytes)});
    reads.registry.set_tarball(path, bytes);
    reads.registry.set_document("thing", document);
    assert_eq!(reads.reader.read_version(&name("thing"), "0.9.0").await.expect("read"), Reading::Missing, "nothing is known yet");
    reads.read().await.expect("read");
    assert_eq!(reads.reader.read_version(&name("thing"), "7.0.0").await.expect("read"), Reading::Missing);
    for _ in 0..2 {
        assert_eq!(reads.reader.read_version(&name("thing"), "0.9.0").await.expect("read"), Reading::Stored);
    }
    assert_eq!(reads.registry.count(path), 1, "once");
    let store = &reads.reader.context.store;
    let id = store.by_name(&name("thing")).await.expect("read").expect("known").id;
    let Some(StoredReadme::Rendered(old)) = store.readme(id, "0.9.0").await.expect("read") else { panic!("none") };
    assert!(old.html.contains("old words") && reads.html().await.contains("new words"));
}

/// A document that unpacks to more than 128 MiB, of which 128 KiB are sent.
fn bomb() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..129 {
        gzip.write_all(&spaces).expect("memory does not fail");
    }
    gzip.finish().expect("memory does not fail")
}

#[tokio::test]
async fn whatever_the_registry_does_nothing_is_lost() {
    let reads = reads().await;
    let whole = reads.publish("one", &json!({"readme": "the words"}), None);
    reads.read().await.expect("read");
    let html = |status: u16| Fault::Status(status, vec![("content-type", "text/html".to_owned())], "<html>error 1015</html>".to_owned());
    let text = whole.to_string();
    let mut other = whole.clone();
    other["name"] = json!("another");
    for (fault, words) in [
        (html(200), "cannot be read"),
        (html(429), "429"),
        (html(403), "403"),
        (Fault::Status(522, vec![], String::new()), "522"),
        (Fault::Status(200, vec![], "null".to_owned()), "cannot be read"),
        (Fault::Status(200, vec![], String::new()), "cannot be read"),
        (Fault::Status(200, vec![], text[..text.len() / 2].to_owned()), "cannot be read"),
        (Fault::Status(200, vec![("content-encoding", "gzip".to_owned())], text.clone()), "could not be read"),
        (Fault::Status(200, vec![], r#"{"error":"version not found: 9.9.9"}"#.to_owned()), "no name"),
        (Fault::Status(401, vec![], r#"{"error":"Missing \"Bearer\" header."}"#.to_owned()), "Bearer"),
        (Fault::Status(200, vec![], other.to_string()), "answered with another"),
        (Fault::Cut(text.len() / 2), "could not be read"),
        (Fault::Body(b"\x1f\x8b".to_vec()), "cannot be read"),
    ] {
        let shown = format!("{fault:?}");
        reads.registry.fail("/thing", [fault]);
        let error = reads.read().await.expect_err("refused").to_string();
        assert!(error.contains(words), "{shown}: {error}");
        reads.is_whole("one").await;
    }
    for fault in [
        Fault::Status(404, vec![], r#"{"error":"Not found"}"#.to_owned()),
        Fault::Status(404, vec![], "{}".to_owned()),
        Fault::Status(404, vec![], r#"{"errors":[{"status":404,"message":"x"}]}"#.to_owned()),
        Fault::Status(405, vec![], r#"{"code":"MethodNotAllowedError","message":"GET is not allowed"}"#.to_owned()),
    ] {
        reads.registry.fail("/thing", [fault]);
        assert_eq!(reads.read().await.expect("an answer"), Reading::Missing);
        reads.is_whole("one").await;
    }
    assert_eq!(reads.reader.read_package(&name("nobody")).await.expect("an answer"), Reading::Missing);
    assert!(reads.reader.context.store.by_name(&name("another")).await.expect("read").is_none(), "nothing of another name is stored");
    // And when all is well again, it is read.
    assert_eq!(reads.read().await.expect("read"), Reading::Unchanged);
}

#[tokio::test]
async fn what_hangs_or_is_too_large_is_given_up() {
    let reads = reads().await;
    reads.publish("one", &json!({"readme": "the words"}), None);
    reads.read().await.expect("read");
    reads.registry.fail("/thing", [Fault::Hang]);
    let impatient = Reader { client: client(&reads.registry, RetryPolicy::once(Duration::from_millis(200))), ..reads.reader.clone() };
    let error = impatient.read_package(&name("thing")).await.expect_err("hangs").to_string();
    assert!(error.contains("gave up"), "{error}");
    reads.is_whole("one").await;
    reads.registry.set_answer("/huge", 200, vec![("content-encoding", "gzip".to_owned())], bomb());
    let error = reads.reader.read_package(&name("huge")).await.expect_err("too large").to_string();
    assert!(error.contains("larger than"), "{error}");
    assert!(reads.reader.context.store.by_name(&name("huge")).await.expect("read").is_none());
}

/// Given up at every moment at which it waits for something, as by a process that is killed: the next reading makes it whole.
#[tokio::test]
async fn given_up_at_any_moment() {
    let reads = reads().await;
    let store = &reads.reader.context.store;
    for polls in 0.. {
        let name = name(&format!("thing{polls}"));
        reads.publish_as(name.as_str(), "one", &json!({}), Some("some words"));
        let finished = at_most(polls, reads.reader.read_package(&name)).await;
        let is_over = finished.is_some();
        let reading = match finished {
            Some(result) => result.expect("read"),
            None => reads.reader.read_package(&name).await.expect("read after all"),
        };
        assert!(matches!(reading, Reading::Stored | Reading::Unchanged));
        let known = store.by_name(&name).await.expect("read").expect("known");
        let details = store.details(known.id).await.expect("read").expect("stored");
        assert_eq!((details.details.versions.len(), known.summary.is_some()), (2, true), "after {polls}");
        assert!(matches!(details.readme, Some(StoredReadme::Rendered(readme)) if readme.html.contains("words")), "after {polls}");
        assert_eq!(store.count().await.expect("counted"), polls as u64 + 1, "after {polls}");
        assert_eq!(store.count_details().await.expect("counted"), polls as u64 + 1, "after {polls}");
        if is_over {
            assert!(polls > 5, "it waits for the registry and for the disk");
            break;
        }
    }
    assert_eq!(store.count_one_by_one().await.expect("counted"), store.count().await.expect("counted"));
    assert!(store.orphans().await.expect("checked").is_empty());
    let left = std::fs::read_dir(reads.data.path().join("tmp/readmes")).expect("readable").count();
    assert_eq!(left, 0, "tarballs are deleted");
}
