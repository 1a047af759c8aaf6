//! What every answer says about itself.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::html;
use crate::site::{Site, header};

const PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const IMAGE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";
const BADGE: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";
const DATA: &str = "default-src 'none'; frame-ancestors 'none'";

const NEVER: &str = "no-store";
const KEPT: &str = "public, max-age=60, stale-while-revalidate=600";
const SHORT: &str = "public, max-age=60";
const HOUR: &str = "public, max-age=3600";
const COUNTS: &str = "public, max-age=600, stale-while-revalidate=86400";
const FOREVER: &str = "public, max-age=31536000, immutable";

/// A package whose details are stored, so that its page is settled.
async fn site() -> Site {
    crate::charts::site().await
}

async fn get(site: &Site, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    site.bytes(request.body(Body::empty()).expect("a request")).await
}

/// The addresses of stylesheet, script and icon.
async fn assets(site: &Site) -> Vec<String> {
    let page = site.page("/about", StatusCode::OK).await;
    let addresses = html::tags(&page).into_iter().filter_map(|tag| tag.get("href").or(tag.get("src")).map(str::to_owned));
    let mut assets: Vec<String> = addresses.filter(|address| address.starts_with("/assets/")).collect();
    assets.sort();
    assets.dedup();
    assets
}

#[tokio::test]
async fn headers_of_every_address() {
    let site = site().await;
    let (html, json, text) = ("text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8");
    let mut table = vec![
        ("/".to_owned(), 200, KEPT, html, PAGE),
        ("/?q=vue".to_owned(), 200, KEPT, html, PAGE),
        ("/?q=vue&explain=1".to_owned(), 200, KEPT, html, PAGE),
        ("/help/search".to_owned(), 200, HOUR, html, PAGE),
        ("/?q=@evan".to_owned(), 303, SHORT, "", DATA),
        ("/about".to_owned(), 200, SHORT, html, PAGE),
        ("/pkg:sample-lib".to_owned(), 200, KEPT, html, PAGE),
        ("/pkg:vue".to_owned(), 200, NEVER, html, PAGE),
        ("/pkg:gone-lib".to_owned(), 410, KEPT, html, PAGE),
        ("/pkg:no-such-lib".to_owned(), 503, NEVER, html, PAGE),
        ("/pkg:sample-lib@beta".to_owned(), 302, SHORT, "", DATA),
        ("/@jane".to_owned(), 200, NEVER, html, PAGE),
        ("/~jane".to_owned(), 308, SHORT, "", DATA),
        ("/no/such".to_owned(), 404, NEVER, html, PAGE),
        ("/assets/nothing.css".to_owned(), 404, NEVER, html, PAGE),
        ("/robots.txt".to_owned(), 200, HOUR, text, DATA),
        ("/llms.txt".to_owned(), 200, HOUR, text, DATA),
        ("/healthz".to_owned(), 200, NEVER, json, DATA),
        ("/-/ping".to_owned(), 200, NEVER, json, DATA),
        ("/-/v1/search?text=vue".to_owned(), 200, SHORT, json, DATA),
        ("/-/v1/search".to_owned(), 400, NEVER, json, DATA),
        ("/compare".to_owned(), 200, KEPT, html, PAGE),
        ("/compare?p=vue&p=sample-lib".to_owned(), 200, KEPT, html, PAGE),
        ("/compare?p=%20%C3%A9".to_owned(), 400, NEVER, html, PAGE),
        ("/trends".to_owned(), 200, KEPT, html, PAGE),
        ("/trends/rising".to_owned(), 200, KEPT, html, PAGE),
        ("/trends/nothing".to_owned(), 404, NEVER, html, PAGE),
        ("/downloads/point/last-week/vue".to_owned(), 200, SHORT, json, DATA),
        ("/downloads/point/last-week/constructor".to_owned(), 503, NEVER, json, DATA),
        ("/downloads/point/nonsense/vue".to_owned(), 400, NEVER, json, DATA),
        ("/downloads/range/last-week".to_owned(), 200, SHORT, json, DATA),
        ("/versions/vue/last-week".to_owned(), 503, NEVER, json, DATA),
        ("/api/v1/compare?p=vue".to_owned(), 200, KEPT, json, DATA),
        ("/api/v1/compare".to_owned(), 400, NEVER, json, DATA),
        ("/api/v1/trends/popular".to_owned(), 200, KEPT, json, DATA),
        ("/api/v1/trends/nothing".to_owned(), 404, NEVER, json, DATA),
        ("/api/v1/home".to_owned(), 200, KEPT, json, DATA),
        ("/api/v1/packages/sample-lib".to_owned(), 200, KEPT, json, DATA),
        ("/api/v1/packages/vue".to_owned(), 200, NEVER, json, DATA),
        ("/api/v1/search?q=vue".to_owned(), 200, SHORT, json, DATA),
        ("/api/v1/suggestions?q=vu".to_owned(), 200, SHORT, json, DATA),
        ("/api/v1/status".to_owned(), 200, NEVER, json, DATA),
        ("/api/v1/users/jane".to_owned(), 200, NEVER, json, DATA),
        ("/api/v1/nothing".to_owned(), 404, NEVER, json, DATA),
        ("/api/openapi.json".to_owned(), 200, HOUR, json, DATA),
        ("/chart?p=sample-lib".to_owned(), 200, KEPT, html, PAGE),
        ("/chart?p=no-such-lib".to_owned(), 404, NEVER, html, PAGE),
        ("/chart".to_owned(), 400, NEVER, html, PAGE),
        ("/chart/downloads.json?p=sample-lib".to_owned(), 200, COUNTS, json, DATA),
        ("/chart/downloads.csv?p=sample-lib".to_owned(), 200, COUNTS, "text/csv; charset=utf-8", DATA),
        ("/chart/downloads.svg?p=sample-lib".to_owned(), 200, COUNTS, "image/svg+xml", IMAGE),
        ("/chart/downloads.svg?p=constructor".to_owned(), 200, SHORT, "image/svg+xml", IMAGE),
        ("/chart/downloads.png?p=sample-lib".to_owned(), 404, NEVER, json, DATA),
        ("/oembed?url=/chart%3Fp%3Dsample-lib".to_owned(), 200, COUNTS, json, DATA),
        ("/badge/downloads/week/sample-lib.svg".to_owned(), 200, COUNTS, "image/svg+xml", BADGE),
        ("/badge/downloads/week/constructor.svg".to_owned(), 200, SHORT, "image/svg+xml", BADGE),
        ("/badge/nothing/sample-lib.svg".to_owned(), 404, NEVER, json, DATA),
        ("/img/x/y".to_owned(), 404, NEVER, json, DATA),
    ];
    let assets = assets(&site).await;
    assert!(assets.len() >= 3, "{assets:?}");
    for asset in assets {
        let (kind, policy) = match asset.rsplit('.').next() {
            Some("css") => ("text/css; charset=utf-8", DATA),
            Some("js") => ("text/javascript; charset=utf-8", DATA),
            Some("svg") => ("image/svg+xml", IMAGE),
            _ => panic!("{asset}"),
        };
        table.push((asset, 200, FOREVER, kind, policy));
    }
    for (path, expected, cache, kind, policy) in table {
        // Pages of others may use it.
        let is_shared = kind == json || path.starts_with("/badge/") || path.starts_with("/chart/");
        let (status, headers, body) = get(&site, "GET", &path, &[]).await;
        assert_eq!(status.as_u16(), expected, "{path}");
        for (name, value) in [
            ("cache-control", cache),
            ("content-type", kind),
            ("content-security-policy", policy),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", if is_shared { "cross-origin" } else { "same-origin" }),
            ("access-control-allow-origin", if is_shared { "*" } else { "" }),
            ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"),
            ("set-cookie", ""),
            ("server", ""),
        ] {
            assert_eq!(header(&headers, name), value, "{path}: {name}");
        }
        assert_eq!(headers.contains_key("retry-after"), status == StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(headers.contains_key("etag"), status == StatusCode::OK && cache != NEVER, "{path}: etag");
        assert_eq!(body.is_empty(), status.is_redirection(), "{path}");

        let (head_status, head_headers, head_body) = get(&site, "HEAD", &path, &[]).await;
        assert_eq!((head_status, head_body.len()), (status, 0), "HEAD {path}");
        for name in ["content-type", "cache-control", "content-security-policy", "location"] {
            assert_eq!(header(&head_headers, name), header(&headers, name), "HEAD {path}: {name}");
        }
        if let Some(tag) = headers.get("etag").and_then(|tag| tag.to_str().ok()) {
            assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{path}: {tag}");
            let strong = tag.trim_start_matches("W/");
            for known in [tag, strong, "*", &format!("\"other\", {tag}"), &format!("W/\"a\" ,{strong}, \"b\"")] {
                let (status, headers, body) = get(&site, "GET", &path, &[("if-none-match", known)]).await;
                assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}: {known}");
                assert_eq!((header(&headers, "etag"), header(&headers, "cache-control")), (tag, cache), "{path}");
                assert_eq!((header(&headers, "content-type"), header(&headers, "content-encoding")), ("", ""), "{path}");
                assert_eq!(headers.get_all("vary").iter().collect::<Vec<_>>(), ["accept-encoding"], "{path}");
            }
            for unknown in ["W/\"other\"", "", "nonsense", &strong[1..strong.len() - 1]] {
                assert_eq!(get(&site, "GET", &path, &[("if-none-match", unknown)]).await.0, StatusCode::OK, "{path}: {unknown}");
            }
        }
    }
}

