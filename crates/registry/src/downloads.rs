//! npm's downloads API, api.npmjs.org: how often packages were downloaded, day by day.
//!
//! One request a call and nothing repeated: how often npm may be asked is decided by whoever keeps the queue. Credentials of a registry are
//! never sent here.

use std::collections::HashMap;
use std::time::Duration;

use model::{Counted, CountsError, DayRange, PackageName, parse_bulk_range, parse_range, parse_versions};
use reqwest::header::ACCEPT;
use url::Url;

use crate::client::{builder, read_body, refusal, setup};
use crate::error::shown;
use crate::{Config, Error};

/// Where npm answers.
const NPM: &str = "https://api.npmjs.org/";
/// How many names may be asked for together, none of them with a scope.
pub const BULK_NAMES: usize = 128;
/// How many days may be asked for several names.
pub const BULK_DAYS: u32 = 365;
/// How many days one name is answered with: 18 months. Of a longer range the beginning is left out without a word.
pub const SINGLE_DAYS: u32 = 549;
/// The largest answer accepted, decoded; a year of 128 packages has some 2 MB.
const MAX_ANSWER: u64 = 16 << 20;
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client for the downloads API, cheap to clone.
#[derive(Debug, Clone)]
pub struct DownloadsClient {
    http: reqwest::Client,
    config: Config,
    base: Url,
    /// Whether somebody named the server, who then knows which packages it counts.
    is_chosen: bool,
}

