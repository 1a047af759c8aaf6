//! Filling from the published lists.
//!
//! Phase 1: all names with their repositories, the newest month of downloads, the list of high impact; then the index. Phase 2: older
//! months, and an older list of names, whose difference to the newest tells which packages appeared between them.
//!
//! Every step can be cut off at any moment and done again: a list counts as read only when all of it is stored, a snapshot is seen only
//! when it is whole, and names that are stored already are found again by a merge in byte order.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use model::{PackageName, Source};
use registry::data_set::{self, BytesRead};
use registry::{Client, PackageVersions, Tarball};
use store::{DataSet, KnownName, NewName, Store};

use crate::lists::{Addresses, Names, NamesBuilder, UNKNOWN};
use crate::{CaughtUp, Context, Error, catch_up, progress, rebuild};

/// All lists, in the order in which they are fetched.
const LISTS: [&str; 4] = [data_set::NAMES, data_set::REPOSITORIES, data_set::COUNTS, data_set::HIGH_IMPACT];
/// Names stored in one transaction.
const BATCH: usize = 20_000;
/// Names read from the store at a time.
const PAGE: i64 = 50_000;
/// A list that lacks more than this share of the packages known only from lists is taken for damaged: nothing is removed.
const MOST_REMOVED: usize = 20;
/// Older months that are read.
const MONTHS: usize = 12;
/// How much older the list of names is that tells what appeared: in seconds, and in versions where times are not known.
const APPEARED_SPAN: i64 = 30 * 24 * 3600;
const APPEARED_VERSIONS: usize = 30;

/// Where the lists come from.
#[derive(Debug, Clone)]
pub enum ListSource {
    /// The registry.
    Registry(Client),
    /// Tarballs in a folder, named as `npm pack` names them.
    Folder(PathBuf),
}

/// What to fill with.
#[derive(Debug, Clone)]
pub struct FillOptions {
    /// Where the lists come from.
    pub from: ListSource,
    /// Only so many packages, the most downloaded ones.
    pub limit: Option<usize>,
}

/// What a fill did.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FillReport {
    /// Packages in the store now.
    pub packages: u64,
    /// Names that were not known before.
    pub added: u64,
    /// Packages that the newest list no longer has.
    pub removed: u64,
    /// The lists that were read, as `name version`.
    pub read: Vec<String>,
    /// Names in the lists that are no package names.
    pub rejected: u64,
    /// Packages in the index, when it was built anew.
    pub indexed: Option<u64>,
    /// Seconds spent downloading.
    pub download_seconds: f64,
    /// Seconds spent reading, storing and indexing.
    pub processing_seconds: f64,
}

/// A list on disk.
#[derive(Debug, Clone)]
struct List {
    name: &'static str,
    version: String,
    path: PathBuf,
    integrity: String,
    published_at: Option<i64>,
    entries: u64,
}

impl List {
    fn record(&self, limit: Option<usize>, now: i64) -> DataSet {
        DataSet {
            name: self.name.to_owned(),
            version: recorded_version(&self.version, limit),
            integrity: self.integrity.clone(),
            published_at: self.published_at,
            loaded_at: now,
            entries: self.entries.cast_signed(),
        }
    }
}

/// A list read in part is not the list.
fn recorded_version(version: &str, limit: Option<usize>) -> String {
    limit.map_or_else(|| version.to_owned(), |limit| format!("{version}+first.{limit}"))
}

/// A list that may be read: where it is, or how to get it.
#[derive(Debug, Clone)]
enum Offer {
    File { version: String, path: PathBuf },
    Tarball(Box<Tarball>),
}

impl Offer {
    fn version(&self) -> &str {
        match self {
            Self::File { version, .. } => version,
            Self::Tarball(tarball) => &tarball.version,
        }
    }
}

