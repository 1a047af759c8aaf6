//! What nobody should send, and what everybody who sends it gets: the right status, and a page.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::html;
use crate::site::{BARE, Site, VUE, header};

/// A text as a path or a query may hold them.
fn encoded(text: &str) -> String {
    percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn addresses_that_make_no_sense() {
    let site = Site::offline(&[VUE, BARE]).await;
    let long = "x".repeat(10_240);
    for (path, status) in [
        ("/pkg:".to_owned(), 404),
        ("/pkg:%20".to_owned(), 404),
        ("/pkg:..".to_owned(), 404),
        ("/pkg:.".to_owned(), 404),
        ("/pkg:../../etc/passwd".to_owned(), 404),
        ("/pkg:..%2f..%2fetc%2fpasswd".to_owned(), 404),
        ("/pkg:%2e%2e".to_owned(), 404),
        ("/pkg:%2e%2e%2f%2e%2e".to_owned(), 404),
        ("/pkg:@%2e%2e/x".to_owned(), 404),
        ("/pkg:@a/..".to_owned(), 404),
        ("/pkg:@a".to_owned(), 404),
        ("/pkg:@/x".to_owned(), 404),
        ("/pkg:a/b".to_owned(), 404),
        ("/pkg:vue/".to_owned(), 404),
        ("/pkg:@a/b/c".to_owned(), 404),
        ("/pkg:vue%00".to_owned(), 404),
        ("/pkg:%00".to_owned(), 404),
        ("/pkg:vue%0d%0aset-cookie:%20a=b".to_owned(), 404),
        ("/pkg:%ff%fe".to_owned(), 404),
        ("/pkg:%".to_owned(), 404),
        ("/pkg:%zz".to_owned(), 404),
        ("/pkg:a%20b".to_owned(), 404),
        ("/pkg:%F0%9F%A6%80".to_owned(), 404),
        ("/pkg:%E2%80%AEeuv".to_owned(), 404),
        ("/pkg:%3Cscript%3Epwned()%3C%2Fscript%3E".to_owned(), 404),
        ("/pkg:'%22%3E%3Cimg%20src=x%20onerror=pwned()%3E".to_owned(), 404),
        (format!("/pkg:{long}"), 404),
        (format!("/pkg:@{long}/x"), 404),
        (format!("/pkg:vue@{long}"), 404),
        ("/pkg:vue@%00".to_owned(), 404),
        ("/pkg:vue@a%20b".to_owned(), 404),
        ("/pkg:vue@%3Cscript%3E".to_owned(), 404),
        ("/pkg:vue@".to_owned(), 200),
        ("/pkg:%76ue".to_owned(), 200),
        ("/pkg%3Avue".to_owned(), 200),
        ("/PKG:vue".to_owned(), 404),
        ("/pkg:vue?versions=%00&versions=%ff&%ff=%ff&&&=&versions".to_owned(), 200),
        ("/@".to_owned(), 404),
        ("/~".to_owned(), 404),
        ("/@..".to_owned(), 404),
        ("/@%00".to_owned(), 404),
        ("/@a/b/c".to_owned(), 404),
        ("/@%3Cscript%3E".to_owned(), 404),
        ("/@evan?from=18446744073709551615".to_owned(), 200),
        ("/@evan?from=-1&sort=%00".to_owned(), 200),
        (format!("/@{long}"), 404),
        ("/package/".to_owned(), 404),
        ("/package/..".to_owned(), 404),
        ("/package/a/b/c".to_owned(), 404),
        ("/package/vue/v/".to_owned(), 404),
        ("/assets/".to_owned(), 404),
        ("/assets/../Cargo.toml".to_owned(), 404),
        ("/assets/style.css".to_owned(), 404),
        ("//evil.example/".to_owned(), 404),
        ("/%2f%2fevil.example".to_owned(), 404),
        ("/..%2f..%2fetc/passwd".to_owned(), 404),
        ("/%ff".to_owned(), 404),
        (format!("/{long}"), 404),
        ("/about/".to_owned(), 404),
        ("/index.php".to_owned(), 404),
    ] {
        let (answered, headers, page) = site.get(&path).await;
        assert_eq!(answered.as_u16(), status, "{path:.80}: {page}");
        if status != 308 {
            assert_eq!(header(&headers, "content-type"), "text/html; charset=utf-8", "{path:.80}");
            html::check(&path[..path.len().min(80)], &page);
            assert!(page.len() < 32_000, "{path:.80}: a long input makes a long page");
            assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path:.80}: {page}");
            assert!(!page.contains('\u{202e}') && !page.contains('\0'), "{path:.80}: hidden characters");
        }
        assert!(!headers.contains_key("set-cookie"), "{path:.80}");
        assert!(!header(&headers, "location").starts_with("//"), "{path:.80}");
    }
}