impl DownloadsClient {
    /// Sets up connections with the configured certificates and proxies. `base`: another server with the same API, instead of npm's.
    pub fn new(config: &Config, base: Option<&str>) -> Result<Self, Error> {
        let text = base.unwrap_or(NPM);
        let bad = |reason| Error::Address { url: text.chars().take(200).collect(), reason };
        let mut url = Url::parse(text).map_err(|_| bad("the downloads address is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
            return Err(bad("the downloads address is not an http or https address"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let http = builder(config)?.timeout(TIMEOUT).build().map_err(|error| setup(&error))?;
        Ok(Self { http, config: config.clone(), base: url, is_chosen: base.is_some() })
    }

    /// Whether this server may be asked about a package. npm counts its own packages and need not hear the names of others: it is asked
    /// about packages that come from npm's own registry. A server that somebody named is also asked about those of the default registry.
    /// Scopes with another registry of their own are nobody else's business.
    #[must_use]
    pub fn asks_about(&self, name: &PackageName) -> bool {
        self.config.is_npms_own(name) || (self.is_chosen && !self.config.has_its_own_registry(name))
    }

    /// The downloads of the whole registry. At most [`SINGLE_DAYS`] are answered, the last ones.
    pub async fn whole_registry(&self, range: DayRange) -> Result<Counted, Error> {
        let url = self.address(&format!("downloads/range/{range}"))?;
        let counted = parse_range(&self.ask(&url).await?).map_err(|reason| counts(&url, reason))?;
        match &counted.package {
            None => Ok(counted),
            Some(_) => Err(counts(&url, CountsError::Shape("it is about a package".to_owned()))),
        }
    }

    /// The downloads of a package. At most [`SINGLE_DAYS`] are answered, the last ones.
    pub async fn range(&self, name: &PackageName, range: DayRange) -> Result<Counted, Error> {
        let url = self.address(&format!("downloads/range/{range}/{}", name.registry_path()))?;
        let counted = parse_range(&self.ask(&url).await?).map_err(|reason| counts(&url, reason))?;
        check_name(&url, counted.package.as_deref(), name)?;
        Ok(counted)
    }

    /// The downloads of up to [`BULK_NAMES`] packages without scopes on up to [`BULK_DAYS`] days, by name: `None` for those that do not exist.
    /// Names about which the answer says nothing, or something that is about another package, are left out.
    pub async fn bulk_range(&self, names: &[PackageName], range: DayRange) -> Result<HashMap<PackageName, Option<Counted>>, Error> {
        if let [name] = names {
            // Without a comma there is no bulk, and unknown names are errors.
            return match self.range(name, range).await {
                Ok(counted) => Ok(HashMap::from([(name.clone(), Some(counted))])),
                Err(error) if error.is_not_found() => Ok(HashMap::from([(name.clone(), None)])),
                Err(error) => Err(error),
            };
        }
        let joined = names.iter().map(PackageName::as_str).collect::<Vec<_>>().join(",");
        let url = self.address(&format!("downloads/range/{range}/{joined}"))?;
        let mut answers = parse_bulk_range(&self.ask(&url).await?).map_err(|reason| counts(&url, reason))?;
        let found = names.iter().filter_map(|name| {
            let counted = answers.remove(name.as_str())?;
            let is_about_it = counted.as_ref().is_none_or(|counted| counted.package.as_deref() == Some(name.as_str()));
            is_about_it.then(|| (name.clone(), counted))
        });
        Ok(found.collect())
    }

    /// The downloads of each version of a package in the last seven days.
    pub async fn versions(&self, name: &PackageName) -> Result<Vec<(String, u64)>, Error> {
        let url = self.address(&format!("versions/{}/last-week", name.registry_path()))?;
        let versions = parse_versions(&self.ask(&url).await?).map_err(|reason| counts(&url, reason))?;
        check_name(&url, versions.package.as_deref(), name)?;
        Ok(versions.counts)
    }

    /// Set as text: URL libraries would take a name for a relative address.
    fn address(&self, path: &str) -> Result<Url, Error> {
        Url::parse(&format!("{}{path}", self.base))
            .map_err(|_| Error::Address { url: shown(&self.base), reason: "what is asked does not fit it" })
    }

    async fn ask(&self, url: &Url) -> Result<bytes::Bytes, Error> {
        let answer = self.http.get(url.clone()).header(ACCEPT, "application/json").send().await;
        let answer = answer.map_err(|error| Error::transport(url, &error))?;
        if answer.status().is_success() {
            return read_body(answer, url, MAX_ANSWER).await;
        }
        Err(refusal(url, answer).await)
    }
}

fn counts(url: &Url, reason: CountsError) -> Error {
    Error::Counts { url: shown(url), reason }
}

/// Of some names npm answers with the counts of the whole registry.
fn check_name(url: &Url, package: Option<&str>, name: &PackageName) -> Result<(), Error> {
    if package == Some(name.as_str()) {
        return Ok(());
    }
    Err(counts(url, CountsError::Shape(format!("it is not about {name}"))))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Layer;

    fn asks(npmrc: &str, base: Option<&str>, name: &str) -> bool {
        let layer = Layer { path: ".npmrc".into(), text: npmrc.to_owned() };
        let config = Config::from_layers(&[layer], &HashMap::new(), None).expect("readable");
        DownloadsClient::new(&config, base).expect("set up").asks_about(&PackageName::parse(name).expect("a name"))
    }

    #[test]
    fn whose_packages_are_asked_about() {
        let mine = "registry=https://npm.example/\n";
        let scoped = "@acme:registry=https://npm.example/\n";
        let counter = Some("https://counts.example");
        for (npmrc, base, name, expected) in [
            ("", None, "react", true),
            ("", None, "@types/node", true),
            (scoped, None, "@acme/secret", false),
            (scoped, None, "react", true),
            (scoped, counter, "@acme/secret", false),
            (scoped, counter, "@types/node", true),
            (mine, None, "react", false),
            (mine, None, "@types/node", false),
            (mine, counter, "react", true),
            (mine, counter, "@types/node", true),
        ] {
            assert_eq!(asks(npmrc, base, name), expected, "{npmrc} {base:?} {name}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        let config = Config::from_layers(&[], &HashMap::new(), None).expect("readable");
        for text in ["", "counts.example", "ftp://counts.example", "https://counts.example/?a=b"] {
            assert!(matches!(DownloadsClient::new(&config, Some(text)), Err(Error::Address { .. })), "{text}");
        }
        let client = DownloadsClient::new(&config, Some("https://counts.example/npm")).expect("set up");
        assert_eq!(
            client.address("downloads/range/x").map(String::from).ok().as_deref(),
            Some("https://counts.example/npm/downloads/range/x")
        );
        let npm = DownloadsClient::new(&config, None).expect("set up");
        assert_eq!(
            npm.address("versions/@types%2fnode/last-week").map(String::from).ok().as_deref(),
            Some("https://api.npmjs.org/versions/@types%2fnode/last-week")
        );
    }
}