/// One fill, from finding the lists to the index. Safe to cut off and to run again.
struct Fill<'a> {
    context: &'a Context,
    options: &'a FillOptions,
    known: Vec<DataSet>,
    report: FillReport,
    /// The places of names that were not known before.
    new: Vec<u32>,
    downloading: Duration,
}

/// Fills the store and the index. When there is nothing new, that takes as long as asking for the newest versions.
pub async fn fill(context: &Context, options: &FillOptions) -> Result<FillReport, Error> {
    let tmp = context.tmp();
    std::fs::create_dir_all(&tmp).map_err(Error::io(&tmp))?;
    let started = Instant::now();
    let mut fill = Fill {
        context,
        options,
        known: context.store.data_sets().await?,
        report: FillReport::default(),
        new: Vec::new(),
        downloading: Duration::ZERO,
    };
    let outcome = fill.run().await;
    progress::idle(&context.progress);
    outcome?;
    let mut report = fill.report;
    report.packages = context.store.count().await?;
    report.download_seconds = fill.downloading.as_secs_f64();
    report.processing_seconds = (started.elapsed().saturating_sub(fill.downloading)).as_secs_f64();
    Ok(report)
}

impl Fill<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let now = self.context.clock.now();
        let whole = self.known.iter().any(|set| set.name == data_set::NAMES && !set.version.contains('+'));
        let offers = self.offers().await?;
        let newest = |name: &str| offers.get(name).and_then(|offers| offers.last());
        let is_new = |offer: &&Offer, name: &str| !self.is_read(name, offer.version());
        let mut wanted: Vec<(&'static str, &Offer)> =
            LISTS.iter().filter_map(|name| Some((*name, newest(name).filter(|offer| is_new(offer, name))?))).collect();
        if self.options.limit.is_some() && !wanted.is_empty() {
            if whole {
                let message = "this data directory has all packages; fill it without a limit, or use another directory with --data";
                return Err(Error::NoDataSet(message.to_owned()));
            }
            // Which packages are the most downloaded ones is known only with the counts beside the names.
            wanted = LISTS.iter().filter_map(|name| Some((*name, newest(name)?))).collect();
        }
        let mut fetched = Vec::new();
        for (name, offer) in wanted {
            fetched.push(self.fetch(name, offer).await?);
        }
        if fetched.is_empty() {
            if let CaughtUp::Rebuilt(count) = catch_up(self.context).await? {
                self.report.indexed = Some(count);
            }
        } else {
            self.phase_1(&mut fetched).await?;
            self.report.indexed = Some(rebuild(self.context).await?);
            // Only now: a fill that is cut off before the index is there reads the lists again.
            for list in &fetched {
                self.context.store.record_data_set(&list.record(self.options.limit, now)).await?;
                self.report.read.push(format!("{} {}", list.name, list.version));
            }
        }
        if self.options.limit.is_none() {
            self.phase_2(&offers).await?;
        }
        if !self.report.read.is_empty() || self.context.store.trend_basis().await?.is_none() {
            self.context.store.make_trends(self.context.clock.now()).await?;
        }
        self.sweep();
        Ok(())
    }

    fn is_read(&self, name: &str, version: &str) -> bool {
        let whole = recorded_version(version, None);
        let limited = recorded_version(version, self.options.limit);
        self.known.iter().any(|set| set.name == name && (set.version == whole || set.version == limited))
    }

    /// All versions of all lists, oldest first.
    async fn offers(&mut self) -> Result<HashMap<&'static str, Vec<Offer>>, Error> {
        let mut offers: HashMap<&'static str, Vec<Offer>> = HashMap::new();
        match &self.options.from {
            ListSource::Folder(folder) => {
                let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
                let files: Vec<String> = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned())).collect();
                for name in LISTS {
                    let mut found: Vec<(Vec<u64>, Offer)> = files
                        .iter()
                        .filter_map(|file| {
                            let version = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".tgz")?;
                            let order = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
                            Some((order, Offer::File { version: version.to_owned(), path: folder.join(file) }))
                        })
                        .collect();
                    found.sort_by(|a, b| a.0.cmp(&b.0));
                    offers.insert(name, found.into_iter().map(|(_, offer)| offer).collect());
                }
                if offers[data_set::NAMES].is_empty() {
                    let message =
                        format!("{} has no {}-VERSION.tgz; get it with `npm pack {}`", folder.display(), data_set::NAMES, LISTS.join(" "));
                    return Err(Error::NoDataSet(message));
                }
            }
            ListSource::Registry(client) => {
                let started = Instant::now();
                for name in LISTS {
                    progress::bytes(&self.context.progress, &format!("asking for {name}"), 0, None);
                    let parsed = PackageName::parse(name).map_err(|error| Error::NoDataSet(error.to_string()))?;
                    let mut versions: PackageVersions = client.versions(&parsed).await?;
                    // The newest is the one that the tag `latest` names.
                    if let Some(newest) = versions.newest().cloned() {
                        versions.tarballs.retain(|tarball| tarball.version != newest.version);
                        versions.tarballs.push(newest);
                    }
                    offers.insert(name, versions.tarballs.into_iter().map(|tarball| Offer::Tarball(Box::new(tarball))).collect());
                }
                self.downloading += started.elapsed();
            }
        }
        Ok(offers)
    }

    async fn fetch(&mut self, name: &'static str, offer: &Offer) -> Result<List, Error> {
        match (offer, &self.options.from) {
            (Offer::Tarball(tarball), ListSource::Registry(client)) => {
                let started = Instant::now();
                let step = format!("downloading {name} {}", tarball.version);
                let path = client
                    .download(tarball, &self.context.tmp(), |done, total| progress::bytes(&self.context.progress, &step, done, total))
                    .await?;
                self.downloading += started.elapsed();
                Ok(List {
                    name,
                    version: tarball.version.clone(),
                    path,
                    integrity: tarball.integrity.to_string(),
                    published_at: tarball.published_at,
                    entries: 0,
                })
            }
            (Offer::File { version, path }, _) => Ok(List {
                name,
                version: version.clone(),
                path: path.clone(),
                integrity: "not checked: given as a file".to_owned(),
                published_at: None,
                entries: 0,
            }),
            (Offer::Tarball(_), ListSource::Folder(_)) => Err(Error::NoDataSet(format!("{name} is not in the folder"))),
        }
    }

    /// Deletes the downloads, which have all been read.
    fn sweep(&self) {
        let entries = std::fs::read_dir(self.context.tmp()).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "tgz" || end == "part")) {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a download that is no longer needed could not be deleted");
            }
        }
    }

    /// Stores what the lists say.
    async fn phase_1(&mut self, lists: &mut [List]) -> Result<(), Error> {
        let now = self.context.clock.now();
        let place = |lists: &[List], name: &str| lists.iter().position(|list| list.name == name);
        let (names_at, repositories_at) = (place(lists, data_set::NAMES), place(lists, data_set::REPOSITORIES));
        let (counts_at, impact_at) = (place(lists, data_set::COUNTS), place(lists, data_set::HIGH_IMPACT));
        let steps = &self.context.progress;

        let names = match names_at {
            Some(at) => {
                let (list, others) = (lists[at].path.clone(), repositories_at.map(|at| lists[at].path.clone()));
                let read = reading(steps, "reading names", &lists[at].path);
                let (builder, entries) = tokio::task::spawn_blocking(move || read_names(&list, others.as_deref(), &read)).await??;
                lists[at].entries = entries;
                self.report.rejected += builder.rejected;
                builder.finish()
            }
            // Only other lists are new: they are put to the names that are stored.
            None => stored_names(&self.context.store, |_| true).await?,
        };
        let mut names = Arc::new(names);

        let (counts, addresses) = tokio::join!(
            read_beside(counts_at.map(|at| lists[at].path.clone()), Arc::clone(&names), steps, read_counts),
            read_beside(repositories_at.map(|at| lists[at].path.clone()), Arc::clone(&names), steps, read_addresses),
        );
        let (mut counts, mut addresses) = (counts?, addresses?);
        for (at, entries) in [(counts_at, counts.as_ref().map(|read| read.1)), (repositories_at, addresses.as_ref().map(|read| read.1))] {
            if let (Some(at), Some(entries)) = (at, entries) {
                lists[at].entries = entries;
            }
        }

        if let Some(limit) = self.options.limit {
            let kept = most_downloaded(names.len(), counts.as_ref().map(|read| read.0.as_slice()), limit);
            Arc::make_mut(&mut names).keep(&kept);
            if let Some((counts, _)) = &mut counts {
                *counts = kept.iter().map(|place| counts[*place as usize]).collect();
            }
            if let Some((addresses, _)) = &mut addresses {
                addresses.keep(&kept);
            }
        }

        if names_at.is_some() || repositories_at.is_some() {
            let complete = names_at.is_some() && self.options.limit.is_none();
            self.store_names(Arc::make_mut(&mut names), addresses.as_ref().map(|read| &read.0), complete, now).await?;
            if let Some(at) = names_at {
                self.record_appearances(&names, lists[at].published_at).await?;
            }
        }
        if let (Some(at), Some((counts, _))) = (counts_at, counts) {
            progress::packages(steps, "storing downloads", 0, Some(names.len() as u64));
            if let Some(month) = data_set::month_of_version(&lists[at].version) {
                write_snapshot(&self.context.store, &names, &counts, &month, &lists[at].version).await?;
            }
        }
        if let Some(at) = impact_at {
            let (path, names) = (lists[at].path.clone(), Arc::clone(&names));
            let (ids, entries) = tokio::task::spawn_blocking(move || {
                let mut ids = Vec::new();
                let entries = data_set::read_high_impact(&path, &BytesRead::default(), |name| {
                    ids.extend(names.find(name).map(|place| i64::from(names.ids[place])).filter(|id| *id != 0));
                })?;
                Ok::<_, Error>((ids, entries))
            })
            .await??;
            lists[at].entries = entries;
            self.context.store.set_high_impact(&ids).await?;
        }
        Ok(())
    }

    /// What a newer list of names has and the one read before had not, appeared between the two.
    async fn record_appearances(&self, names: &Names, published_at: Option<i64>) -> Result<(), Error> {
        let before = self
            .known
            .iter()
            .filter(|set| set.name == data_set::NAMES && !set.version.contains('+'))
            .filter_map(|set| set.published_at)
            .max();
        if let (Some(not_before), Some(not_after)) = (before, published_at) {
            let ids: Vec<i64> = self
                .new
                .iter()
                .filter(|place| !is_digits(names.get(**place as usize)))
                .map(|place| i64::from(names.ids[*place as usize]))
                .collect();
            for batch in ids.chunks(BATCH) {
                self.context.store.add_appearances(batch, not_before, not_after).await?;
            }
        }
        Ok(())
    }

    /// Puts names and addresses beside what is stored, both in byte order: what is new is added, other addresses are replaced, and what
    /// only lists knew and the newest no longer has is removed.
    async fn store_names(&mut self, names: &mut Names, addresses: Option<&Addresses>, complete: bool, now: i64) -> Result<(), Error> {
        let store = &self.context.store;
        let total = Some(names.len() as u64);
        let (mut moved, mut gone) = (Vec::new(), Vec::new());
        let mut stored = 0;
        let mut place = 0;
        let mut after = String::new();
        loop {
            let page = store.names_after(&after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.name);
            stored += page.len();
            for known in page {
                while place < names.len() && names.get(place) < known.name.as_str() {
                    place += 1;
                }
                if place < names.len() && names.get(place) == known.name {
                    names.ids[place] =
                        u32::try_from(known.id).map_err(|_| store::Error::Damaged(format!("the package id {}", known.id)))?;
                    let address = addresses.map(|addresses| addresses.get(place));
                    if known.source == Source::DataSet && address.is_some_and(|address| address != known.repository.as_deref()) {
                        moved.push((known.id, place));
                    }
                } else if known.source == Source::DataSet && (addresses.is_some() || !is_digits(&known.name)) {
                    // Names of digits stand in the list of repositories only.
                    gone.push(known.id);
                }
            }
            progress::packages(&self.context.progress, "comparing names", place as u64, total);
        }
        for batch in moved.chunks(BATCH) {
            let rows: Vec<_> = batch.iter().map(|(id, place)| (*id, addresses.and_then(|addresses| addresses.get(*place)))).collect();
            store.set_repositories(&rows, now).await?;
        }
        let new: Vec<u32> = (0..names.len() as u32).filter(|place| names.ids[*place as usize] == 0).collect();
        for (number, batch) in new.chunks(BATCH).enumerate() {
            let rows: Vec<NewName<'_>> = batch
                .iter()
                .map(|place| *place as usize)
                .map(|place| NewName { name: names.get(place), repository: addresses.and_then(|addresses| addresses.get(place)) })
                .collect();
            let ids = store.add_names(&rows, now).await?;
            for (place, id) in batch.iter().zip(ids) {
                names.ids[*place as usize] = u32::try_from(id).map_err(|_| store::Error::Damaged(format!("the package id {id}")))?;
            }
            let done = (stored + number * BATCH + batch.len()) as u64;
            progress::packages(&self.context.progress, "storing names", done, total);
        }
        self.report.added = new.len() as u64;
        self.new = new;
        if complete && !gone.is_empty() {
            if gone.len() > 1_000.max(stored / MOST_REMOVED) {
                tracing::warn!(
                    gone = gone.len(),
                    stored,
                    "the newest list lacks so many names that it is not believed; nothing is removed"
                );
            } else {
                for batch in gone.chunks(BATCH) {
                    store.remove(batch, now).await?;
                }
                self.report.removed = gone.len() as u64;
            }
        }
        Ok(())
    }

    /// Older months, and what appeared lately.
    async fn phase_2(&mut self, offers: &HashMap<&'static str, Vec<Offer>>) -> Result<(), Error> {
        let now = self.context.clock.now();
        let older = |name: &str| offers.get(name).and_then(|offers| offers.split_last()).map_or(&[][..], |(_, older)| older);
        let months: Vec<&Offer> = older(data_set::COUNTS)
            .iter()
            .rev()
            .filter(|offer| data_set::month_of_version(offer.version()).is_some())
            .take(MONTHS)
            .collect();
        let months: Vec<&Offer> = months.into_iter().filter(|offer| !self.is_read(data_set::COUNTS, offer.version())).collect();
        let newest = offers.get(data_set::NAMES).and_then(|offers| offers.last());
        // After the first fill, what appeared is told by the lists themselves, one after the other.
        let others = |newest: &&Offer| self.known.iter().any(|set| set.name == data_set::NAMES && set.version != newest.version());
        let before = newest.filter(|newest| !others(newest)).and_then(|newest| a_month_before(older(data_set::NAMES), newest));
        if months.is_empty() && before.is_none() {
            return Ok(());
        }
        // What only an import knows stands in no list, and neither do names of digits.
        let listed = |known: &KnownName| known.source == Source::DataSet && !is_digits(&known.name);
        let names = Arc::new(stored_names(&self.context.store, |_| true).await?);
        for offer in months {
            let mut list = self.fetch(data_set::COUNTS, offer).await?;
            let steps = &self.context.progress;
            if let Some((counts, entries)) = read_beside(Some(list.path.clone()), Arc::clone(&names), steps, read_counts).await?
                && let Some(month) = data_set::month_of_version(&list.version)
            {
                list.entries = entries;
                write_snapshot(&self.context.store, &names, &counts, &month, &list.version).await?;
                self.finish_older(&list, now).await?;
            }
        }
        if let (Some(offer), Some(newest)) = (before, newest) {
            let mut list = self.fetch(data_set::NAMES, offer).await?;
            let (path, read) = (list.path.clone(), reading(&self.context.progress, "reading older names", &list.path));
            let all = stored_names(&self.context.store, listed).await?;
            let (ids, entries) = tokio::task::spawn_blocking(move || {
                let mut there = vec![false; all.len()];
                let entries = data_set::read_names(&path, &read.0, |name| {
                    if let Some(place) = all.find(name) {
                        there[place] = true;
                    }
                    read.show();
                })?;
                let ids: Vec<i64> = there.iter().zip(&all.ids).filter(|(there, _)| !**there).map(|(_, id)| i64::from(*id)).collect();
                Ok::<_, Error>((ids, entries))
            })
            .await??;
            list.entries = entries;
            // Without both dates nobody can say when.
            if let (Some(not_before), Some(not_after)) = (published(offer), published(newest)) {
                for batch in ids.chunks(BATCH) {
                    self.context.store.add_appearances(batch, not_before, not_after).await?;
                }
            }
            self.finish_older(&list, now).await?;
        }
        Ok(())
    }

    async fn finish_older(&mut self, list: &List, now: i64) -> Result<(), Error> {
        self.context.store.record_data_set(&list.record(None, now)).await?;
        self.report.read.push(format!("{} {}", list.name, list.version));
        Ok(())
    }
}

