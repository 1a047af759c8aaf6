//! Known vulnerabilities: told on this machine, to nobody else.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Version};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::site::{Site, header, registry};

/// A page, asked for at this host and with these headers.
async fn get(router: &Router, path: &str, host: &str, headers: &[(&str, &str)]) -> String {
    let mut request = Request::get(path).header("host", host);
    for (name, value) in headers {
        request = if *name == ":version" { request.version(Version::HTTP_10) } else { request.header(*name, *value) };
    }
    let response = router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    String::from_utf8(to_bytes(response.into_body(), 8 << 20).await.expect("a body").to_vec()).expect("text")
}

#[tokio::test]
async fn they_stay_on_this_machine() {
    let registry = registry().await;
    let advisory = |title: &str, severity: &str, range: &str| json!({"id": 1, "url": "https://advisories.example/1", "title": title, "severity": severity, "vulnerable_versions": range});
    registry.set_advisories("sample-lib", vec![advisory("Old <hole>", "low", "<2.0.0"), advisory("New hole", "critical", "=2.1.0")]);
    registry.set_advisories("@scope/thing", vec![advisory("Deep hole", "high", "<1.0.1")]);
    let site = Site::live(&[r#"{"package":{"name":"sample-lib","maintainers":[{"username":"jane"}]}}"#], &registry).await;
    let own = web::router(site.state.clone().for_own_use());
    let here = "localhost:3000";
    // The dependency is known before, as it would be from any list or page.
    get(&own, "/pkg:@scope/thing", here, &[]).await;
    let wait = async |path: &str, text: &str| {
        for _ in 0..400 {
            let page = get(&own, path, here, &[]).await;
            if page.contains(text) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{path} never says {text}");
    };
    let page = wait("/pkg:sample-lib", "New hole").await;
    for text in
        ["1 known vulnerability</b> in this version", "Old &#60;hole&#62;", "critical", "not in this version", "on this machine only"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("1 known vulnerability (critical): New hole"), "{page}");
    assert!(page.contains("1 vulnerable dependency: @scope/thing ^1.0.0 (high)"), "{page}");
    let json: Value = serde_json::from_str(&get(&own, "/api/v1/packages/sample-lib", "127.0.0.1", &[]).await).expect("JSON");
    assert_eq!((&json["advisories"]["affecting"], &json["advisories"]["advisories"][0]["title"]), (&json!(1), &json!("New hole")));
    let old: Value = serde_json::from_str(&get(&own, "/api/v1/packages/sample-lib@1.0.0", "[::1]:3000", &[]).await).expect("JSON");
    assert_eq!(old["advisories"]["advisories"][0]["title"], json!("Old <hole>"));
    let user = wait("/@jane", "have known vulnerabilities").await;
    assert!(user.contains("New hole") && user.contains("@scope/thing ^1.0.0 (high)"), "{user}");

    // It is kept by nobody else, and read by no other site.
    for path in ["/pkg:sample-lib", "/api/v1/packages/sample-lib", "/api/v1/users/jane"] {
        let response = own.clone().oneshot(Request::get(path).header("host", here).body(Body::empty()).expect("a request")).await;
        let headers = response.expect("infallible").headers().clone();
        assert!(
            header(&headers, "cache-control").starts_with("private, ") && !headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
        assert!(headers.contains_key("etag"), "{path}");
    }
    get(&own, "/pkg:sample-lib", here, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]).await;

    // What came through a proxy, or was asked by another name, or on a listener for everybody, hears nothing of it.
    let public = web::router(site.state.clone());
    let forwarded = [("x-forwarded-for", "203.0.113.7")];
    for path in
        ["/pkg:sample-lib", "/pkg:sample-lib@1.0.0", "/@jane", "/@jane?sort=attention", "/api/v1/packages/sample-lib", "/api/v1/users/jane"]
    {
        for (router, host, headers) in [
            (&public, here, &[][..]),
            (&own, here, &forwarded),
            (&own, here, &[("via", "1.1 proxy")]),
            (&own, here, &[("x-forwarded-proto", "https")]),
            (&own, here, &[("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]),
            (&own, here, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]),
            (&own, here, &[(":version", "1.0")]),
            (&own, "stats.example", &[]),
            (&own, "localhost.stats.example", &[]),
            (&own, "203.0.113.7:3000", &[]),
            (&own, "", &[]),
        ] {
            let page = get(router, path, host, headers).await.to_lowercase();
            for text in ["hole", "vulnerab", "advisor", "critical"] {
                assert!(!page.contains(text), "{path} at {host} {headers:?} says {text}: {page}");
            }
        }
    }
    // And still it is there.
    assert!(get(&own, "/pkg:sample-lib", here, &[]).await.contains("New hole"));
}

#[tokio::test]
async fn a_registry_that_does_not_tell() {
    let registry = registry().await;
    registry.set_answer("/-/npm/v1/security/advisories/bulk", 405, vec![], "");
    let site = Site::live(&[r#"{"package":{"name":"sample-lib"}}"#], &registry).await;
    let own = web::router(site.state.clone().for_own_use());
    for _ in 0..400 {
        let page = get(&own, "/pkg:sample-lib", "localhost", &[]).await;
        if page.contains("Not known: this registry does not tell of known vulnerabilities.") {
            assert_eq!(registry.count("/-/npm/v1/security/advisories/bulk"), 1, "it is not asked again and again");
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the page never says why");
}
