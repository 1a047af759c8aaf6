//! Every address against a small store: status, shape, headers.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use catalog::Catalog;
use model::{Observation, parse_record};
use serde_json::Value;
use store::{Place, Store};
use sync::{Clock, Context, ImageKey, Progress, Upstream};
use testkit::folder;
use tokio::sync::watch;
use tower::ServiceExt;
use web::AppState;

const NOW: i64 = 1_795_392_000;

struct Site {
    _folder: tempfile::TempDir,
    router: Router,
}

async fn site(lines: &[&str]) -> Site {
    let folder = folder();
    let store = Store::open(&Place::Sqlite(folder.path().join("test.db"))).await.expect("opens");
    let (progress, watched) = watch::channel(Progress::default());
    let clock = Clock::new(|| NOW);
    let context = Context { store: store.clone(), data: folder.path().to_owned(), clock: clock.clone(), progress };
    if !lines.is_empty() {
        let seen: Vec<Observation> =
            lines.iter().map(|line| parse_record(line.as_bytes(), NOW).expect("readable").observation().clone()).collect();
        store.apply(&seen).await.expect("stored");
        sync::rebuild(&context).await.expect("indexed");
    }
    let catalog = Catalog::open(store, context.index_root());
    let key = ImageKey::load(&context.store).await.expect("a key");
    let (upstream, _) = Upstream::new(&context, key, false, None);
    Site { router: web::router(AppState::new(catalog, clock, watched, upstream)), _folder: folder }
}

impl Site {
    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.expect("a body");
        (head.status, head.headers, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }
}

const VUE: &str = r#"{"downloads":{"monthly":32731392,"weekly":8525448},"package":{"name":"vue","keywords":["vue"],"version":"3.5.27",
    "description":"The progressive framework","publisher":{"username":"evan"},"maintainers":[{"username":"evan"}],"license":"MIT",
    "date":"2026-01-19T06:33:43.982Z","links":{"homepage":"https://vue.example","repository":"git+https://github.com/vuejs/core.git"}}}"#;
const BARE: &str = r#"{"package":{"name":"constructor"}}"#;

#[tokio::test]
async fn npms_search_has_npms_shape() {
    let site = site(&[VUE, BARE]).await;
    let mut answer = site.json("/-/v1/search?text=vue&size=5&from=0&quality=0.65&popularity=0.98&maintenance=0.5").await;
    // The score depends on how many packages there are.
    for place in ["/objects/0/searchScore", "/objects/0/score/final"] {
        assert!(answer.pointer_mut(place).map(Value::take).is_some_and(|score| score.is_number()));
    }
    insta::assert_json_snapshot!(answer);
    let bare = site.json("/-/v1/search?text=constructor").await;
    let hit = &bare["objects"][0];
    assert!(hit.get("downloads").is_none() && hit["package"].get("version").is_none(), "what is not known is left out: {hit}");
    assert_eq!(hit["package"]["keywords"], serde_json::json!([]));
}

#[tokio::test]
async fn our_own_search() {
    let site = site(&[VUE, BARE]).await;
    let page = site.json("/api/v1/search?q=progresive%20colour:red").await;
    assert_eq!(page["unknown_qualifiers"], serde_json::json!(["colour:red"]));
    let page = site.json("/api/v1/search?q=vue").await;
    assert_eq!((page["total"].as_u64(), page["total_is_exact"].as_bool()), (Some(1), Some(true)));
    assert_eq!(page["hits"][0]["downloads"], serde_json::json!({"weekly": 8_525_448, "monthly": 32_731_392, "as_of": "2026-11-23"}));
    assert_eq!(site.json("/api/v1/search").await["hits"].as_array().map(Vec::len), Some(2), "no text lists the most popular");
}

#[tokio::test]
async fn bad_requests_are_told_so() {
    let site = site(&[VUE]).await;
    let check = async |path: &str, expected: StatusCode, code: &str| {
        let (status, headers, body) = site.get(path).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(body.contains(code), "{path}: {body}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
    };
    check("/-/v1/search", StatusCode::BAD_REQUEST, "ERR_TEXT_MISSING").await;
    check("/-/v1/search?text=%20", StatusCode::BAD_REQUEST, "ERR_TEXT_MISSING").await;
    check(&format!("/-/v1/search?text={}", "x".repeat(513)), StatusCode::BAD_REQUEST, "ERR_TEXT_LENGTH").await;
    check("/-/v1/search?text=x&size=many", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=-1", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=100000", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/-/v1/search?text=x&from=18446744073709551615", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/api/v1/search?q=a&q=b", StatusCode::BAD_REQUEST, "ERR_QUERY").await;
    check("/no/such/address", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
    check("/..%2f..%2fetc/passwd", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
    let (status, _, _) = site.send(Request::post("/-/v1/search?text=x").body(Body::empty()).expect("a request")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    for text in ["%00", "%ff", "%22", "%27%20OR%201=1", "%F0%9F%A6%80", "%E2%80%AEabc", "..", "-", "*", "a%20AND%20("] {
        site.json(&format!("/-/v1/search?text={text}")).await;
    }
    assert_eq!(
        site.json("/-/v1/search?text=vue&size=99999").await["objects"].as_array().map(Vec::len),
        Some(1),
        "as npm: more than 250 is 250"
    );
}

#[tokio::test]
async fn an_empty_server_is_alive_and_says_what_it_lacks() {
    let site = site(&[]).await;
    assert_eq!(site.json("/healthz").await["status"], "filling");
    assert_eq!(site.json("/-/ping").await, serde_json::json!({}));
    assert_eq!(site.json("/api/v1/status").await["packages"], 0);
    let (status, headers, body) = site.get("/-/v1/search?text=x").await;
    assert_eq!((status, headers["retry-after"].to_str().ok()), (StatusCode::SERVICE_UNAVAILABLE, Some("2")));
    assert!(body.contains("ERR_FILLING"));
}

#[tokio::test]
async fn headers_of_every_address() {
    let site = site(&[VUE]).await;
    for (path, cache, kind) in [
        ("/", "no-store", "text/plain; charset=utf-8"),
        ("/healthz", "no-store", "application/json"),
        ("/-/ping", "no-store", "application/json"),
        ("/-/v1/search?text=vue", "public, max-age=60", "application/json"),
        ("/api/v1/search?q=vue", "public, max-age=60", "application/json"),
        ("/api/v1/status", "no-store", "application/json"),
        ("/api/openapi.json", "public, max-age=3600", "application/json"),
    ] {
        let (status, headers, _) = site.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_eq!((headers["cache-control"].to_str().ok(), headers["content-type"].to_str().ok()), (Some(cache), Some(kind)), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        let (status, _, body) = site.send(Request::head(path).body(Body::empty()).expect("a request")).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""), "{path}");
    }
}

#[test]
fn the_api_is_described() {
    insta::assert_snapshot!(web::openapi_json());
}
