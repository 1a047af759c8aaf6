//! Servers to ask: one that is offline, and one with a registry behind it.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use catalog::Catalog;
use model::{Observation, parse_record};
use registry::{Client, Config, Images, Limits, RetryPolicy};
use serde_json::{Value, json};
use store::{Place, Store};
use sync::{Background, Clock, Context, ImageKey, ImportOptions, Progress, Upstream};
use tempfile::TempDir;
use testkit::{FakeRegistry, folder, integrity, tarball};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use url::Url;
use web::AppState;

/// 2026-11-23, 00:00 UTC.
pub(crate) const NOW: i64 = 1_795_392_000;

pub(crate) const VUE: &str = r#"{"downloads":{"monthly":32731392,"weekly":8525448},"package":{"name":"vue","keywords":["vue"],"version":"3.5.27",
    "description":"The progressive framework","publisher":{"username":"evan"},"maintainers":[{"username":"evan"}],"license":"MIT",
    "date":"2026-01-19T06:33:43.982Z","links":{"homepage":"https://vue.example","repository":"git+https://github.com/vuejs/core.git"}}}"#;
pub(crate) const BARE: &str = r#"{"package":{"name":"constructor"}}"#;

/// A server, what it stores in, and what it asks.
pub(crate) struct Site {
    pub(crate) router: Router,
    pub(crate) state: AppState,
    pub(crate) catalog: Catalog,
    pub(crate) context: Context,
    pub(crate) key: ImageKey,
    _folder: TempDir,
    stop: CancellationToken,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn stored(lines: &[&str]) -> (TempDir, Context, watch::Receiver<Progress>, ImageKey) {
    let folder = folder();
    let store = Store::open(&Place::Sqlite(folder.path().join("test.db"))).await.expect("opens");
    let (progress, watched) = watch::channel(Progress::default());
    let context = Context { store, data: folder.path().to_owned(), clock: Clock::new(|| NOW), progress };
    if !lines.is_empty() {
        let seen: Vec<Observation> =
            lines.iter().map(|line| parse_record(line.as_bytes(), NOW).expect("readable").observation().clone()).collect();
        context.store.apply(&seen).await.expect("stored");
        sync::rebuild(&context).await.expect("indexed");
    }
    let key = ImageKey::load(&context.store).await.expect("a key");
    (folder, context, watched, key)
}

impl Site {
    fn new(folder: TempDir, context: Context, watched: watch::Receiver<Progress>, key: ImageKey, upstream: Upstream) -> Self {
        let catalog = Catalog::open(context.store.clone(), context.index_root());
        let state = AppState::new(catalog.clone(), context.clock.clone(), watched, upstream);
        Self { router: web::router(state.clone()), state, catalog, context, key, _folder: folder, stop: CancellationToken::new() }
    }

    /// Stores these hits of a search, and asks nobody.
    pub(crate) async fn offline(lines: &[&str]) -> Self {
        let (folder, context, watched, key) = stored(lines).await;
        let (upstream, _) = Upstream::new(&context, key.clone(), false, None);
        Self::new(folder, context, watched, key, upstream)
    }

    /// Stores these hits of a search, and asks the registry, which is also the only server of images that may be on loopback.
    pub(crate) async fn live(lines: &[&str], registry: &FakeRegistry) -> Self {
        let (folder, context, watched, key) = stored(lines).await;
        let trusted = Url::parse(&registry.url()).expect("an address");
        let images = Images::new(Limits { trusted: vec![trusted], ..Limits::default() }).expect("images");
        let (upstream, wishes) = Upstream::new(&context, key.clone(), true, Some(images));
        let config = Config::from_layers(&[], &std::collections::HashMap::new(), Some(&registry.url())).expect("readable");
        let quick = RetryPolicy { attempts: 1, first_wait: Duration::from_millis(1), ..RetryPolicy::default() };
        let client = Client::new(config, quick).expect("a client");
        let background = Background { registry: Some(client), key: key.clone(), details: 0, downloads: None, counted: 0, wishes };
        let site = Self::new(folder, context, watched, key, upstream);
        let (context, cancel, runtime) = (site.context.clone(), site.stop.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(sync::run_background(context, background, cancel)));
        while sync::read_holder(&site.context.store, &site.context.clock).await.expect("read").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        site
    }

    /// Imports whole packuments or hits, and indexes them.
    pub(crate) async fn import(&self, documents: &[Value]) {
        let lines = documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let options = ImportOptions {
            input: Box::new(std::io::Cursor::new(lines.into_bytes())),
            name: "lines".into(),
            observed_at: NOW,
            key: self.key.clone(),
            bad_line: Box::new(|number, why| panic!("line {number}: {why}")),
        };
        sync::import(&self.context, options).await.expect("imported");
        self.catalog.refresh().expect("readable");
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        self.send(Request::get(path).body(Body::empty()).unwrap_or_else(|error| panic!("{path:.80}: {error}"))).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let (status, headers, bytes) = self.bytes(request).await;
        (status, headers, String::from_utf8(bytes).expect("text"))
    }

    pub(crate) async fn bytes(&self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 8 << 20).await.expect("a body");
        (head.status, head.headers, bytes.to_vec())
    }

    /// The JSON at an address that answers 200.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// The page at an address that answers with this status.
    pub(crate) async fn page(&self, path: &str, status: StatusCode) -> String {
        let (answered, headers, body) = self.get(path).await;
        assert_eq!(answered, status, "{path:.80}: {body}");
        assert_eq!(headers["content-type"], "text/html; charset=utf-8", "{path:.80}");
        body
    }
}

