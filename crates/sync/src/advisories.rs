//! Asking the registry for known vulnerabilities: of the packages that somebody looks at, and of what these need.

use std::collections::HashMap;
use std::time::Duration;

use model::{Advisory, PackageName, parse_advisories};
use store::Known;

use crate::details::Reader;
use crate::{Error, Reading};

/// What was asked within so many seconds need not be asked again.
const FRESH: i64 = 20 * 3_600;
/// Packages in a request, and between two requests.
const PACKAGES: usize = 100;
const PAUSE: Duration = Duration::from_millis(500);
/// Versions of a package that are asked about, the newest.
const VERSIONS: usize = 1_000;

impl Reader {
    /// Asks for the known vulnerabilities of a package, all its versions, and of what its latest version needs. They are missing where a
    /// registry does not tell.
    pub async fn read_package_advisories(&self, name: &PackageName) -> Result<Reading, Error> {
        match self.context.store.by_name(name).await? {
            Some(known) => self.read_advisories(vec![known]).await,
            None => Ok(Reading::Unchanged),
        }
    }

    /// The same of all packages of a user.
    pub async fn read_user_advisories(&self, user: &str) -> Result<Reading, Error> {
        self.read_advisories(self.context.store.packages_of(user).await?).await
    }

    async fn read_advisories(&self, packages: Vec<Known>) -> Result<Reading, Error> {
        let store = &self.context.store;
        let ids: Vec<i64> = packages.iter().map(|known| known.id).collect();
        let facts = store.latest_facts(&ids).await?;
        let mut needed: Vec<&str> = facts.values().flat_map(|facts| &facts.dependencies).map(|(name, _)| name.as_str()).collect();
        needed.sort_unstable();
        needed.dedup();
        let mut latest: HashMap<i64, (String, Option<String>)> =
            store.named(&needed).await?.into_iter().map(|(name, named)| (named.id, (name, named.version))).collect();
        latest.extend(packages.into_iter().map(|known| (known.id, (known.name, known.summary.and_then(|summary| summary.version)))));
        let all: Vec<i64> = latest.keys().copied().collect();
        let checked = store.advisories_of(&all).await?;
        let stale = self.context.clock.now() - FRESH;
        let mut asked: Vec<(PackageName, (i64, Vec<String>))> = Vec::new();
        for (id, (name, version)) in latest {
            let is_fresh = checked.get(&id).is_some_and(|known| known.checked_at > stale);
            let (Ok(name), false) = (PackageName::parse(&name), is_fresh) else { continue };
            let versions: Vec<String> = match store.details(id).await? {
                Some(stored) => stored.details.versions.into_iter().take(VERSIONS).map(|line| line.version).collect(),
                None => version.into_iter().collect(),
            };
            if !versions.is_empty() {
                asked.push((name, (id, versions)));
            }
        }
        asked.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut is_first, mut does_tell) = (true, true);
        for of_one_registry in self.client.by_registry(asked) {
            for batch in of_one_registry.chunks(PACKAGES) {
                if !std::mem::take(&mut is_first) {
                    tokio::time::sleep(PAUSE).await;
                }
                if !self.ask_for_advisories(batch).await? {
                    does_tell = false;
                    break;
                }
            }
        }
        Ok(match (does_tell, is_first) {
            (false, _) => Reading::Missing,
            (true, true) => Reading::Unchanged,
            (true, false) => Reading::Stored,
        })
    }

    /// Whether the registry tells.
    async fn ask_for_advisories(&self, batch: &[(PackageName, (i64, Vec<String>))]) -> Result<bool, Error> {
        let question: Vec<(PackageName, Vec<String>)> =
            batch.iter().map(|(name, (_, versions))| (name.clone(), versions.clone())).collect();
        let body = match self.client.advisories(&question).await {
            Ok(body) => body,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut found = parse_advisories(&body).map_err(|why| Error::Job(why.to_string()))?;
        let rows: Vec<(i64, Vec<Advisory>)> = batch.iter().map(|(name, (id, _))| (*id, found.remove(name).unwrap_or_default())).collect();
        self.context.store.put_advisories(&rows, self.context.clock.now()).await?;
        Ok(true)
    }
}
