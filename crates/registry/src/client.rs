//! Asking a registry for documents.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use model::{PackageName, is_version};
use nodejs_semver::Version;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    LOCATION, RANGE,
};
use reqwest::{Certificate, Identity, NoProxy, Proxy, StatusCode};
use serde_json::Value;
use url::Url;

use crate::address::{lookup, redirect_is_allowed};
use crate::error::shown;
use crate::retry::retry_after;
use crate::{Config, Error, Integrity, RetryPolicy};

/// The largest document accepted, decoded; the largest known is 45 MB.
const MAX_DOCUMENT: u64 = 128 << 20;
/// The largest page of a search accepted, decoded; of 250 hits the largest have about 1 MB.
const MAX_SEARCH: u64 = 16 << 20;
/// The largest answer about advisories accepted, decoded.
const MAX_ADVISORIES: u64 = 16 << 20;
/// The longest error text read.
const MAX_ERROR_TEXT: usize = 64 << 10;
/// How we introduce ourselves.
pub(crate) const USER_AGENT: &str = concat!("pkgstats/", env!("CARGO_PKG_VERSION"));
/// More redirects than this are a loop.
const MAX_REDIRECTS: usize = 5;

/// A client for npm-like registries, cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<Config>,
    http: reqwest::Client,
    /// Clients with a certificate of their own, by certificate and key file.
    mutual_tls: Arc<Mutex<HashMap<(PathBuf, PathBuf), reqwest::Client>>>,
    pub(crate) retry: RetryPolicy,
}

/// Which versions of a package there are, and where their tarballs are.
#[derive(Debug, Clone)]
pub struct PackageVersions {
    /// The tag `latest`.
    pub latest: Option<String>,
    /// Every version with a tarball and a hash, oldest first.
    pub tarballs: Vec<Tarball>,
}

/// One version's tarball.
#[derive(Debug, Clone)]
pub struct Tarball {
    /// The package.
    pub name: PackageName,
    /// The version.
    pub version: String,
    /// Where it is.
    pub url: Url,
    /// What its bytes hash to.
    pub integrity: Integrity,
    /// When the registry says it was published, in seconds since 1970; mirrors may not know the true time.
    pub published_at: Option<i64>,
}

impl Tarball {
    /// The file name that `npm pack` would give it: `@scope/name` 1.0.0 becomes `scope-name-1.0.0.tgz`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-{}.tgz", self.name.as_str().trim_start_matches('@').replace('/', "-"), self.version)
    }
}

impl PackageVersions {
    /// The version to use: the tag `latest` when it names one, else the highest.
    #[must_use]
    pub fn newest(&self) -> Option<&Tarball> {
        let tagged = self.tarballs.iter().find(|tarball| Some(&tarball.version) == self.latest.as_ref());
        tagged.or_else(|| self.tarballs.last())
    }
}

/// What tells one state of a document from another, in the registry's own words; kept beside a document to ask whether it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// The header `ETag`, with its quotes and, if it is weak, its `W/`.
    pub etag: Option<String>,
    /// The header `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What became of a document that was asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is still the one that the validators are of.
    NotModified,
    /// It is another one, or the registry does not say.
    Document {
        /// The document, as it came.
        body: Bytes,
        /// What to ask with the next time; empty where the registry sends none.
        validators: Validators,
    },
}

