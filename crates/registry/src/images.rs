//! The images that READMEs show, from servers that anybody may have chosen.
//!
//! An address in a README must not make this machine ask its own network. Every address that is connected to is therefore a public one,
//! checked after the name was resolved and for each redirect anew, and images are fetched directly: a proxy would resolve names by itself.
//! What arrives is known by its first bytes alone.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::StatusCode;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, HeaderValue, LOCATION};
use url::{Origin, Url};

use crate::address::{is_public, literal, lookup};
use crate::error::{causes, shown};
use crate::{Error, client};

/// So many bytes tell what an image is.
const HEAD: usize = 4096;
/// More redirects than this are a loop.
const MAX_REDIRECTS: usize = 5;
/// Servers of the public web are at their scheme's own port or at one of these.
const PORTS: [u16; 2] = [8080, 8443];

/// What fetching an image may cost, and where else than on the public Internet images may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest image, in bytes, after any encoding of the transfer is undone.
    pub bytes: u64,
    /// How long a connection may take to come about, resolving the name included.
    pub connect: Duration,
    /// How long everything may take, redirects and body included.
    pub deadline: Duration,
    /// Servers that may be at addresses that are not public and at any port, for tests and for installations whose packages show images of
    /// their own network. Scheme, host and port count; everything else in the addresses does not.
    pub trusted: Vec<Url>,
}

/// 5 MiB, 5 and 10 seconds, nobody trusted.
impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 5 << 20, connect: Duration::from_secs(5), deadline: Duration::from_secs(10), trusted: Vec::new() }
    }
}

/// What an image is, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageKind {
    /// Portable Network Graphics, moving ones included.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// AVIF, moving ones included.
    Avif,
    /// Scalable Vector Graphics: a document that may hold scripts, to be shown only where they do not run.
    Svg,
    /// Icons of Windows.
    Ico,
    /// Bitmaps of Windows.
    Bmp,
}

impl ImageKind {
    /// All of them.
    pub const ALL: [Self; 8] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp, Self::Avif, Self::Svg, Self::Ico, Self::Bmp];

    /// The media type, as in a header `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Svg => "image/svg+xml",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Bmp => "image/bmp",
        }
    }

    /// The ending of a file's name, without a dot. It stays the same from version to version.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Svg => "svg",
            Self::Ico => "ico",
            Self::Bmp => "bmp",
        }
    }

    /// What the first 4096 bytes say.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let head = &bytes[..bytes.len().min(HEAD)];
        match head {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [a, b, c, d, b'f', b't', b'y', b'p', ..] => is_avif(head, u32::from_be_bytes([*a, *b, *c, *d])).then_some(Self::Avif),
            // At least one image, whose directory entry has its reserved byte.
            [0, 0, 1, 0, low, high, _, _, _, 0, ..] if (*low, *high) != (0, 0) && head.len() >= 22 => Some(Self::Ico),
            // Two reserved numbers, and the size of one of the known headers.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => Some(Self::Bmp),
            _ => is_svg(head).then_some(Self::Svg),
        }
    }
}

/// Whether a file type box of so many bytes names AVIF among its brands, of which the second is a version.
fn is_avif(head: &[u8], size: u32) -> bool {
    let end = head.len().min(size as usize);
    let brands = head.get(8..end).unwrap_or_default().chunks_exact(4).enumerate();
    brands.filter(|(place, _)| *place != 1).any(|(_, brand)| brand == b"avif" || brand == b"avis")
}

/// Whether the first element is `svg`, whatever of XML's prolog comes before.
fn is_svg(head: &[u8]) -> bool {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    loop {
        rest = rest.trim_ascii_start();
        let after = if rest.starts_with(b"<?") {
            after(rest, b"?>")
        } else if rest.starts_with(b"<!--") {
            after(&rest[4..], b"-->")
        } else if rest.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype")) {
            after_document_type(rest)
        } else {
            let name = rest.strip_prefix(b"<svg:svg").or_else(|| rest.strip_prefix(b"<svg"));
            return name.and_then(<[u8]>::first).is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'));
        };
        match after {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let place = text.windows(end.len()).position(|window| window == end)?;
    Some(&text[place + end.len()..])
}

/// What comes after a document type declaration, which may hold others in brackets, and anything in quotes.
fn after_document_type(text: &[u8]) -> Option<&[u8]> {
    let (mut quote, mut inside) = (None, false);
    for (place, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'[') => inside = true,
            (None, b']') => inside = false,
            (None, b'>') if !inside => return Some(&text[place + 1..]),
            _ => {}
        }
    }
    None
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The file.
    pub bytes: Bytes,
    /// What it is.
    pub kind: ImageKind,
}