fn is_digits(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_digit())
}

fn published(offer: &Offer) -> Option<i64> {
    match offer {
        Offer::Tarball(tarball) => tarball.published_at,
        Offer::File { .. } => None,
    }
}

/// The version about thirty days older than the newest: by date where the registry tells dates, else thirty versions back.
fn a_month_before<'a>(older: &'a [Offer], newest: &Offer) -> Option<&'a Offer> {
    let dated = published(newest).and_then(|newest| {
        let target = newest - APPEARED_SPAN;
        older
            .iter()
            .filter(|offer| published(offer).is_some_and(|at| at < newest))
            .min_by_key(|offer| published(offer).map(|at| (at - target).abs()))
    });
    dated.or_else(|| older.iter().rev().nth(APPEARED_VERSIONS - 1).or_else(|| older.first()))
}

/// Bytes of a file read so far, shown from time to time.
struct Reading(BytesRead, std::cell::Cell<u32>, progress::ProgressSender, &'static str, Option<u64>);

fn reading(steps: &progress::ProgressSender, step: &'static str, path: &Path) -> Reading {
    let length = std::fs::metadata(path).ok().map(|metadata| metadata.len());
    Reading(BytesRead::default(), std::cell::Cell::new(0), steps.clone(), step, length)
}

impl Reading {
    fn show(&self) {
        self.1.set(self.1.get().wrapping_add(1));
        if self.1.get() % 50_000 == 1 {
            progress::bytes(&self.2, self.3, self.0.get(), self.4);
        }
    }
}

/// Names, and from the list of repositories those made of digits only, which the list of names lacks.
fn read_names(path: &Path, repositories: Option<&Path>, read: &Reading) -> Result<(NamesBuilder, u64), Error> {
    let mut builder = NamesBuilder::new();
    let entries = data_set::read_names(path, &read.0, |name| {
        builder.push(name);
        read.show();
    })?;
    if let Some(path) = repositories {
        data_set::read_repositories(path, &BytesRead::default(), |name, _| {
            if !name.is_empty() && is_digits(name) {
                builder.push(name);
            }
        })?;
    }
    Ok((builder, entries))
}

fn read_counts(path: &Path, names: &Names, read: &Reading) -> Result<(Vec<u64>, u64), Error> {
    let mut counts = vec![UNKNOWN; names.len()];
    let entries = data_set::read_counts(path, &read.0, |name, count| {
        if let Some(place) = names.find(name) {
            counts[place] = count;
        }
        read.show();
    })?;
    Ok((counts, entries))
}

fn read_addresses(path: &Path, names: &Names, read: &Reading) -> Result<(Addresses, u64), Error> {
    let mut addresses = Addresses::new(names.len());
    let entries = data_set::read_repositories(path, &read.0, |name, written| {
        if let (Some(place), Some(written)) = (names.find(name), written) {
            addresses.set(place, written);
        }
    })?;
    Ok((addresses, entries))
}

/// Reads a list on a thread of its own.
async fn read_beside<T: Send + 'static>(
    path: Option<PathBuf>,
    names: Arc<Names>,
    steps: &progress::ProgressSender,
    read: fn(&Path, &Names, &Reading) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let Some(path) = path else { return Ok(None) };
    let shown = reading(steps, "reading downloads and repositories", &path);
    Ok(Some(tokio::task::spawn_blocking(move || read(&path, &names, &shown)).await??))
}

