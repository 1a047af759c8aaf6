//! npm's search API and our own JSON.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::site::{BARE, Site, VUE};

#[tokio::test]
async fn npms_search_has_npms_shape() {
    let site = Site::offline(&[VUE, BARE]).await;
    let mut answer = site.json("/-/v1/search?text=vue&size=5&from=0&quality=0.65&popularity=0.98&maintenance=0.5").await;
    // The score depends on how many packages there are.
    for place in ["/objects/0/searchScore", "/objects/0/score/final"] {
        assert!(answer.pointer_mut(place).map(Value::take).is_some_and(|score| score.is_number()));
    }
    insta::assert_json_snapshot!(answer);
    let bare = site.json("/-/v1/search?text=constructor").await;
    let hit = &bare["objects"][0];
    assert!(hit.get("downloads").is_none() && hit["package"].get("version").is_none(), "what is not known is left out: {hit}");
    assert_eq!(hit["package"]["keywords"], json!([]));
}

#[tokio::test]
async fn our_own_search() {
    let site = Site::offline(&[VUE, BARE]).await;
    let page = site.json("/api/v1/search?q=progresive%20colour:red").await;
    assert_eq!(page["notes"], json!([{"part": "colour:red", "why": "there is no qualifier colour:, so this is searched as text"}]));
    let page = site.json("/api/v1/search?q=vue").await;
    assert_eq!((page["total"].as_u64(), page["total_is_exact"].as_bool()), (Some(1), Some(true)));
    assert_eq!(page["hits"][0]["downloads"], json!({"weekly": 8_525_448, "monthly": 32_731_392, "as_of": "2026-11-23"}));
    assert_eq!(site.json("/api/v1/search").await["hits"].as_array().map(Vec::len), Some(2), "no text lists the most popular");
}

#[tokio::test]
async fn bad_requests_are_told_so() {
    let site = Site::offline(&[VUE]).await;
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
    check("/api/no/such/address", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
    check("/-/..%2f..%2fetc/passwd", StatusCode::NOT_FOUND, "ERR_NOT_FOUND").await;
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
    let site = Site::offline(&[]).await;
    assert_eq!(site.json("/healthz").await["status"], "filling");
    assert_eq!(site.json("/-/ping").await, json!({}));
    assert_eq!(site.json("/api/v1/status").await["packages"], 0);
    let (status, headers, body) = site.get("/-/v1/search?text=x").await;
    assert_eq!((status, headers["retry-after"].to_str().ok()), (StatusCode::SERVICE_UNAVAILABLE, Some("2")));
    assert!(body.contains("ERR_FILLING"));
}

#[test]
fn the_api_is_described() {
    insta::assert_snapshot!(web::openapi_json());
}
