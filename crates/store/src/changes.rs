//! What the index reads: everything in falling popularity, or what changed since.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use model::{Bucket, Fact, Facts, Popularity, State, types_package};
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::facts::FromDetails;
use crate::trends::{growth, months_between};
use crate::{Error, Store, on};

/// A package as the index wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexRow {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// Whether it can be installed.
    pub state: State,
    /// Whether its latest version is deprecated.
    pub deprecated: bool,
    /// Its description.
    pub description: Option<String>,
    /// Its keywords.
    pub keywords: Vec<String>,
    /// The users who may publish it.
    pub maintainers: Vec<String>,
    /// Web address of its repository.
    pub repository: Option<String>,
    /// Its downloads on a logarithmic scale.
    pub bucket: Bucket,
    /// Its downloads in a month.
    pub downloads: Option<u64>,
    /// How its downloads grew between the two newest snapshots, as a factor per month.
    pub growth: Option<f32>,
    /// When its latest version was published: seconds since 1970, UTC.
    pub published: Option<i64>,
    /// Its license, as it says.
    pub license: Option<String>,
    /// What follows from its details, its version, its home page, and from which packages of types there are.
    pub facts: Facts,
    /// What is installed with it; `None` without details.
    pub dependencies: Option<Vec<String>>,
    /// How many packages with details it is installed with, where all packages are read; else 0.
    pub dependents: u32,
    /// The README of its latest version as safe HTML.
    pub readme: Option<String>,
}

/// One change since a number.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A package is new or different.
    Written(Box<IndexRow>),
    /// A package of this name is gone.
    Removed(String),
}

/// Id, name, state, deprecated, description, keywords, maintainers, repository, what [`Counted`] has, when it was published, license,
/// version, and whether it has a home page.
type Packed = (
    i64,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Counted,
    Option<i64>,
    Option<String>,
    Option<String>,
    i64,
);

/// Monthly downloads of a hit, when they were counted, and whether the package has high impact.
type Counted = (Option<i64>, Option<i64>, i64);

const PACKED: &str = "{row}(p.id, p.name, p.state, CASE WHEN s.deprecated IS NULL THEN 0 ELSE 1 END, s.description, s.keywords,
    CASE WHEN s.package_id IS NULL THEN NULL ELSE
        (SELECT {pack}(m.username){text} FROM maintainers m WHERE m.package_id = p.id) END, p.repository, ";
const COUNTED: &str = "{row}(t.monthly, t.observed_at, CASE WHEN h.package_id IS NULL THEN 0 ELSE 1 END)";
const SUMMARISED: &str = ", s.published_at, s.license, s.version, CASE WHEN s.homepage IS NULL THEN 0 ELSE 1 END)";
const COUNTED_JOINS: &str = "LEFT JOIN package_stats t ON t.package_id = p.id LEFT JOIN high_impact h ON h.package_id = p.id";

/// The newer of two counts, that of the snapshot (with the end of its month) and that of a hit; failing both, the list of high impact.
fn popularity(snapshot: Option<(u64, i64)>, (monthly, at, high_impact): Counted) -> Popularity {
    let hit = monthly.map(i64::cast_unsigned).zip(at);
    match (snapshot, hit) {
        (Some((count, as_of)), Some((_, at))) if as_of > at => Popularity::Monthly(count),
        (_, Some((count, _))) | (Some((count, _)), None) => Popularity::Monthly(count),
        (None, None) if high_impact != 0 => Popularity::HighImpact,
        (None, None) => Popularity::Unknown,
    }
}

/// All counts of the newest snapshot by id, each plus one, 0 for unknown.
#[derive(Debug, Default)]
struct Counts {
    as_of: i64,
    by_id: Vec<u64>,
}

impl Counts {
    fn of(&self, id: i64) -> Option<(u64, i64)> {
        Some((self.by_id.get(id as usize)?.checked_sub(1)?, self.as_of))
    }
}

/// What all packages together tell about one.
#[derive(Debug, Default)]
struct Surroundings {
    /// The newest snapshot, and the one before, so many months earlier.
    counts: Counts,
    earlier: Counts,
    months: f64,
    /// Packages of the scope `@types`.
    types: HashSet<String>,
    /// Packages with details.
    with_details: HashSet<i64>,
    dependents: HashMap<String, u32>,
}

