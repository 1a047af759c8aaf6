//! What can go wrong between here and a registry, in words that say what to do.

use std::path::PathBuf;
use std::time::Duration;

use model::CountsError;
use reqwest::StatusCode;
use url::Url;

/// A request that could not be answered. Addresses in messages never hold credentials or queries.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry does not have it, or hides it from us: private packages without permission answer 404 as well.
    #[error("{url} does not exist (status 404), or is private and needs credentials in .npmrc")]
    NotFound {
        /// What was asked.
        url: String,
    },
    /// Any other refusal.
    #[error("{url} answered {status}{}", message.as_deref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        /// What was asked.
        url: String,
        /// The status of the answer.
        status: StatusCode,
        /// The registry's own words, at most 200 characters.
        message: Option<String>,
        /// How long the registry asks us to wait.
        retry_after: Option<Duration>,
    },
    /// No answer, or one that broke off.
    #[error("{url} could not be read: {reason}")]
    Transport {
        /// What was asked.
        url: String,
        /// The chain of causes.
        reason: String,
    },
    /// An answer larger than anybody should send.
    #[error("{url} is larger than {limit} bytes, which is the most that is accepted")]
    TooLarge {
        /// What was asked.
        url: String,
        /// The cap, in bytes.
        limit: u64,
    },
    /// An answer that is not what was asked for.
    #[error("{url} did not answer with a package document: {reason}")]
    NotADocument {
        /// What was asked.
        url: String,
        /// What the parser said.
        reason: String,
    },
    /// An answer of the downloads API that has no counts.
    #[error("{url} has no counts: {reason}")]
    Counts {
        /// What was asked.
        url: String,
        /// What is wrong with it, or what it says itself.
        reason: CountsError,
    },
    /// An address in an answer, a redirect or the configuration that cannot be used.
    #[error("{url:?} is not an address that can be asked: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Retries went on for as long as they may.
    #[error("gave up after {} seconds; last: {last}", after.as_secs())]
    Deadline {
        /// The total time allowed.
        after: Duration,
        /// The error of the last attempt.
        last: Box<Error>,
    },
    /// The bytes are not the published ones.
    #[error("{what} has the wrong {algorithm} hash: expected {expected}, got {actual}; it was changed or damaged on the way")]
    Integrity {
        /// The file or address.
        what: String,
        /// Name of the hash function.
        algorithm: &'static str,
        /// Base64 of the published hash.
        expected: String,
        /// Base64 of the hash of what arrived.
        actual: String,
    },
    /// The registry publishes no hash for a tarball, so it cannot be trusted.
    #[error("{url} comes without an integrity or shasum field, so it cannot be checked")]
    Unverifiable {
        /// The tarball.
        url: String,
    },
    /// The disk.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A tarball is not what it should be.
    #[error("{}: {reason}", path.display())]
    Tarball {
        /// The tarball.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client could not be set up: certificates, proxies.
    #[error("the HTTP client could not be set up: {reason}")]
    Setup {
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Whether asking again may help: timeouts, overload and broken connections, not refusals.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                *status == StatusCode::REQUEST_TIMEOUT || *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
            }
            Self::Transport { .. } => true,
            _ => false,
        }
    }

    /// Whether the registry said that this does not exist (404) or exists no longer (410), or that nothing can be asked there (405), as it
    /// says of names that are words of its own.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
            || matches!(self, Self::Counts { reason, .. } if reason.is_not_found())
            || matches!(self.status(), Some(StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE))
    }

    /// Whether the request was refused as it is (403), as npm's firewall does with some names beside each other.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(StatusCode::FORBIDDEN)
    }

    /// Whether the registry finds that we ask too often (429); see [`Error::retry_after`].
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// How long the registry asks us to wait. npm says zero when it means minutes.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Deadline { last, .. } => last.retry_after(),
            _ => None,
        }
    }

    /// The status of the answer, or of the last one before the time was up.
    fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Deadline { last, .. } => last.status(),
            _ => None,
        }
    }

    pub(crate) fn transport(url: &Url, error: &reqwest::Error) -> Self {
        Self::Transport { url: shown(url), reason: causes(error) }
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

/// What lies below an error of reqwest, whose own message names the address with its query; the causes below it do not.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut reason = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let text = current.to_string();
        if !reason.contains(&text) {
            if !reason.is_empty() {
                reason.push_str(": ");
            }
            reason.push_str(&text);
        }
        cause = current.source();
    }
    if reason.is_empty() {
        reason = if error.is_timeout() { "timed out".to_owned() } else { "the connection failed".to_owned() };
    }
    reason
}

/// An address as messages show it: without user, password, query and fragment, any of which may be a secret.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