/// A header as text, empty where there is none.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A registry with a package of everything: `sample-lib` and what goes wrong beside it.
pub(crate) async fn registry() -> FakeRegistry {
    let registry = FakeRegistry::start().await;
    registry.publish("sample-lib", "1.0.0", old_tarball(), "2020-02-02T00:00:00.000Z");
    for document in documents(&registry.url()) {
        registry.set_document(document["name"].as_str().expect("a name"), document.clone());
    }
    registry
}

fn old_tarball() -> Vec<u8> {
    tarball(&[("package/package.json", b"{}"), ("package/README.md", b"# Old words\n\nHow it was once.")])
}

/// What [`registry`] answers.
pub(crate) fn documents(url: &str) -> Vec<Value> {
    let small = |name: &str| {
        let description = format!("The package {name}");
        json!({
            "_id": name, "name": name, "description": description, "dist-tags": {"latest": "1.0.0"}, "maintainers": [{"name": "jane"}],
            "versions": {"1.0.0": {"name": name, "version": "1.0.0", "description": description}},
            "time": {"created": "2020-01-01T00:00:00.000Z", "1.0.0": "2020-01-02T00:00:00.000Z", "modified": "2024-06-07T00:00:00.000Z"},
            "readme": format!("# {name}\n\nWords of this package."), "readmeFilename": "README.md"
        })
    };
    let names = ["@scope/thing", "fresh-lib", "listed-lib", "JSONStream", "constructor", "__proto__", "@types/node", "-"];
    let mut documents: Vec<Value> = names.into_iter().map(small).collect();
    documents.push(sample(url));
    documents.push(json!({
        "_id": "gone-lib", "name": "gone-lib",
        "time": {"created": "2020-01-01T00:00:00.000Z", "modified": "2022-01-14T00:00:00.000Z",
            "unpublished": {"time": "2022-01-14T12:34:23.941Z", "versions": ["0.0.1", "0.0.2"]}}
    }));
    let held = "security holding package";
    documents.push(json!({
        "_id": "held-lib", "name": "held-lib", "description": held, "dist-tags": {"latest": "0.0.1-security"},
        "versions": {"0.0.1-security": {"name": "held-lib", "version": "0.0.1-security", "description": held, "repository": "npm/security-holder"}},
        "time": {"0.0.1-security": "2023-01-01T00:00:00.000Z"}
    }));
    documents
}

/// Twenty-eight versions, two of which matter; the README of the latest stands in the document, that of 1.0.0 only in its tarball.
fn sample(url: &str) -> Value {
    let mut versions = json!({
        "1.0.0": {"name": "sample-lib", "version": "1.0.0", "license": "MIT", "dist": {"tarball": format!("{url}/sample-lib/-/sample-lib-1.0.0.tgz"), "integrity": integrity(&old_tarball())}},
        "2.1.0": {
            "name": "sample-lib", "version": "2.1.0", "description": "Samples & <examples>", "license": "Apache-2.0", "keywords": ["sample", "date picker"],
            "homepage": "https://sample.example/", "repository": {"type": "git", "url": "git+https://github.com/jane/sample-lib.git"},
            "bugs": {"url": "https://github.com/jane/sample-lib/issues"}, "main": "index.js", "types": "index.d.ts", "bin": {"sample": "cli.js"},
            "dependencies": {"@scope/thing": "^1.0.0", "left-pad": "1.x"}, "peerDependencies": {"react": ">=18"}, "devDependencies": {"tap": "*"},
            "scripts": {"postinstall": "node build.js"}, "engines": {"node": ">=20"}, "_npmUser": {"name": "joe"},
            "dist": {"unpackedSize": 12345, "fileCount": 7}
        },
        "3.0.0-beta.1": {"name": "sample-lib", "version": "3.0.0-beta.1"}
    });
    let mut time = json!({"created": "2019-05-05T00:00:00.000Z", "modified": "2026-10-30T00:00:00.000Z", "1.0.0": "2020-02-02T00:00:00.000Z",
        "2.1.0": "2025-03-04T05:06:07.000Z", "3.0.0-beta.1": "2025-08-09T00:00:00.000Z"});
    for patch in 1..=25 {
        versions[format!("1.0.{patch}")] = json!({"name": "sample-lib", "version": format!("1.0.{patch}")});
        time[format!("1.0.{patch}")] = json!(format!("2021-01-{patch:02}T00:00:00.000Z"));
    }
    let readme = format!(
        "# Sample\n\nHow to use it: [jump](#usage), [file](docs/more.md).\n\n![picture]({url}/picture.png)\n\n## Usage\n\n```js\nconst x = 1\n```\n\n## More\n\n## Less\n\n## End\n"
    );
    json!({
        "_id": "sample-lib", "name": "sample-lib", "description": "Samples & <examples>", "dist-tags": {"latest": "2.1.0", "beta": "3.0.0-beta.1"},
        "maintainers": [{"name": "jane", "email": "jane@mail.example"}, {"name": "joe"}], "versions": versions, "time": time,
        "readme": readme, "readmeFilename": "README.md"
    })
}

/// A hit as npm's search has it.
pub(crate) fn hit(name: &str, user: &str, monthly: u64, date: &str) -> Value {
    json!({"downloads": {"monthly": monthly, "weekly": monthly / 4}, "package": {"name": name, "version": "1.0.0", "description": format!("What {name} does"),
        "date": date, "maintainers": [{"username": user}], "publisher": {"username": user},
        "links": {"npm": format!("https://www.npmjs.com/package/{name}"), "repository": format!("git+https://github.com/{user}/work.git")}}})
}
