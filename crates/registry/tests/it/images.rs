//! Images from servers that mean no good.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use registry::{Image, ImageError, ImageKind, Images, Limits};
use testkit::{FakeRegistry, Fault};
use url::Url;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn images_of(server: &FakeRegistry, limits: Limits) -> Images {
    Images::new(Limits { trusted: vec![Url::parse(&server.url()).expect("an address")], ..limits }).expect("a client")
}

async fn fetch(images: &Images, server: &FakeRegistry, path: &str) -> Result<Image, ImageError> {
    images.fetch(&Url::parse(&format!("{}{path}", server.url())).expect("an address")).await
}

#[test]
fn kinds() {
    for kind in ImageKind::ALL {
        assert!(kind.media_type().starts_with("image/"));
        assert!(kind.extension().len() <= 4);
    }
}

#[test]
fn first_bytes_tell() {
    let check = |bytes: &[u8], expected: Option<ImageKind>| {
        assert_eq!(ImageKind::of_bytes(bytes), expected, "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    };
    check(PNG, Some(ImageKind::Png));
    check(&PNG[..7], None);
    check(b"\xff\xd8\xff\xe0\0\x10JFIF", Some(ImageKind::Jpeg));
    check(b"GIF87a\x01", Some(ImageKind::Gif));
    check(b"GIF89a\x01", Some(ImageKind::Gif));
    check(b"GIF88a\x01", None);
    check(b"RIFF\x24\0\0\0WEBPVP8 ", Some(ImageKind::Webp));
    check(b"RIFF\x24\0\0\0WAVEfmt ", None);
    check(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B", Some(ImageKind::Avif));
    check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avis", Some(ImageKind::Avif));
    check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heicavif", None);
    check(b"\0\0\0\x14ftypisomavifisom", None);
    check(&[&b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0"[..], &[0; 16]].concat(), Some(ImageKind::Ico));
    check(&[&b"\0\0\x02\0\x01\0\x10\x10\0\0\x01\0\x20\0"[..], &[0; 16]].concat(), None);
    check(&[0; 64], None);
    check(&[&b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"[..], &[0; 40]].concat(), Some(ImageKind::Bmp));
    check(b"BM is a name of a company that makes things", None);
    let svg = [
        "<svg>",
        "<svg/>",
        "\u{feff}<svg xmlns='http://www.w3.org/2000/svg'>",
        "\n\t <svg\nwidth='1'>",
        "<svg:svg xmlns:svg='x'>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made by > a -- tool -->\n<svg >",
        "<?xml version='1.0'?><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\"><svg >",
        "<!DOCTYPE svg [ <!ENTITY ns \"a]>b\"> <!ENTITY x 'y'> ]>\n<!-- a --><!-- b --><svg >",
    ];
    for text in svg {
        check(text.as_bytes(), Some(ImageKind::Svg));
    }
    let far = format!("<!--{}--><svg>", "x".repeat(4_096));
    let others = [
        "",
        "<",
        "<svgx>",
        "<svg",
        "<SVG>",
        "<html><svg>",
        "<!doctype html><html>",
        "<!-- <svg> --><p>",
        "<!-- <svg>",
        "<?xml <svg>",
        "x<svg>",
        "{\"svg\":1}",
        "<!DOCTYPE svg [ <svg>",
        &far,
    ];
    for text in others {
        check(text.as_bytes(), None);
    }
}

#[tokio::test]
async fn an_image_is_fetched_without_a_word_about_us() {
    let server = FakeRegistry::start().await;
    // Whatever the header says.
    server.set_answer("/a.png?raw=true", 200, vec![("content-type", "text/plain".to_owned()), ("set-cookie", "a=b".to_owned())], PNG);
    server.set_answer("/moved", 302, vec![("location", "/a.png?raw=true".to_owned()), ("set-cookie", "a=b".to_owned())], "");
    let image = fetch(&images_of(&server, Limits::default()), &server, "/moved#part").await.expect("an image");
    assert_eq!((&image.bytes[..], image.kind), (PNG, ImageKind::Png));
    for request in server.requests() {
        assert!(request.headers["user-agent"].starts_with("pkgstats/"));
        let mut names: Vec<&str> = request.headers.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    }
}

#[tokio::test]
async fn what_is_no_image_is_not_one() {
    let server = FakeRegistry::start().await;
    let images = images_of(&server, Limits::default());
    let html = "<!DOCTYPE html><html><body><svg></svg></body></html>";
    for body in [html.to_owned(), String::new(), "x".repeat(100_000), "{}".to_owned()] {
        server.set_answer("/a.png", 200, vec![("content-type", "image/png".to_owned())], body.clone());
        let error = fetch(&images, &server, "/a.png").await.expect_err("no image");
        assert!(matches!(error, ImageError::NotAnImage { .. }), "{error}");
    }
    // Neither is a page sent without end.
    server.set_answer("/a.png", 200, vec![], "x".repeat(1 << 20));
    server.throttle(Some(200_000));
    let began = Instant::now();
    let error = fetch(&images, &server, "/a.png").await.expect_err("no image");
    assert!(matches!(error, ImageError::NotAnImage { .. }) && began.elapsed() < Duration::from_secs(3), "{error}");
}

#[tokio::test]
async fn addresses_that_are_refused() {
    let images = Images::new(Limits::default()).expect("a client");
    let refused = [
        "http://127.0.0.1/a",
        "http://127.0.0.1:8080/a",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "http://[fd00::1]:8443/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "https://192.168.0.1/",
        "http://100.100.100.200/",
        "http://localhost/",
        "http://LOCALHOST:8080/",
        "ftp://images.example/a.png",
        "file:///etc/passwd",
        "data:image/png;base64,AA==",
        "gopher://images.example/",
        "https://images.example:22/a.png",
        "https://images.example:80/a.png",
        "http://images.example:443/a.png",
        "http://images.example:6379/",
        "https://user@images.example/",
        "https://user:canary@images.example/",
        "https://:canary@images.example/",
    ];
    for url in refused {
        let error = images.fetch(&Url::parse(url).expect("an address")).await.expect_err(url);
        assert!(matches!(error, ImageError::Refused { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn redirects_are_checked() {
    let (server, inside) = (FakeRegistry::start().await, FakeRegistry::start().await);
    let images = images_of(&server, Limits::default());
    inside.set_answer("/a.png", 200, vec![], PNG);
    let check = async |target: &str| {
        server.set_answer("/a.png", 301, vec![("location", target.to_owned())], "");
        fetch(&images, &server, "/a.png?token=canary").await.expect_err("not followed");
        let error = fetch(&images, &server, "/a.png").await.expect_err("not followed");
        assert!(!error.to_string().contains("canary"), "{error}");
        error
    };
    let port = inside.url().rsplit(':').next().map(str::to_owned).expect("a port");
    for target in [
        format!("{}/a.png?token=canary", inside.url()),
        format!("//127.1:{port}/a.png"),
        format!("http://localhost:{port}/a.png"),
        "http://127.0.0.1/".to_owned(),
        "http://localhost/".to_owned(),
        "http://u:canary@images.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let error = check(&target).await;
        assert!(matches!(error, ImageError::Refused { .. }), "{target}: {error}");
    }
    assert!(inside.requests().is_empty());
    let before = server.requests().len();
    let circle = check("/a.png").await;
    assert!(matches!(&circle, ImageError::Unavailable { reason, .. } if reason.contains("circle")), "{circle}");
    assert_eq!(server.requests().len(), before + 1 + 6);
    assert!(matches!(check("http://").await, ImageError::Unavailable { .. }));
}

#[tokio::test]
async fn answers_that_are_none() {
    let server = FakeRegistry::start().await;
    let images = images_of(&server, Limits::default());
    for status in [400, 401, 403, 404, 410, 451] {
        server.set_answer("/a.png", status, vec![], PNG);
        let error = fetch(&images, &server, "/a.png").await.expect_err("gone");
        assert!(matches!(error, ImageError::Gone { status: found, .. } if found == status), "{error}");
    }
    for status in [304, 408, 425, 429, 500, 503, 522] {
        server.set_answer("/a.png", status, vec![], PNG);
        let error = fetch(&images, &server, "/a.png").await.expect_err("not now");
        assert!(matches!(error, ImageError::Unavailable { .. }), "{error}");
    }
    server.set_answer("/a.png", 200, vec![], PNG);
    server.fail("/a.png", [Fault::Cut(10)]);
    let error = fetch(&images, &server, "/a.png?token=canary").await.expect_err("no such path");
    assert!(!error.to_string().contains("canary"), "{error}");
    let error = fetch(&images, &server, "/a.png").await.expect_err("cut");
    assert!(matches!(error, ImageError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn large_images_are_refused() {
    let server = FakeRegistry::start().await;
    let limit = 100_000;
    let images = images_of(&server, Limits { bytes: limit, ..Limits::default() });
    let of_length = |length: u64| [PNG, &vec![7; length as usize - PNG.len()]].concat();
    let too_large = async || {
        let error = fetch(&images, &server, "/a.png").await.expect_err("too large");
        assert!(matches!(error, ImageError::TooLarge { limit: 100_000, .. }), "{error}");
    };
    for speed in [None, Some(1 << 30)] {
        server.throttle(speed);
        server.set_answer("/a.png", 200, vec![], of_length(limit + 1));
        too_large().await;
        server.set_answer("/a.png", 200, vec![], of_length(limit));
        assert_eq!(fetch(&images, &server, "/a.png").await.expect("just fits").bytes.len() as u64, limit);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&of_length(64 << 20)).expect("memory does not fail");
        let bomb = encoder.finish().expect("memory does not fail");
        assert!((bomb.len() as u64) < limit);
        server.set_answer("/a.png", 200, vec![("content-encoding", "gzip".to_owned())], bomb);
        too_large().await;
    }
}

#[tokio::test]
async fn slow_servers_are_left() {
    let server = FakeRegistry::start().await;
    let images = images_of(&server, Limits { deadline: Duration::from_millis(400), ..Limits::default() });
    server.set_answer("/a.png", 200, vec![], [PNG, &[7; 1_000]].concat());
    server.throttle(Some(200));
    server.fail("/hangs.png", [Fault::Hang]);
    for path in ["/a.png", "/hangs.png"] {
        let began = Instant::now();
        let error = fetch(&images, &server, path).await.expect_err("too slow");
        assert!(matches!(&error, ImageError::Unavailable { reason, .. } if reason.contains("400 ms")), "{error}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

/// Images can be fetched from a task of its own.
#[test]
fn fetches_can_be_spawned() {
    fn is_send<T: Send>(_: impl FnOnce(&'static Images, &'static Url) -> T) {}
    is_send(Images::fetch);
}
