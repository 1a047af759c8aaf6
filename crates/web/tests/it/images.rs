//! README images: fetched by the server, and from nowhere but where they may be.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use testkit::FakeRegistry;

use crate::html;
use crate::site::{Site, header, registry};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
const SVG: &[u8] = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>pwned(1)</script></svg>"#;

async fn image(site: &Site, path: &str) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    site.bytes(Request::get(path).body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn an_image_of_a_readme() {
    let registry = registry().await;
    registry.set_answer("/picture.png", 200, vec![("content-type", "text/html".to_owned())], PNG);
    let site = Site::live(&[], &registry).await;
    let page = site.page("/pkg:sample-lib", StatusCode::OK).await;
    let images: Vec<String> =
        html::tags(&page).iter().filter(|tag| tag.name == "img").filter_map(|tag| Some(tag.get("src")?.to_owned())).collect();
    assert_eq!(images.len(), 1, "{page}");
    for _ in 0..2 {
        let (status, headers, bytes) = image(&site, &images[0]).await;
        assert_eq!((status, bytes.as_slice()), (StatusCode::OK, PNG));
        assert_eq!((header(&headers, "content-type"), header(&headers, "cache-control")), ("image/png", "public, max-age=86400"));
        assert!(header(&headers, "content-security-policy").contains("sandbox"), "{headers:?}");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
    }
    assert_eq!(registry.count("/picture.png"), 1, "it is kept");
    let asked: Vec<_> = registry.requests().into_iter().filter(|request| request.path == "/picture.png").collect();
    assert!(!asked[0].headers.contains_key("referer") && !asked[0].headers.contains_key("cookie"), "{:?}", asked[0].headers);
}

#[tokio::test]
async fn images_that_are_not_shown() {
    let (registry, other) = (registry().await, FakeRegistry::start().await);
    let site = Site::live(&[], &registry).await;
    registry.set_answer("/drawing.svg", 200, vec![], SVG);
    other.set_answer("/inside.png", 200, vec![], PNG);
    registry.set_answer("/away.png", 302, vec![("location", format!("{}/inside.png", other.url()))], "");
    registry.set_answer("/meta.png", 302, vec![("location", "http://169.254.169.254/latest/meta-data".to_owned())], "");
    registry.set_answer("/file.png", 302, vec![("location", "file:///etc/passwd".to_owned())], "");
    registry.set_answer("/page.png", 200, vec![("content-type", "image/png".to_owned())], "<!doctype html><script>pwned(1)</script>");
    let (status, headers, bytes) = image(&site, &site.key.address(&format!("{}/drawing.svg", registry.url()))).await;
    assert_eq!((status, header(&headers, "content-type"), bytes.as_slice()), (StatusCode::OK, "image/svg+xml", SVG));
    assert_eq!(
        header(&headers, "content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
    );
    let ours = |path: &str| site.key.address(&format!("{}{path}", registry.url()));
    let genuine = ours("/drawing.svg");
    let (signature, address) = genuine.rsplit_once('/').expect("two parts");
    for (path, code) in [
        (ours("/away.png"), "ERR_IMAGE"),
        (ours("/meta.png"), "ERR_IMAGE"),
        (ours("/file.png"), "ERR_IMAGE"),
        (ours("/page.png"), "ERR_IMAGE"),
        (ours("/missing.png"), "ERR_IMAGE"),
        (site.key.address(&format!("{}/inside.png", other.url())), "ERR_IMAGE"),
        (site.key.address("http://127.0.0.1/x.png"), "ERR_IMAGE"),
        (site.key.address("http://[::1]/x.png"), "ERR_IMAGE"),
        (site.key.address("http://169.254.169.254/x.png"), "ERR_IMAGE"),
        (site.key.address("file:///etc/passwd"), "ERR_IMAGE"),
        (format!("/img/AAAAAAAAAAAAAAAAAAAAAA/{address}"), "ERR_NOT_FOUND"),
        (format!("{signature}/{address}AA"), "ERR_NOT_FOUND"),
        (format!("{signature}/x"), "ERR_NOT_FOUND"),
        ("/img/x/y".to_owned(), "ERR_NOT_FOUND"),
        ("/img/x/y/z".to_owned(), ""),
        ("/img/x".to_owned(), ""),
        ("/img/".to_owned(), ""),
    ] {
        let (status, headers, bytes) = image(&site, &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&headers, "cache-control"), "no-store", "{path}");
        if !code.is_empty() {
            let problem: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(problem["code"], code, "{path}: {problem}");
        }
    }
    assert_eq!(other.requests().len(), 0, "another server on loopback is never asked");
}