/// Why there is no image. Addresses in messages never hold credentials or queries.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// An address that is not asked: where it is, or how it is written.
    #[error("{url:?} is not asked for an image: {reason}")]
    Refused {
        /// The address, perhaps one that was redirected to.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The answer is no image, or of a kind that is not known.
    #[error("{url} is not an image")]
    NotAnImage {
        /// What was asked.
        url: String,
    },
    /// An image larger than is kept.
    #[error("{url} is larger than {limit} bytes, which is the most that is accepted")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The cap, in bytes.
        limit: u64,
    },
    /// The server does not have it or does not show it (4xx).
    #[error("{url} answered {status}")]
    Gone {
        /// What was asked.
        url: String,
        /// The status of the answer.
        status: u16,
    },
    /// No answer, none in time, not a whole one, or a broken or busy server (408, 425, 429, 5xx); another time may be better.
    #[error("{url} could not be read: {reason}")]
    Unavailable {
        /// What was asked.
        url: String,
        /// What happened.
        reason: String,
    },
}

/// Fetches images, cheap to clone. No cookies, no credentials and no referrer are sent, and no proxy is used.
#[derive(Debug, Clone)]
pub struct Images {
    http: reqwest::Client,
    limits: Arc<Limits>,
}

impl Images {
    /// Sets up connections.
    pub fn new(limits: Limits) -> Result<Self, Error> {
        Self::with_lookup(limits, lookup)
    }

    fn with_lookup<F>(limits: Limits, lookup: impl Fn(String) -> F + Send + Sync + 'static) -> Result<Self, Error>
    where
        F: Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        let trusted = limits.trusted.iter().filter_map(|url| url.domain().map(str::to_owned)).collect();
        let lookup: Lookup = Box::new(move |name| Box::pin(lookup(name)));
        let http = reqwest::Client::builder()
            .user_agent(client::USER_AGENT)
            .connect_timeout(limits.connect)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .dns_resolver(PublicOnly { lookup: Arc::new(lookup), trusted })
            .build()
            .map_err(|error| client::setup(&error))?;
        Ok(Self { http, limits: Arc::new(limits) })
    }

    /// Fetches one image: at most five redirects, each checked as the first address is.
    pub async fn fetch(&self, url: &Url) -> Result<Image, ImageError> {
        match tokio::time::timeout(self.limits.deadline, self.follow(url)).await {
            Ok(result) => result,
            Err(_) => Err(ImageError::Unavailable {
                url: shown(url),
                reason: format!("it took longer than {} ms", self.limits.deadline.as_millis()),
            }),
        }
    }

    async fn follow(&self, url: &Url) -> Result<Image, ImageError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let accepted = HeaderValue::from_static("image/avif,image/webp,image/svg+xml,image/png,image/*;q=0.9,*/*;q=0.5");
            let answer = self.http.get(url.clone()).header(ACCEPT, accepted).send().await.map_err(|error| failed(&url, &error))?;
            let status = answer.status();
            if status.is_success() {
                return self.read(answer, &url).await;
            }
            if !status.is_redirection() {
                return Err(refusal(&url, status));
            }
            let target = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = target
                .and_then(|target| url.join(target).ok())
                .ok_or_else(|| unavailable(&url, "it redirects without a usable address"))?;
        }
        Err(unavailable(&url, "it redirects in a circle"))
    }

    /// Checks everything about an address but what its name resolves to, which [`PublicOnly`] sees.
    fn check(&self, url: &Url) -> Result<(), ImageError> {
        let refused = |reason| Err(ImageError::Refused { url: shown(url), reason });
        if !matches!(url.scheme(), "http" | "https") {
            return refused("only http and https are asked");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it holds credentials");
        }
        let origin = url.origin();
        if self.limits.trusted.iter().any(|trusted| is_same(&trusted.origin(), &origin)) {
            return Ok(());
        }
        // The resolver, which sees no ports, lets this name through.
        if url.domain().is_some_and(|name| self.limits.trusted.iter().any(|trusted| trusted.domain() == Some(name))) {
            return refused("its host is trusted at another port or with another scheme only");
        }
        if url.port().is_some_and(|port| !PORTS.contains(&port)) {
            return refused("its port is not one of the web's");
        }
        // Connecting to an address in digits asks no resolver.
        if literal(url).is_some_and(|address| !is_public(address)) {
            return refused(NOT_PUBLIC);
        }
        Ok(())
    }

    async fn read(&self, answer: reqwest::Response, url: &Url) -> Result<Image, ImageError> {
        let limit = self.limits.bytes;
        let too_large = || ImageError::TooLarge { url: shown(url), limit };
        let not_an_image = || ImageError::NotAnImage { url: shown(url) };
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut kind = None;
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failed(url, &error))?;
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
            if kind.is_none() && body.len() >= HEAD {
                kind = Some(ImageKind::of_bytes(&body).ok_or_else(not_an_image)?);
            }
        }
        let kind = kind.or_else(|| ImageKind::of_bytes(&body)).ok_or_else(not_an_image)?;
        Ok(Image { bytes: body.into(), kind })
    }
}

