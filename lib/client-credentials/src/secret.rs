//! Secrets, and where they come from.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::BoxFuture;

/// A text that is overwritten in memory when it is dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where the client secret comes from. Texts are taken as they are; the other sources are read anew for every token request, so that
/// a secret can be changed while the program runs.
///
/// ```
/// use client_credentials::SecretSource;
///
/// let from_a_file = SecretSource::file("/run/secrets/orders-client");
/// let from_the_environment = SecretSource::environment("ORDERS_CLIENT_SECRET");
/// let fixed: SecretSource = "not-so-secret".into();
/// assert!(!format!("{fixed:?}").contains("not-so-secret"));
/// ```
#[derive(Clone)]
pub struct SecretSource(pub(crate) Source);

#[derive(Clone)]
pub(crate) enum Source {
    Fixed(Secret),
    Environment(String),
    File(PathBuf),
    Provider(Arc<dyn SecretProvider>),
}

/// Gives the client secret whenever a token is requested: a vault, a key store, a sidecar.
pub trait SecretProvider: Send + Sync + 'static {
    /// The secret as it is now, or why there is none. The text of the error is shown to people.
    fn secret(&self) -> BoxFuture<'_, Result<Secret, String>>;
}

impl<T: SecretProvider + ?Sized> SecretProvider for Arc<T> {
    fn secret(&self) -> BoxFuture<'_, Result<Secret, String>> {
        T::secret(self)
    }
}

impl SecretSource {
    /// An environment variable.
    pub fn environment(name: impl Into<String>) -> Self {
        Self(Source::Environment(name.into()))
    }

    /// A file. One line break at its end does not belong to the secret. It is read where the call is made, and is to be a plain file of at
    /// most 64 KiB.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// Whatever the caller has.
    pub fn provider(provider: impl SecretProvider) -> Self {
        Self(Source::Provider(Arc::new(provider)))
    }

    /// Whether it may give another secret the next time.
    pub(crate) fn may_change(&self) -> bool {
        !matches!(self.0, Source::Fixed(_))
    }

    /// What it has now, or why that cannot be used. `what`: a client secret or an assertion.
    pub(crate) async fn read(&self, what: &str) -> Result<Secret, String> {
        let secret = match &self.0 {
            Source::Fixed(secret) => secret.clone(),
            Source::Environment(name) => environment(name, what)?,
            Source::File(path) => {
                let text = read_file(path);
                let text = text.map_err(|error| format!("the {what} could not be read from {}: {error}", path.display()))?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Secret::from(line.strip_suffix('\r').unwrap_or(line))
            }
            Source::Provider(provider) => provider.secret().await.map_err(|why| format!("the provider gave no {what}: {why}"))?,
        };
        if secret.expose().is_empty() {
            return Err(format!("the {what} is empty ({self:?})"));
        }
        if !is_visible(secret.expose()) {
            return Err(format!("the {what} has characters that RFC 6749, appendix A.2, does not allow ({self:?})"));
        }
        Ok(secret)
    }
}

/// A file that is longer is not read to its end, whatever it is.
const LONGEST_FILE: u64 = 64 * 1024;

fn read_file(path: &Path) -> io::Result<Zeroizing<String>> {
    // Room for all of it, so that growing leaves no copies.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize + 1));
    File::open(path)?.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {LONGEST_FILE} bytes")));
    }
    Ok(text)
}

#[expect(clippy::disallowed_methods, reason = "the caller has named this variable")]
fn environment(name: &str, what: &str) -> Result<Secret, String> {
    std::env::var(name).map(Secret::from).map_err(|error| match error {
        std::env::VarError::NotPresent => format!("the environment variable {name} with the {what} is not set"),
        std::env::VarError::NotUnicode(_) => format!("the environment variable {name} with the {what} is not UTF-8"),
    })
}

/// Whether a text has only VSCHAR, as client identifiers and secrets have (RFC 6749, appendix A).
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

impl From<&str> for SecretSource {
    fn from(text: &str) -> Self {
        Self(Source::Fixed(text.into()))
    }
}

impl From<String> for SecretSource {
    fn from(text: String) -> Self {
        Self(Source::Fixed(text.into()))
    }
}

impl From<Secret> for SecretSource {
    fn from(secret: Secret) -> Self {
        Self(Source::Fixed(secret))
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Fixed(_) => formatter.write_str("given as text"),
            Source::Environment(name) => write!(formatter, "from the environment variable {name}"),
            Source::File(path) => write!(formatter, "from the file {}", path.display()),
            Source::Provider(_) => formatter.write_str("from the caller's provider"),
        }
    }
}