fn unpack(row: Packed, popularity: Popularity, types: &HashSet<String>, details: Option<FromDetails>) -> Result<IndexRow, Error> {
    let (id, name, state, deprecated, description, keywords, maintainers, repository, _, published, license, version, has_homepage) = row;
    let is_typed = types.contains(&types_package(&name));
    let mut facts = details.as_ref().map(|details| details.facts(is_typed || name.starts_with("@types/"))).unwrap_or_default();
    for (fact, holds) in [
        (Fact::DefinitelyTyped, is_typed),
        (Fact::Types, is_typed),
        (Fact::Homepage, has_homepage != 0),
        (Fact::Unstable, version.is_some_and(|version| version.starts_with("0."))),
    ] {
        facts.set(fact, holds);
    }
    let (dependencies, readme) = details.map_or((None, None), |details| (Some(details.dependencies), details.readme));
    Ok(IndexRow {
        id,
        name,
        state: State::from_number(state),
        deprecated: deprecated != 0,
        description,
        keywords: from_json(keywords.as_deref())?,
        maintainers: from_json(maintainers.as_deref())?,
        repository,
        bucket: Bucket::of(popularity),
        downloads: match popularity {
            Popularity::Monthly(count) => Some(count),
            Popularity::HighImpact | Popularity::Unknown => None,
        },
        growth: None,
        published,
        license,
        facts,
        dependencies,
        dependents: 0,
        readme,
    })
}

/// All packages in falling popularity, a chunk at a time.
#[derive(Debug)]
pub struct Ranked {
    store: Store,
    around: Arc<Surroundings>,
    ids: Arc<[u32]>,
    rest: Range<usize>,
}

impl Ranked {
    /// How many packages are still to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether there is nothing more to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The ids of the next packages, at most `limit`.
    #[must_use]
    pub fn ids(&self, limit: usize) -> Vec<i64> {
        self.ids[self.rest.clone()].iter().take(limit).map(|id| i64::from(*id)).collect()
    }

    /// Cuts the rest into stretches of about equal length that can be read side by side, the most popular first.
    #[must_use]
    pub fn split(self, stretches: usize) -> Vec<Self> {
        let length = self.rest.len().div_ceil(stretches.max(1)).max(1);
        let starts = self.rest.clone().step_by(length);
        let part = |start: usize| Self {
            store: self.store.clone(),
            around: Arc::clone(&self.around),
            ids: Arc::clone(&self.ids),
            rest: start..(start + length).min(self.rest.end),
        };
        starts.map(part).collect()
    }

    /// The next packages, at most `limit`, none at the end. Packages removed in the meantime are left out.
    pub async fn next_chunk(&mut self, limit: usize) -> Result<Vec<IndexRow>, Error> {
        let end = (self.rest.start + limit).min(self.rest.end);
        let wanted: Vec<[u32; 1]> = self.ids[self.rest.start..end].iter().map(|id| [*id]).collect();
        self.rest.start = end;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: HashMap<i64, Packed> = self.store.packed(&wanted).await?.into_iter().map(|row| (row.0, row)).collect();
        let around = &self.around;
        let with_details = wanted.iter().map(|[id]| i64::from(*id)).filter(|id| around.with_details.contains(id));
        let mut details = self.store.told_by_details(&with_details.collect::<Vec<_>>()).await?;
        wanted
            .iter()
            .filter_map(|[id]| rows.remove(&i64::from(*id)))
            .map(|row| {
                let (later, earlier) = (around.counts.of(row.0), around.earlier.of(row.0));
                let popularity = popularity(later, row.8);
                let details = details.remove(&row.0);
                let mut row = unpack(row, popularity, &around.types, details)?;
                row.growth = later.zip(earlier).map(|((later, _), (earlier, _))| growth(earlier, later, around.months) as f32);
                row.dependents = around.dependents.get(&row.name).copied().unwrap_or(0);
                Ok(row)
            })
            .collect()
    }
}

impl Store {
    /// The last number given to a change.
    pub async fn last_change(&self) -> Result<i64, Error> {
        Ok(on!(&self.read, |pool| sqlx::query_scalar("SELECT n FROM counter").fetch_one(pool).await?))
    }