#[tokio::test]
async fn answers_are_compressed() {
    let site = site().await;
    let mut paths = vec!["/", "/about", "/pkg:sample-lib", "/api/openapi.json", "/api/v1/packages/sample-lib"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    // The icon is too small to be worth it.
    paths.extend(assets(&site).await.into_iter().filter(|path| !path.contains("/icon.")));
    for path in paths {
        let (_, headers, plain) = get(&site, "GET", &path, &[]).await;
        assert_eq!(header(&headers, "content-encoding"), "", "{path}");
        assert!(header(&headers, "vary").contains("accept-encoding"), "{path}: {headers:?}");
        let (_, headers, packed) = get(&site, "GET", &path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((header(&headers, "content-encoding"), header(&headers, "content-length")), ("gzip", ""), "{path}");
        assert!(header(&headers, "vary").contains("accept-encoding"), "{path}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain && packed.len() < plain.len(), "{path}");
        let (_, headers, packed) = get(&site, "GET", &path, &[("accept-encoding", "br, gzip;q=0.5")]).await;
        assert_eq!(header(&headers, "content-encoding"), "br", "{path}");
        assert!(packed.len() < plain.len(), "{path}");
        let tags: Vec<_> =
            [get(&site, "GET", &path, &[]).await.1, headers].iter().map(|headers| header(headers, "etag").to_owned()).collect();
        assert_eq!(tags[0], tags[1], "{path}: the same content has the same tag");
    }
}

#[tokio::test]
async fn numbers_for_operators() {
    let site = site().await;
    let metrics = web::Metrics::install().expect("installed once");
    for path in ["/", "/pkg:sample-lib", "/pkg:no-such-lib", "/@jane", "/no/such", "/api/v1/packages/sample-lib"] {
        site.get(path).await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(web::serve_metrics(listener, site.state.clone(), metrics, std::future::pending()));
    let mut connection = tokio::net::TcpStream::connect(address).await.expect("connected");
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut text = String::new();
    connection.read_to_string(&mut text).await.expect("read");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    for line in [
        "pkgstats_http_requests_total{address=\"/pkg:NAME\",status=\"200\"} ",
        "pkgstats_http_requests_total{address=\"/pkg:NAME\",status=\"503\"} ",
        "pkgstats_http_requests_total{address=\"/@USER\",status=\"200\"} ",
        "pkgstats_http_requests_total{address=\"/api/v1/packages/{*name}\",status=\"200\"} ",
        "pkgstats_http_request_seconds_bucket{address=\"/\",le=\"+Inf\"} ",
        "pkgstats_packages ",
        "pkgstats_packages_with_details ",
        "pkgstats_index_behind_changes ",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains("no-such-lib") && !text.contains("sample-lib"), "what is asked for stands in no label");
}