fn is_same(one: &Origin, other: &Origin) -> bool {
    one.is_tuple() && one == other
}

fn unavailable(url: &Url, reason: &str) -> ImageError {
    ImageError::Unavailable { url: shown(url), reason: reason.to_owned() }
}

fn refusal(url: &Url, status: StatusCode) -> ImageError {
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !passes {
        ImageError::Gone { url: shown(url), status: status.as_u16() }
    } else {
        ImageError::Unavailable { url: shown(url), reason: format!("it answered {status}") }
    }
}

fn failed(url: &Url, error: &reqwest::Error) -> ImageError {
    let mut cause = StdError::source(error);
    while let Some(current) = cause {
        if current.is::<NotPublic>() {
            return ImageError::Refused { url: shown(url), reason: NOT_PUBLIC };
        }
        cause = current.source();
    }
    ImageError::Unavailable { url: shown(url), reason: causes(error) }
}

const NOT_PUBLIC: &str = "its host is not on the public Internet";

/// A name that resolves to addresses of which none is public.
#[derive(Debug)]
struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_PUBLIC)
    }
}

impl StdError for NotPublic {}

type Lookup = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// Resolves names to their public addresses. The connection is made to what was checked, so a name that changes its mind gains nothing.
struct PublicOnly {
    lookup: Arc<Lookup>,
    /// Names all of whose addresses count.
    trusted: Vec<String>,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let trusted = self.trusted.contains(&name);
        let lookup = Arc::clone(&self.lookup);
        Box::pin(async move {
            let found = lookup(name).await?;
            let nothing_found = found.is_empty();
            let usable: Vec<SocketAddr> =
                found.into_iter().filter(|address| trusted || is_public(*address)).map(|address| SocketAddr::new(address, 0)).collect();
            if usable.is_empty() && !nothing_found {
                return Err(NotPublic.into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn names_that_mean_this_machine_are_refused() {
        let server = testkit::FakeRegistry::start().await;
        server.set_answer("/a.gif", 200, vec![], &b"GIF89a"[..]);
        let trusted = |host: &str| Url::parse(&server.url().replace("127.0.0.1", host)).expect("an address");
        let lookup = async |name: String| match name.as_str() {
            "nowhere.example" => Err(std::io::Error::other("no such name")),
            "mixed.example" => Ok(vec![IpAddr::from(Ipv4Addr::new(10, 0, 0, 1)), Ipv4Addr::LOCALHOST.into()]),
            _ => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
        };
        let limits = Limits { trusted: vec![trusted("intranet.example")], ..Limits::default() };
        let images = Images::with_lookup(limits, move |name| async move { lookup(name).await }).expect("a client");
        for host in ["127.0.0.1.nip.example", "mixed.example", "localhost", "a.localhost", "rebind.example:8080"] {
            let error = images.fetch(&Url::parse(&format!("http://{host}/a.gif")).expect("an address")).await.expect_err(host);
            assert!(matches!(error, ImageError::Refused { reason: NOT_PUBLIC, .. }), "{host}: {error}");
        }
        let missing = images.fetch(&Url::parse("http://nowhere.example/a.gif").expect("an address")).await.expect_err("no address");
        assert!(matches!(missing, ImageError::Unavailable { .. }), "{missing}");
        assert!(server.requests().is_empty());
        images.fetch(&trusted("intranet.example").join("a.gif").expect("an address")).await.expect("a trusted name");
        for other in ["http://intranet.example/a.gif", "https://intranet.example:8443/a.gif"] {
            let error = images.fetch(&Url::parse(other).expect("an address")).await.expect_err(other);
            assert!(error.to_string().contains("another port"), "{error}");
        }
    }
}
