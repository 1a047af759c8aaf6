//! Images of READMEs: only those that were signed, fetched once, and kept.

use std::time::Duration;

use registry::{ImageKind, Images, Limits};
use sync::{ImageAnswer, ImageKey, Upstream};
use testkit::{FakeRegistry, Fault, folder};
use url::Url;

use crate::context;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on";

/// Who may be asked for images: this server alone.
fn images(server: &FakeRegistry) -> Images {
    let trusted = vec![Url::parse(&server.url()).expect("an address")];
    Images::new(Limits { bytes: 1_000, deadline: Duration::from_secs(5), trusted, ..Limits::default() }).expect("set up")
}

/// The signed part of the local address of an image.
fn signed(key: &ImageKey, url: &str) -> String {
    key.address(url).strip_prefix("/img/").expect("a local address").to_owned()
}

fn why(answer: ImageAnswer) -> String {
    match answer {
        ImageAnswer::Unavailable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn signed_and_fetched_once_and_kept() {
    let (data, server) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    // What the server says it is does not matter, what it is does.
    server.set_answer("/a.png?x=1", 200, vec![("content-type", "text/html".to_owned())], PNG);
    let address = signed(&key, &format!("{}/a.png?x=1", server.url()));
    let (upstream, _wishes) = Upstream::new(&context, key.clone(), true, Some(images(&server)));
    let many = tokio::join!(upstream.image(&address), upstream.image(&address), upstream.image(&address));
    for answer in [many.0, many.1, many.2, upstream.image(&address).await] {
        assert!(matches!(&answer, ImageAnswer::Found(bytes, ImageKind::Png) if bytes == PNG), "{answer:?}");
    }
    assert_eq!(server.count("/a.png?x=1"), 1);
    let asked = &server.requests()[0];
    assert!(asked.authorization.is_none() && !asked.headers.contains_key("cookie") && !asked.headers.contains_key("referer"));
    // Another process, offline, with the same key of the same store.
    let key = ImageKey::load(&context.store).await.expect("a key");
    assert_eq!(signed(&key, &format!("{}/a.png?x=1", server.url())), address);
    let (offline, _wishes) = Upstream::new(&context, key, false, Some(images(&server)));
    assert!(matches!(offline.image(&address).await, ImageAnswer::Found(bytes, ImageKind::Png) if bytes == PNG));
    assert_eq!(server.count("/a.png?x=1"), 1);
    let kept: Vec<String> = std::fs::read_dir(data.path().join("images"))
        .expect("kept")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(kept.len() == 1 && kept[0].split('.').next_back() == Some("png"), "{kept:?}");
}

#[tokio::test]
async fn forged_and_offline() {
    let (data, server) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    server.set_answer("/a.png", 200, vec![], PNG);
    let url = format!("{}/a.png", server.url());
    let address = signed(&key, &url);
    let (upstream, _wishes) = Upstream::new(&context, key.clone(), true, Some(images(&server)));
    let (signature, rest) = address.split_once('/').expect("two parts");
    let other = signed(&key, &format!("{}/b.png", server.url()));
    let (_, other) = other.split_once('/').expect("two parts");
    for forged in
        ["", "/", &url, signature, rest, &format!("{signature}/{other}"), &format!("{}/{rest}", &signature[..10]), &format!("x{address}")]
    {
        assert!(matches!(upstream.image(forged).await, ImageAnswer::Forged), "{forged}");
    }
    let (offline, _wishes) = Upstream::new(&context, key, false, Some(images(&server)));
    assert!(why(offline.image(&address).await).contains("offline"));
    assert!(matches!(offline.image("x/y").await, ImageAnswer::Forged));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn failures_are_remembered() {
    let (data, server) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    let (upstream, _wishes) = Upstream::new(&context, key.clone(), true, Some(images(&server)));
    server.set_answer("/page.png", 200, vec![("content-type", "image/png".to_owned())], "<html><script>");
    server.set_answer("/large.png", 200, vec![], [PNG, &[0; 2_000]].concat());
    server.set_answer("/cut.png", 200, vec![], PNG);
    server.fail("/cut.png", [Fault::Cut(9)]);
    for (path, words) in
        [("/page.png", "not an image"), ("/large.png", "larger than"), ("/gone.png", "404"), ("/cut.png", "could not be read")]
    {
        let address = signed(&key, &format!("{}{path}", server.url()));
        for _ in 0..3 {
            let why = why(upstream.image(&address).await);
            assert!(why.contains(words), "{path}: {why}");
        }
        assert_eq!(server.count(path), 1, "{path}");
    }
    // Signed or not, nothing on this machine but the trusted server is asked.
    for url in [
        "http://127.0.0.1:9/x.png",
        "http://[::1]/x.png",
        "http://10.0.0.1/x.png",
        "ftp://img.example/x.png",
        "http://jane:x@img.example/x.png",
    ] {
        let why = why(upstream.image(&signed(&key, url)).await);
        assert!(why.contains("not asked"), "{url}: {why}");
    }
    assert!(!data.path().join("images").exists(), "nothing is kept of failures");
}