    /// All packages in falling popularity. Takes 20 bytes of memory a package, and reads all details that are stored.
    pub async fn ranked(&self) -> Result<Ranked, Error> {
        let mut around = Surroundings { types: self.type_packages().await?, ..Surroundings::default() };
        let snapshots = self.snapshots().await?;
        for (snapshot, counts) in snapshots.iter().zip([&mut around.counts, &mut around.earlier]) {
            *counts = Counts { as_of: snapshot.as_of, by_id: self.all_counts(snapshot.id).await? };
        }
        if let [later, earlier, ..] = snapshots.as_slice() {
            around.months = months_between(earlier, later);
        }
        (around.with_details, around.dependents) = self.dependents().await?;
        let mut ranked: Vec<(u8, u32)> = Vec::new();
        let mut after: i64 = 0;
        let sql = Words::of(&self.read).fill(&format!(
            "SELECT {{pack}}({{row}}(p.id, {COUNTED})){{text}}
             FROM (SELECT id FROM packages WHERE id > $1 ORDER BY id LIMIT 100000) p {COUNTED_JOINS}"
        ));
        loop {
            let text: Option<String> =
                on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(after).fetch_one(pool).await?);
            let rows: Vec<(i64, Counted)> = from_json(text.as_deref())?;
            let Some(last) = rows.iter().map(|row| row.0).max() else { break };
            after = last;
            for (id, counted) in rows {
                let popularity = popularity(around.counts.of(id), counted);
                let id = u32::try_from(id).map_err(|_| Error::Damaged(format!("the package id {id} is out of range")))?;
                ranked.push((u8::MAX - Bucket::of(popularity).0, id));
            }
        }
        ranked.sort_unstable();
        let ids: Arc<[u32]> = ranked.into_iter().map(|(_, id)| id).collect();
        Ok(Ranked { store: self.clone(), around: Arc::new(around), rest: 0..ids.len(), ids })
    }

    async fn packed<T: serde::Serialize>(&self, wanted: &[T]) -> Result<Vec<Packed>, Error> {
        let sql = Words::of(&self.read).fill(&format!(
            "SELECT {{pack}}({PACKED}{COUNTED}{SUMMARISED}){{text}} FROM {{rows}} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT)
             LEFT JOIN summaries s ON s.package_id = p.id {COUNTED_JOINS}"
        ));
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(wanted)?).fetch_one(pool).await?);
        from_json(text.as_deref())
    }

    /// What changed after the number `after`, in order, at most `limit` changes, and the number up to which that is everything.
    pub async fn changes_after(&self, after: i64, limit: i64) -> Result<(Vec<Change>, i64), Error> {
        // Commit order is number order: what is numbered up to here is all committed.
        let end = self.last_change().await?;
        let written: Vec<(i64, i64)> = on!(&self.read, |pool| {
            sqlx::query_as("SELECT change_seq, id FROM packages WHERE change_seq > $1 AND change_seq <= $2 ORDER BY change_seq LIMIT $3")
                .bind(after)
                .bind(end)
                .bind(limit)
                .fetch_all(pool)
                .await?
        });
        let removed: Vec<(i64, String)> = on!(&self.read, |pool| {
            sqlx::query_as(
                "SELECT change_seq, name FROM tombstones WHERE change_seq > $1 AND change_seq <= $2 ORDER BY change_seq LIMIT $3",
            )
            .bind(after)
            .bind(end)
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        // A list that is full says nothing about what comes after its last number.
        let mut upto = end;
        for (full, last) in [
            (written.len() as i64 == limit, written.last().map(|row| row.0)),
            (removed.len() as i64 == limit, removed.last().map(|row| row.0)),
        ] {
            if let (true, Some(last)) = (full, last) {
                upto = upto.min(last);
            }
        }
        let ids: Vec<[i64; 1]> = written.iter().filter(|(seq, _)| *seq <= upto).map(|(_, id)| [*id]).collect();
        let mut changes: Vec<Change> = removed.into_iter().filter(|(seq, _)| *seq <= upto).map(|(_, name)| Change::Removed(name)).collect();
        changes.extend(self.index_rows(&ids).await?.into_iter().map(|row| Change::Written(Box::new(row))));
        Ok((changes, upto))
    }

    /// Some packages as the index wants them, by name; those that are not there are left out.
    pub async fn index_rows_named(&self, names: &[&str]) -> Result<Vec<IndexRow>, Error> {
        let wrapped: Vec<[&str; 1]> = names.iter().map(|name| [*name]).collect();
        let sql = Words::of(&self.read).fill("SELECT {pack}({row}(p.id)){text} FROM {rows} j JOIN packages p ON p.name = j.value ->> 0");
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        self.index_rows(&from_json::<[i64; 1]>(text.as_deref())?).await
    }

    async fn index_rows(&self, ids: &[[i64; 1]]) -> Result<Vec<IndexRow>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.packed(ids).await?;
        let flat: Vec<i64> = ids.iter().map(|[id]| *id).collect();
        let (later, earlier) = (self.newest_counts(&flat).await?, self.counts_before_newest(&flat).await?);
        let snapshots = self.snapshots().await?;
        let types = self.type_packages_of(rows.iter().map(|row| row.1.as_str())).await?;
        let mut details = self.told_by_details(&flat).await?;
        rows.into_iter()
            .map(|row| {
                let id = row.0;
                let popularity = popularity(later.get(&id).map(|snapshot| (snapshot.count, snapshot.as_of)), row.8);
                let details = details.remove(&id);
                let mut row = unpack(row, popularity, &types, details)?;
                if let (Some(later), Some(earlier), [newest, before, ..]) = (later.get(&id), earlier.get(&id), snapshots.as_slice()) {
                    row.growth = Some(growth(earlier.count, later.count, months_between(before, newest)) as f32);
                }
                Ok(row)
            })
            .collect()
    }

    /// How many changes the number `after` is behind, as an upper bound.
    pub async fn behind(&self, after: i64) -> Result<u64, Error> {
        Ok(u64::try_from(self.last_change().await? - after).unwrap_or(0))
    }
}