pub(crate) enum Want<'a> {
    /// A document, or the word that it is still the one of these validators.
    Document(&'a Validators),
    /// Tarball bytes from this offset on.
    BytesFrom(u64),
    /// What is known about this, a JSON text.
    Answer(&'a [u8]),
}

impl Client {
    /// Sets up connections with the configured certificates and proxies.
    pub fn new(config: Config, retry: RetryPolicy) -> Result<Self, Error> {
        let http = builder(&config)?.build().map_err(|error| setup(&error))?;
        Ok(Self { config: Arc::new(config), http, mutual_tls: Arc::default(), retry })
    }

    /// The same client, connections included, with another patience.
    #[must_use]
    pub fn with_retry(&self, retry: RetryPolicy) -> Self {
        Self { retry, ..self.clone() }
    }

    /// The packument in its full form, as bytes; see [`model::parse_record`].
    pub async fn packument(&self, name: &PackageName) -> Result<Bytes, Error> {
        let url = self.packument_url(name)?;
        whole(self.document(&url, Some(name), &Validators::default(), MAX_DOCUMENT).await?, &url)
    }

    /// The packument in its full form, unless it is the one that `validators` came with. The tag is asked about in the registry's own words;
    /// the date only where there is no tag.
    pub async fn packument_if_changed(&self, name: &PackageName, validators: &Validators) -> Result<Fetched, Error> {
        self.document(&self.packument_url(name)?, Some(name), validators, MAX_DOCUMENT).await
    }

    /// A page of npm's search, as bytes: an object with `objects`, an array of hits, and `total`. `from` counts hits from 0; `size` is how
    /// many to answer with, of which registries give at most 250. npm takes texts of 2 to 64 characters.
    ///
    /// The registry for names without a scope is asked. One that cannot search answers with an error, mostly not found.
    pub async fn search(&self, text: &str, from: usize, size: usize) -> Result<Bytes, Error> {
        let mut url = self.config.registry();
        let path = format!("{}-/v1/search", url.path());
        url.set_path(&path);
        let (from, size) = (from.to_string(), size.to_string());
        url.query_pairs_mut().clear().append_pair("text", text).append_pair("size", &size).append_pair("from", &from);
        whole(self.document(&url, None, &Validators::default(), MAX_SEARCH).await?, &url)
    }

    /// The known vulnerabilities of some versions of packages, as bytes; see [`model::parse_advisories`]. npm's bulk advisory endpoint:
    /// an object of lists of versions by package name is answered with an object of lists of advisories.
    ///
    /// All packages have to be of the same registry, see [`Client::by_registry`]: no other is to hear their names. One that knows no
    /// advisories answers with an error, mostly not found or method not allowed.
    pub async fn advisories(&self, packages: &[(PackageName, Vec<String>)]) -> Result<Bytes, Error> {
        let Some((first, _)) = packages.first() else { return Ok(Bytes::from_static(b"{}")) };
        let mut url = self.config.registry_of(first);
        let path = format!("{}-/npm/v1/security/advisories/bulk", url.path());
        url.set_path(&path);
        let object: serde_json::Map<String, Value> =
            packages.iter().map(|(name, versions)| (name.to_string(), Value::from(versions.as_slice()))).collect();
        let body = Value::Object(object).to_string();
        self.retry
            .run(|| async {
                let answer = self.send(&url, Some(first), &Want::Answer(body.as_bytes())).await?;
                read_body(answer, &url, MAX_ADVISORIES).await
            })
            .await
    }

    /// Packages by the registry that is asked for them.
    #[must_use]
    pub fn by_registry<T>(&self, packages: Vec<(PackageName, T)>) -> Vec<Vec<(PackageName, T)>> {
        let mut groups: Vec<(Url, Vec<(PackageName, T)>)> = Vec::new();
        for package in packages {
            let registry = self.config.registry_of(&package.0);
            match groups.iter_mut().find(|(url, _)| *url == registry) {
                Some((_, group)) => group.push(package),
                None => groups.push((registry, vec![package])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    fn packument_url(&self, name: &PackageName) -> Result<Url, Error> {
        let base = self.config.registry_of(name);
        // Set as text: URL libraries would take a name for a relative address.
        Url::parse(&format!("{base}{}", name.registry_path()))
            .map_err(|_| Error::Address { url: shown(&base), reason: "the package name does not fit it" })
    }

    async fn document(&self, url: &Url, name: Option<&PackageName>, known: &Validators, limit: u64) -> Result<Fetched, Error> {
        self.retry
            .run(|| async {
                let answer = self.send(url, name, &Want::Document(known)).await?;
                if answer.status() == StatusCode::NOT_MODIFIED {
                    return Ok(Fetched::NotModified);
                }
                let text = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
                let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
                Ok(Fetched::Document { body: read_body(answer, url, limit).await?, validators })
            })
            .await
    }

    /// Where to fetch a tarball whose packument says `url`: npm's `replace-registry-host` sends public addresses to the configured registry.
    #[must_use]
    pub fn tarball_url(&self, url: Url, name: &PackageName) -> Url {
        self.config.tarball_url(url, name)
    }

    /// The versions of a package with their tarballs.
    pub async fn versions(&self, name: &PackageName) -> Result<PackageVersions, Error> {
        let url = shown(&self.config.registry_of(name)) + &name.registry_path();
        let not_a_document = |reason: String| Error::NotADocument { url: url.clone(), reason };
        let bytes = self.packument(name).await?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|error| not_a_document(error.to_string()))?;
        let versions =
            document.get("versions").and_then(Value::as_object).ok_or_else(|| not_a_document("it has no versions".to_owned()))?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut tarballs: Vec<Tarball> = versions
            .iter()
            .filter_map(|(version, manifest)| {
                let dist = manifest.get("dist")?;
                // A key that is no version could name a file elsewhere.
                is_version(version).then_some(())?;
                let integrity = Integrity::of_dist(text(dist, "integrity").as_deref(), text(dist, "shasum").as_deref())?;
                let url = self.config.tarball_url(Url::parse(&text(dist, "tarball")?).ok()?, name);
                let published = document.get("time").and_then(|time| text(time, version));
                let published_at = published.and_then(|time| time.parse::<jiff::Timestamp>().ok()).map(jiff::Timestamp::as_second);
                Some(Tarball { name: name.clone(), version: version.clone(), url, integrity, published_at })
            })
            .collect();
        if tarballs.is_empty() && !versions.is_empty() {
            return Err(Error::Unverifiable { url });
        }
        tarballs.sort_by_cached_key(|tarball| Version::parse(&tarball.version).ok());
        Ok(PackageVersions { latest: document.get("dist-tags").and_then(|tags| text(tags, "latest")), tarballs })
    }

    /// Refuses a tarball's address to which the registry may not lead, as with redirects: from a public registry into a private network.
    pub(crate) async fn check_tarball(&self, tarball: &Tarball) -> Result<(), Error> {
        let registry = self.config.registry_of(&tarball.name);
        if redirect_is_allowed(&registry, &tarball.url, &lookup).await {
            return Ok(());
        }
        Err(Error::Address { url: shown(&tarball.url), reason: "a public registry does not keep tarballs in a private network" })
    }

    /// One request, redirects included. The credentials are chosen anew for every address on the way.
    ///
    /// A server on the public Internet may not redirect to an address that is not public; see [`is_public`](crate::is_public).
    pub(crate) async fn send(&self, first: &Url, name: Option<&PackageName>, want: &Want<'_>) -> Result<reqwest::Response, Error> {
        let mut url = first.clone();
        for _ in 0..=MAX_REDIRECTS {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(Error::Address { url: shown(&url), reason: "only http and https are asked" });
            }
            let mut headers = HeaderMap::new();
            match want {
                Want::Document(validators) => {
                    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
                    let condition = match (&validators.etag, &validators.last_modified) {
                        (Some(tag), _) => Some((IF_NONE_MATCH, tag)),
                        (None, Some(date)) => Some((IF_MODIFIED_SINCE, date)),
                        (None, None) => None,
                    };
                    // What is no header did not come from one.
                    if let Some((header, value)) = condition.and_then(|(header, text)| Some((header, HeaderValue::from_str(text).ok()?))) {
                        headers.insert(header, value);
                    }
                }
                Want::Answer(_) => {
                    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                }
                Want::BytesFrom(offset) => {
                    // The hash is of the file's own bytes, so nothing may be decoded on the way.
                    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
                    if *offset > 0 {
                        headers.insert(RANGE, HeaderValue::from_str(&format!("bytes={offset}-")).expect("digits are a valid header"));
                    }
                }
            }
            if let Some(authorization) = self.config.authorization(&url, name) {
                headers.insert(AUTHORIZATION, authorization);
            }
            let http = self.http_for(&url, name)?;
            let request = match want {
                Want::Answer(body) => http.post(url.clone()).body(body.to_vec()),
                Want::Document(_) | Want::BytesFrom(_) => http.get(url.clone()),
            };
            let answer = request.headers(headers).send().await.map_err(|error| Error::transport(&url, &error))?;
            let status = answer.status();
            // Other redirects would turn the question into one without a body.
            let asks_again = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            if status.is_redirection() && matches!(want, Want::Answer(_)) && !asks_again {
                return Err(refusal(&url, answer).await);
            }
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                let target =
                    answer.headers().get(LOCATION).and_then(|location| location.to_str().ok()).and_then(|target| url.join(target).ok());
                let target = target.ok_or_else(|| Error::Address { url: shown(&url), reason: "it redirects without a usable address" })?;
                if url.scheme() == "https" && target.scheme() != "https" {
                    return Err(Error::Address { url: shown(&target), reason: "a redirect from https to plain http is not followed" });
                }
                if matches!(want, Want::Answer(_)) && target.origin() != first.origin() {
                    return Err(Error::Address {
                        url: shown(&target),
                        reason: "what is asked about packages is sent to their own registry only",
                    });
                }
                if !redirect_is_allowed(first, &target, &lookup).await {
                    return Err(Error::Address {
                        url: shown(&target),
                        reason: "a redirect from a public registry into a private network is not followed",
                    });
                }
                url = target;
                continue;
            }
            if status.is_success() || (status == StatusCode::NOT_MODIFIED && matches!(want, Want::Document(_))) {
                return Ok(answer);
            }
            return Err(refusal(&url, answer).await);
        }
        Err(Error::Address { url: shown(&url), reason: "it redirects in a circle" })
    }

    fn http_for(&self, url: &Url, name: Option<&PackageName>) -> Result<reqwest::Client, Error> {
        let Some(files) = self.config.client_certificate(url, name) else { return Ok(self.http.clone()) };
        let mut clients = self.mutual_tls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&files) {
            return Ok(client.clone());
        }
        let mut pem = std::fs::read(&files.0).map_err(|error| Error::io(&files.0, error))?;
        pem.push(b'\n');
        pem.extend(std::fs::read(&files.1).map_err(|error| Error::io(&files.1, error))?);
        let identity = Identity::from_pem(&pem).map_err(|_| Error::Setup {
            reason: format!("{} and {} are not a certificate and its key", files.0.display(), files.1.display()),
        })?;
        let client = builder(&self.config)?.identity(identity).build().map_err(|error| setup(&error))?;
        clients.insert(files, client.clone());
        Ok(client)
    }
}

pub(crate) fn builder(config: &Config) -> Result<reqwest::ClientBuilder, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none());
    let authorities = match (&config.cafile, &config.ca) {
        (Some(path), _) => Some(std::fs::read(path).map_err(|error| Error::io(path, error))?),
        (None, Some(pem)) => Some(pem.replace("\\n", "\n").into_bytes()),
        (None, None) => None,
    };
    if let Some(pem) = authorities {
        let certificates = Certificate::from_pem_bundle(&pem)
            .map_err(|_| Error::Setup { reason: "npm's setting `cafile` or `ca` holds no PEM certificates".to_owned() })?;
        builder = builder.tls_certs_only(certificates);
    }
    let exceptions = config.no_proxy.as_deref().and_then(NoProxy::from_string);
    // As npm has it, `proxy` serves for both unless `https-proxy` is there.
    for (address, encrypted) in [(config.https_proxy.as_ref().or(config.proxy.as_ref()), true), (config.proxy.as_ref(), false)] {
        if let Some(address) = address {
            let proxy = if encrypted { Proxy::https(address) } else { Proxy::http(address) };
            let proxy =
                proxy.map_err(|_| Error::Setup { reason: "npm's setting `proxy` or `https-proxy` is not an address".to_owned() })?;
            builder = builder.proxy(proxy.no_proxy(exceptions.clone()));
        }
    }
    Ok(builder)
}

