//! Asking the registry for known vulnerabilities: of the packages that somebody looks at, and of what these need.

use std::collections::HashMap;
use std::time::Duration;

use model::{PackageName, parse_advisories};
use store::{Known, KnownAdvisories};

use crate::details::Reader;
use crate::{Error, Reading};

/// What was asked within so many seconds need not be asked again.
const FRESH: i64 = 20 * 3_600;
/// Packages in a request, versions in a request, and between two requests.
const PACKAGES: usize = 100;
const VERSIONS_AT_ONCE: usize = 5_000;
const PAUSE: Duration = Duration::from_millis(500);
/// Versions of a package that are asked about, the newest.
const VERSIONS: usize = 1_000;

impl Reader {
    /// Asks for the known vulnerabilities of a package, all its versions, and of what its latest version needs: unchanged when all was
    /// asked lately, missing when no registry tells of any.
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
        let mut packages: Vec<(PackageName, (i64, Option<String>))> =
            latest.into_iter().filter_map(|(id, (name, version))| Some((PackageName::parse(&name).ok()?, (id, version)))).collect();
        packages.sort_by(|a, b| a.0.cmp(&b.0));
        let mut came = Came::default();
        for of_one_registry in self.client.by_registry(packages) {
            self.read_of_one_registry(of_one_registry, &checked, &mut came).await?;
        }
        match came {
            Came { error: Some(error), told: false, .. } => Err(error),
            Came { told: true, .. } => Ok(Reading::Stored),
            Came { is_silent: true, .. } => Ok(Reading::Missing),
            Came { .. } => Ok(Reading::Unchanged),
        }
    }

    /// Asks one registry about its packages, as far as that was not done lately. What goes wrong with one does not keep others from being
    /// asked.
    async fn read_of_one_registry(
        &self,
        packages: Vec<(PackageName, (i64, Option<String>))>,
        checked: &HashMap<i64, KnownAdvisories>,
        came: &mut Came,
    ) -> Result<(), Error> {
        let store = &self.context.store;
        let stale = self.context.clock.now() - FRESH;
        let mut batch: Vec<Question> = Vec::new();
        let mut packages = packages.into_iter().peekable();
        while let Some((name, (id, version))) = packages.next() {
            let versions: Vec<String> = match store.versions_of(id).await? {
                Some(versions) => versions.into_iter().take(VERSIONS).collect(),
                None => version.into_iter().collect(),
            };
            // What is known of some versions only is asked for again when more are known.
            let is_fresh = checked.get(&id).is_some_and(|known| known.checked_at > stale && known.versions >= versions.len() as u64);
            if !is_fresh && !versions.is_empty() {
                batch.push((name, id, versions));
            }
            let is_full = batch.len() >= PACKAGES || batch.iter().map(|(.., versions)| versions.len()).sum::<usize>() >= VERSIONS_AT_ONCE;
            if batch.is_empty() || !is_full && packages.peek().is_some() {
                continue;
            }
            if came.asked {
                tokio::time::sleep(PAUSE).await;
            }
            came.asked = true;
            match self.ask_for_advisories(&std::mem::take(&mut batch)).await {
                Ok(()) => came.told = true,
                Err(Error::Registry(error)) if error.is_not_found() => {
                    came.is_silent = true;
                    return Ok(());
                }
                Err(error @ (Error::Registry(_) | Error::Job(_))) => {
                    came.error.get_or_insert(error);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn ask_for_advisories(&self, batch: &[Question]) -> Result<(), Error> {
        let question: Vec<(PackageName, Vec<String>)> = batch.iter().map(|(name, _, versions)| (name.clone(), versions.clone())).collect();
        let body = self.client.advisories(&question).await?;
        let mut found = parse_advisories(&body).map_err(|why| Error::Job(why.to_string()))?;
        let checked_at = self.context.clock.now();
        let known = |(name, id, versions): &Question| {
            let advisories = found.remove(name).unwrap_or_default();
            (*id, KnownAdvisories { checked_at, versions: versions.len() as u64, advisories })
        };
        let rows: Vec<(i64, KnownAdvisories)> = batch.iter().map(known).collect();
        Ok(self.context.store.put_advisories(&rows).await?)
    }
}

/// A package, its id, and the versions that are asked about.
type Question = (PackageName, i64, Vec<String>);

/// What came of asking.
#[derive(Default)]
struct Came {
    asked: bool,
    /// A registry told something.
    told: bool,
    /// A registry does not tell of vulnerabilities.
    is_silent: bool,
    /// The first thing that went wrong.
    error: Option<Error>,
}