#[tokio::test]
async fn texts_that_make_no_sense() {
    let site = Site::offline(&[VUE, BARE]).await;
    for (text, status) in [
        ("x".to_owned(), 200),
        ("-".to_owned(), 200),
        ("?!.,;:#'\"()[]{}".to_owned(), 200),
        ("*".to_owned(), 200),
        ("\"".to_owned(), 200),
        ("\"unclosed phrase".to_owned(), 200),
        ("AND OR NOT (".to_owned(), 200),
        ("name:".to_owned(), 200),
        (":".to_owned(), 200),
        ("scope:@@@".to_owned(), 200),
        ("-vue".to_owned(), 200),
        ("مرحبا بالعالم".to_owned(), 200),
        ("\u{202e}euv\u{202c} \u{2066}x".to_owned(), 200),
        ("🦀🦀🦀".to_owned(), 200),
        ("👩‍👩‍👧‍👦".to_owned(), 200),
        ("日本語 パッケージ".to_owned(), 200),
        ("a\u{301}\u{301}\u{301}\u{301}".to_owned(), 200),
        ("<script>pwned(1)</script>".to_owned(), 200),
        ("\"><img src=x onerror=pwned(1)>".to_owned(), 200),
        ("' OR 1=1; DROP TABLE packages; --".to_owned(), 200),
        ("{{ 7 * 7 }} ${7*7} %{7}".to_owned(), 200),
        ("\0".to_owned(), 200),
        ("a\r\nSet-Cookie: a=b".to_owned(), 200),
        ("pkg:".to_owned(), 200),
        ("@".to_owned(), 200),
        ("@a/b/c".to_owned(), 200),
        ("javascript:pwned(1)".to_owned(), 200),
        ("//evil.example".to_owned(), 200),
        ("x".repeat(512), 200),
        ("é".repeat(512), 200),
        ("x".repeat(513), 400),
        ("x".repeat(5_000), 400),
        ("x ".repeat(2_500), 400),
        ("🦀".repeat(5_000), 400),
    ] {
        let path = format!("/?q={}", encoded(&text));
        let (answered, headers, page) = site.get(&path).await;
        assert_eq!(answered.as_u16(), status, "{text:.40}: {page}");
        assert_eq!(header(&headers, "content-type"), "text/html; charset=utf-8", "{text:.40}");
        html::check(&path[..path.len().min(80)], &page);
        assert!(!page.contains("<script>pwned") && !page.contains("<img src=x"), "{text:.40}: {page}");
        assert!(!page.contains("49 ") || !text.contains("7*7"), "{text:.40}");
        let (answered, ..) = site.get(&format!("/api/v1/search?q={}", encoded(&text))).await;
        let (suggested, ..) = site.get(&format!("/api/v1/suggestions?q={}", encoded(&text))).await;
        assert_eq!(suggested, StatusCode::OK, "suggestions for {text:?}");
        assert_eq!(answered.as_u16(), status, "{text:.40} as JSON");
    }
    // The text comes back in the box as it was typed.
    let page = site.page(&format!("/?q={}", encoded("a \"b\" <c> & 'd'")), StatusCode::OK).await;
    let tags = html::tags(&page);
    assert_eq!(tags.iter().find(|tag| tag.get("name") == Some("q")).and_then(|tag| tag.get("value")), Some("a \"b\" <c> & 'd'"));
    for (path, status) in [
        ("/?q=%ff%fe", 200),
        ("/?q=%", 200),
        ("/?q=vue&from=", 200),
        ("/?q=vue&from=-1", 200),
        ("/?q=vue&from=1e9", 200),
        ("/?q=vue&from=99980", 200),
        ("/?q=vue&from=99999", 200),
        ("/?q=vue&from=100000", 400),
        ("/?q=vue&from=18446744073709551615", 400),
        ("/?q=vue&from=99999999999999999999999", 200),
        ("/?&&&=&q=vue&q=%00", 200),
        ("/?%00=%00", 200),
        ("/?q", 200),
    ] {
        html::check(path, &site.page(path, StatusCode::from_u16(status).expect("a status")).await);
    }
}

#[tokio::test]
async fn other_methods_bodies_and_headers() {
    let site = Site::offline(&[VUE]).await;
    for path in [
        "/",
        "/about",
        "/pkg:vue",
        "/@evan",
        "/-/v1/search?text=vue",
        "/api/v1/search",
        "/api/v1/suggestions",
        "/api/v1/packages/vue",
        "/img/a/b",
        "/no/such",
        "/healthz",
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
            let request = Request::builder().method(method).uri(path).body(Body::from("x=1")).expect("a request");
            let (status, headers, body) = site.send(request).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {body}");
            assert_eq!(headers.get_all("allow").iter().collect::<Vec<_>>(), ["GET,HEAD"], "{method} {path}");
        }
        let request = Request::get(path).body(Body::from(vec![b'x'; 1 << 20])).expect("a request");
        assert!(!site.send(request).await.0.is_server_error(), "a body nobody asked for: {path}");
        for (name, value) in [
            ("if-none-match", "\"\"\"\",,W/"),
            ("accept-encoding", "br;q=nonsense, *;q=0"),
            ("range", "bytes=0-0"),
            ("host", "evil.example"),
            ("cookie", "a"),
        ] {
            let request = Request::get(path).header(name, value).body(Body::empty()).expect("a request");
            let (status, _, _) = site.bytes(request).await;
            assert!(!status.is_server_error(), "{path} {name}");
        }
    }
    // What stands in a pattern of the router is refused as an address, not as a failure.
    for path in [
        "/img/%ff/x",
        "/img/x/%ff",
        "/api/v1/packages/%ff",
        "/api/v1/users/%ff",
        "/api/v1/packages/..",
        "/api/v1/packages/%00",
        "/api/v1/users/..",
        "/api/v1/users/%20",
        "/api/v1/packages/a%2fb",
        "/api/v1/packages/@a",
        "/api/v1/users/a/b",
    ] {
        let (status, headers, body) = site.get(path).await;
        assert!([400, 404].contains(&status.as_u16()), "{path}: {status} {body}");
        assert_eq!(
            (header(&headers, "content-type"), header(&headers, "cache-control")),
            ("application/json", "no-store"),
            "{path}: {body}"
        );
    }
}