pub(crate) fn setup(error: &reqwest::Error) -> Error {
    Error::Setup { reason: std::error::Error::source(error).map_or_else(|| "unknown".to_owned(), ToString::to_string) }
}

/// The document that was asked for without a condition.
fn whole(fetched: Fetched, url: &Url) -> Result<Bytes, Error> {
    match fetched {
        Fetched::Document { body, .. } => Ok(body),
        Fetched::NotModified => {
            Err(Error::NotADocument { url: shown(url), reason: "it says that nothing changed, which was not asked".to_owned() })
        }
    }
}

/// Reads a body up to a cap.
pub(crate) async fn read_body(answer: reqwest::Response, url: &Url, limit: u64) -> Result<Bytes, Error> {
    let too_large = || Error::TooLarge { url: shown(url), limit };
    if answer.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Error::transport(url, &error))?;
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// The error for an answer that is none: its `error`, else its `message`, else its text, cut at 200 characters; pages are left out.
pub(crate) async fn refusal(url: &Url, answer: reqwest::Response) -> Error {
    let status = answer.status();
    if status == StatusCode::NOT_FOUND {
        return Error::NotFound { url: shown(url) };
    }
    let retry_after = retry_after(answer.headers());
    let mut text = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        text.extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR_TEXT - text.len())]);
        if text.len() >= MAX_ERROR_TEXT {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let message = match serde_json::from_str::<Value>(&text) {
        Ok(Value::String(message)) => Some(message),
        Ok(document) => {
            let first = document.get("errors").and_then(|errors| errors.get(0));
            [document.get("error"), document.get("message"), first.and_then(|error| error.get("message"))]
                .into_iter()
                .flatten()
                .find_map(|value| value.as_str().map(str::to_owned))
        }
        Err(_) if text.trim_start().starts_with('<') => None,
        Err(_) => Some(text.into_owned()),
    };
    let message =
        message.map(|text| text.chars().filter(|c| !c.is_control()).take(200).collect()).filter(|text: &String| !text.trim().is_empty());
    Error::Status { url: shown(url), status, message, retry_after }
}