/// The places of the `limit` most downloaded names, ascending.
fn most_downloaded(names: usize, counts: Option<&[u64]>, limit: usize) -> Vec<u32> {
    let mut places: Vec<u32> = (0..names as u32).collect();
    let downloads = |place: u32| counts.map_or(0, |counts| counts[place as usize].wrapping_add(1));
    places.sort_by_key(|place| std::cmp::Reverse(downloads(*place)));
    places.truncate(limit);
    places.sort_unstable();
    places
}

/// The wanted names that are stored, with their ids.
async fn stored_names(store: &Store, wanted: impl Fn(&KnownName) -> bool) -> Result<Names, Error> {
    let mut builder = NamesBuilder::new();
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let page = store.names_after(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.name);
        for known in page.into_iter().filter(|known| wanted(known)) {
            builder.push(&known.name);
            ids.push(u32::try_from(known.id).map_err(|_| store::Error::Damaged(format!("the package id {}", known.id)))?);
        }
    }
    if builder.rejected > 0 {
        return Err(store::Error::Damaged(format!("{} stored names are no package names", builder.rejected)).into());
    }
    let mut names = builder.finish();
    names.ids = ids;
    Ok(names)
}

async fn write_snapshot(store: &Store, names: &Names, counts: &[u64], month: &str, version: &str) -> Result<(), Error> {
    let mut counted: Vec<(u32, u64)> =
        names.ids.iter().zip(counts).filter(|(id, count)| **id != 0 && **count != UNKNOWN).map(|(id, count)| (*id, *count)).collect();
    counted.sort_unstable_by_key(|(id, _)| *id);
    let mut writer = store.begin_snapshot(month, version, end_of_month(month)).await?;
    writer.write(counted.into_iter().map(|(id, count)| (i64::from(id), count))).await?;
    writer.finish().await?;
    Ok(())
}

/// Midnight after the last day of a month given as `2026-03`: seconds since 1970, UTC.
fn end_of_month(month: &str) -> i64 {
    let first: Option<Date> = format!("{month}-01").parse().ok();
    let next = first.and_then(|first| first.last_of_month().tomorrow().ok());
    next.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()).map_or(0, |midnight| midnight.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_months() {
        assert_eq!(end_of_month("2026-03"), 1_775_001_600);
        assert_eq!(end_of_month("2024-12"), 1_735_689_600);
    }

    #[test]
    fn the_most_downloaded() {
        assert_eq!(most_downloaded(4, Some(&[5, UNKNOWN, 0, 9]), 2), [0, 3]);
        assert_eq!(most_downloaded(4, Some(&[5, UNKNOWN, 0, 9]), 3), [0, 2, 3]);
        assert_eq!(most_downloaded(3, None, 2), [0, 1]);
    }
}
