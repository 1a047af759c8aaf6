//! Packages: written in batches, read by id, by name, by page.

use std::collections::HashMap;
use std::sync::OnceLock;

use model::{Bucket, Observation, PackageName, Popularity, RecentDownloads, Source, State, Summary};
use sqlx::AssertSqlSafe;

use crate::bulk::{Part, PartSql, Statement, Words, from_json, one, parts, to_json};
use crate::dependents::{FORGET_KNOWN, meet_known};
use crate::merge::{Stored, merge};
use crate::snapshots::{BLOCK, count_of, decode};
use crate::{Error, SnapshotCount, Store, on};

/// What a batch of observations did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Packages that were not known before.
    pub added: u64,
    /// Packages of which something that is searched or shown changed.
    pub changed: u64,
    /// Packages of which nothing new was learnt.
    pub unchanged: u64,
}

/// A package that a data set names for the first time.
#[derive(Debug, Clone, Copy)]
pub struct NewName<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its repository's web address.
    pub repository: Option<&'a str>,
}

/// A name with its id, for reading all names in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownName {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The strongest source that knows it.
    pub source: Source,
    /// Its repository's web address.
    pub repository: Option<String>,
}

/// Everything that is stored of a package, but for its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// Where the newest words come from.
    pub source: Source,
    /// When they were seen: seconds since 1970, UTC.
    pub observed_at: i64,
    /// Whether it can be installed.
    pub state: State,
    /// Web address of the repository.
    pub repository: Option<String>,
    /// `None` when only the name is known.
    pub summary: Option<Summary>,
    /// Recent downloads, from the newest source that counted them.
    pub downloads: Option<Downloads>,
}

/// Recent downloads with their source and date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloads {
    /// In 7 days.
    pub weekly: Option<u64>,
    /// In 30 days, or in the month of a snapshot.
    pub monthly: Option<u64>,
    /// When they were counted: seconds since 1970, UTC.
    pub counted_at: i64,
    /// Who counted.
    pub from: DownloadsFrom,
}

/// Who counted downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadsFrom {
    /// The registry, in a search hit.
    SearchHit,
    /// The data set of this month, as `2026-03`.
    Snapshot(String),
}

/// One row as it travels: package, summary, maintainers, recent downloads.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Row(
    pub(crate) i64,
    pub(crate) String,
    i64,
    i64,
    i64,
    pub(crate) Option<String>,
    /// Whether there is a summary.
    i64,
    Option<String>,
    Option<i64>,
    Option<String>,
    /// Keywords, a JSON array as text.
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    /// Maintainers, a JSON array as text.
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

/// The columns of [`Row`], and where they come from; `p` is the package.
macro_rules! row {
    () => {
        "{row}(p.id, p.name, p.source, p.observed_at, p.state, p.repository,
            CASE WHEN s.package_id IS NULL THEN 0 ELSE 1 END, s.version, s.published_at, s.description, s.keywords, s.license, s.homepage,
            s.bugs, s.publisher, s.deprecated,
            CASE WHEN s.package_id IS NULL THEN NULL ELSE
                (SELECT {pack}(m.username){text} FROM (SELECT username FROM maintainers WHERE package_id = p.id ORDER BY place) m) END,
            t.weekly, t.monthly, t.observed_at)"
    };
}
pub(crate) use row;

macro_rules! row_joins {
    () => {
        "LEFT JOIN summaries s ON s.package_id = p.id LEFT JOIN package_stats t ON t.package_id = p.id"
    };
}
pub(crate) use row_joins;

/// The packages of which the first in a row is the id.
pub(crate) const BY_IDS: &str = "SELECT p.* FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT)";

/// The parts of a statement that tell of the packages `p` and of their counts in the newest snapshot.
pub(crate) const KNOWN_PARTS: [PartSql; 2] = [
    (1, ["NULL", concat!("{pack}(", row!(), "){text}"), "NULL"], concat!("p ", row_joins!())),
    (
        2,
        ["s.as_of", "{row}(b.block, s.month){text}", "b.counts"],
        "(SELECT id, month, as_of FROM snapshots WHERE complete = 1 ORDER BY month DESC LIMIT 1) s
         JOIN snapshot_blocks b ON b.snapshot_id = s.id AND b.block IN (SELECT p.id / 512 FROM p)",
    ),
];

const _: () = assert!(BLOCK == 512, "statements that read blocks have the number in their text");

/// What these parts told so far.
#[derive(Default)]
pub(crate) struct KnownParts {
    rows: Vec<Row>,
    /// By block: when a month ended, which, and its counts.
    counts: HashMap<i64, (i64, String, Vec<u64>)>,
}

impl KnownParts {
    /// Takes one of the two parts.
    pub(crate) fn add(&mut self, (part, as_of, text, counts): Part) -> Result<(), Error> {
        if part == KNOWN_PARTS[0].0 {
            self.rows = from_json(text.as_deref())?;
        } else {
            let (block, month) = one(text.as_deref().unwrap_or_default())?;
            self.counts.insert(block, (as_of, month, decode(&counts.unwrap_or_default())?));
        }
        Ok(())
    }

    pub(crate) fn known(self) -> Result<Vec<Known>, Error> {
        let count = |id: i64| {
            let (as_of, month, counts) = self.counts.get(&(id / BLOCK))?;
            Some(SnapshotCount { count: count_of(counts, id)?, as_of: *as_of, month: month.clone() })
        };
        self.rows
            .into_iter()
            .map(|row| {
                let count = count(row.0);
                row.known(count)
            })
            .collect()
    }
}

impl Row {
    fn stored(self) -> Result<(i64, String, Stored), Error> {
        let summary = if self.6 == 0 {
            None
        } else {
            Some(Summary {
                version: self.7,
                published_at: self.8,
                description: self.9,
                keywords: from_json(self.10.as_deref())?,
                license: self.11,
                homepage: self.12,
                bugs: self.13,
                publisher: self.14,
                deprecated: self.15,
                maintainers: from_json(self.16.as_deref())?,
            })
        };
        let counts = RecentDownloads { weekly: self.17.map(i64::cast_unsigned), monthly: self.18.map(i64::cast_unsigned) };
        let stored = Stored {
            source: Source::from_number(self.2),
            observed_at: self.3,
            state: State::from_number(self.4),
            repository: self.5,
            summary,
            downloads: self.19.map(|at| (counts, at)),
        };
        Ok((self.0, self.1, stored))
    }
}

impl Row {
    /// With the newer of its own count and that of a snapshot.
    pub(crate) fn known(self, snapshot: Option<SnapshotCount>) -> Result<Known, Error> {
        let (id, name, stored) = self.stored()?;
        let hit = stored.downloads.map(|(counts, at)| Downloads {
            weekly: counts.weekly,
            monthly: counts.monthly,
            counted_at: at,
            from: DownloadsFrom::SearchHit,
        });
        let snapshot = snapshot.map(|snapshot| Downloads {
            weekly: None,
            monthly: Some(snapshot.count),
            counted_at: snapshot.as_of,
            from: DownloadsFrom::Snapshot(snapshot.month),
        });
        let downloads = match (hit, snapshot) {
            (Some(hit), Some(snapshot)) => Some(if snapshot.counted_at > hit.counted_at { snapshot } else { hit }),
            (hit, snapshot) => hit.or(snapshot),
        };
        Ok(Known {
            id,
            name,
            source: stored.source,
            observed_at: stored.observed_at,
            state: stored.state,
            repository: stored.repository,
            summary: stored.summary,
            downloads,
        })
    }
}

/// Takes a block of numbers from the counter and gives the first. Comes before anything else in a transaction: on PostgreSQL it makes
/// writers queue, on SQLite it makes this a writing transaction from its start.
macro_rules! take_numbers {
    ($tx:ident, $count:expr) => {{
        let count = $count as i64;
        let last: i64 = sqlx::query_scalar("UPDATE counter SET n = n + $1 RETURNING n").bind(count).fetch_one(&mut *$tx).await?;
        last - count + 1
    }};
}
pub(crate) use take_numbers;

/// Gives ids to so many new packages, and counts them; returns the first.
macro_rules! take_ids {
    ($tx:ident, $count:expr) => {{
        let count = $count as i64;
        let sql = "UPDATE counter SET next_id = next_id + $1, packages = packages + $1 RETURNING next_id";
        let next: i64 = sqlx::query_scalar(sql).bind(count).fetch_one(&mut *$tx).await?;
        next - count
    }};
}

fn bucket(stored: Option<&Stored>) -> Bucket {
    let monthly = stored.and_then(|stored| stored.downloads?.0.monthly);
    Bucket::of(monthly.map_or(Popularity::Unknown, Popularity::Monthly))
}

impl Store {
    /// Stores what was seen, as [`crate::merge`] says, in one transaction. A package takes a number from the counter when something that
    /// is searched or shown of it changed: its words, or the bucket of its downloads.
    pub async fn apply(&self, seen: &[Observation]) -> Result<Applied, Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            // For the lock alone: how many numbers are needed is known only when what is stored has been read.
            let _ = take_numbers!(tx, 0);
            let names: Vec<&str> = seen.iter().map(|one| one.name.as_str()).collect();
            let sql = words.fill(concat!(
                "SELECT {pack}(",
                row!(),
                "){text} FROM {rows} j JOIN packages p ON p.name = j.value ->> 0 ",
                row_joins!()
            ));
            let wrapped: Vec<[&str; 1]> = names.iter().map(|name| [*name]).collect();
            let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(&mut *tx).await?;
            let rows: Vec<Row> = from_json(text.as_deref())?;
            let mut before: HashMap<String, (i64, Stored)> = HashMap::with_capacity(rows.len());
            for row in rows {
                let (id, name, stored) = row.stored()?;
                before.insert(name, (id, stored));
            }
            // The same package may be seen twice in a batch, so what is merged is looked up again.
            let mut after: HashMap<&str, Stored> = HashMap::with_capacity(seen.len());
            let mut order = Vec::with_capacity(seen.len());
            for one in seen {
                let name = one.name.as_str();
                let current = after.get(name).or_else(|| before.get(name).map(|(_, stored)| stored));
                let merged = merge(current, one);
                if after.insert(name, merged).is_none() {
                    order.push(name);
                }
            }
            let mut applied = Applied::default();
            let (mut packages, mut summaries, mut maintainers, mut stats, mut revived) = (vec![], vec![], vec![], vec![], vec![]);
            let is_changed = |name: &str| {
                let (new, old) = (&after[name], before.get(name).map(|(_, old)| old));
                let old_words = old.map(|old| (old.state, &old.repository, &old.summary));
                old_words != Some((new.state, &new.repository, &new.summary)) || bucket(old) != bucket(Some(new))
            };
            let mut seq = take_numbers!(tx, order.iter().filter(|name| is_changed(name)).count());
            let mut next_id = take_ids!(tx, order.iter().filter(|name| !before.contains_key(**name)).count());
            for name in order {
                let new = &after[name];
                let old = before.get(name);
                if old.is_some_and(|(_, old)| old == new) {
                    applied.unchanged += 1;
                    continue;
                }
                let changed = is_changed(name);
                let id = old.map_or(next_id, |(id, _)| *id);
                if old.is_none() {
                    next_id += 1;
                    applied.added += 1;
                    revived.push([name]);
                } else if changed {
                    applied.changed += 1;
                } else {
                    applied.unchanged += 1;
                }
                let number = changed.then_some(seq);
                seq += i64::from(changed);
                packages.push((id, name, new.repository.as_deref(), new.source as i64, new.observed_at, new.state as i64, number));
                if let Some(summary) = &new.summary
                    && old.and_then(|(_, old)| old.summary.as_ref()) != Some(summary)
                {
                    let keywords = (!summary.keywords.is_empty()).then(|| to_json(&summary.keywords)).transpose()?;
                    summaries.push((
                        id,
                        &summary.version,
                        summary.published_at,
                        &summary.description,
                        keywords,
                        &summary.license,
                        &summary.homepage,
                        &summary.bugs,
                        &summary.publisher,
                        &summary.deprecated,
                    ));
                    maintainers.extend(summary.maintainers.iter().enumerate().map(|(place, user)| (user.as_str(), id, place)));
                }
                if let Some((counts, at)) = new.downloads {
                    stats.push((id, counts.weekly.map(u64::cast_signed), counts.monthly.map(u64::cast_signed), at));
                }
            }
            let statements = [
                ("DELETE FROM tombstones WHERE name IN (SELECT j.value ->> 0 FROM {rows} j)", to_json(&revived)?, revived.len()),
                (
                    "INSERT INTO packages (id, name, repository, source, observed_at, state, change_seq)
                     SELECT CAST(j.value ->> 0 AS BIGINT), j.value ->> 1, j.value ->> 2, CAST(j.value ->> 3 AS BIGINT),
                         CAST(j.value ->> 4 AS BIGINT), CAST(j.value ->> 5 AS BIGINT), coalesce(CAST(j.value ->> 6 AS BIGINT), -1)
                     FROM {rows} j WHERE TRUE
                     ON CONFLICT (id) DO UPDATE SET repository = excluded.repository, source = excluded.source,
                         observed_at = excluded.observed_at, state = excluded.state,
                         change_seq = CASE WHEN excluded.change_seq = -1 THEN packages.change_seq ELSE excluded.change_seq END",
                    to_json(&packages)?,
                    packages.len(),
                ),
                (
                    "INSERT INTO summaries (package_id, version, published_at, description, keywords, license, homepage, bugs, publisher, deprecated)
                     SELECT CAST(j.value ->> 0 AS BIGINT), j.value ->> 1, CAST(j.value ->> 2 AS BIGINT), j.value ->> 3, j.value ->> 4, j.value ->> 5,
                         j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9
                     FROM {rows} j WHERE TRUE
                     ON CONFLICT (package_id) DO UPDATE SET version = excluded.version, published_at = excluded.published_at,
                         description = excluded.description, keywords = excluded.keywords, license = excluded.license,
                         homepage = excluded.homepage, bugs = excluded.bugs, publisher = excluded.publisher, deprecated = excluded.deprecated",
                    to_json(&summaries)?,
                    summaries.len(),
                ),
                (
                    "DELETE FROM maintainers WHERE package_id IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j)",
                    to_json(&summaries.iter().map(|row| [row.0]).collect::<Vec<_>>())?,
                    summaries.len(),
                ),
                (
                    "INSERT INTO maintainers (username, package_id, place)
                     SELECT j.value ->> 0, CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 2 AS BIGINT) FROM {rows} j WHERE TRUE
                     ON CONFLICT (username, package_id) DO NOTHING",
                    to_json(&maintainers)?,
                    maintainers.len(),
                ),
                (
                    "INSERT INTO package_stats (package_id, weekly, monthly, observed_at)
                     SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 3 AS BIGINT)
                     FROM {rows} j WHERE TRUE
                     ON CONFLICT (package_id) DO UPDATE SET weekly = excluded.weekly, monthly = excluded.monthly, observed_at = excluded.observed_at",
                    to_json(&stats)?,
                    stats.len(),
                ),
            ];
            for (sql, rows, count) in statements {
                if count > 0 {
                    sqlx::query(AssertSqlSafe(words.fill(sql))).bind(rows).execute(&mut *tx).await?;
                }
            }
            if !revived.is_empty() {
                meet_known!(tx, words, to_json(&revived)?, "0");
            }
            tx.commit().await?;
            Ok(applied)
        })
    }

    /// Adds packages of which a data set knows the name and perhaps the repository. Returns their ids, in
    /// order; packages that became known in the meantime keep theirs. For the first fill, give them in byte order of their names: then every tree grows at its end.
    pub async fn add_names(&self, names: &[NewName<'_>], observed_at: i64) -> Result<Vec<i64>, Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            let seq = take_numbers!(tx, names.len());
            let first = take_ids!(tx, names.len());
            let rows: Vec<(usize, &str, Option<&str>)> =
                names.iter().enumerate().map(|(place, new)| (place, new.name, new.repository)).collect();
            let rows = to_json(&rows)?;
            let sql = "INSERT INTO packages (id, name, repository, source, observed_at, state, change_seq)
                SELECT CAST(j.value ->> 0 AS BIGINT) + $2, j.value ->> 1, j.value ->> 2, 1, $3, 0, CAST(j.value ->> 0 AS BIGINT) + $4 FROM {rows} j WHERE TRUE
                ON CONFLICT (name) DO NOTHING";
            let inserted =
                sqlx::query(AssertSqlSafe(words.fill(sql))).bind(&rows).bind(first).bind(observed_at).bind(seq).execute(&mut *tx).await?;
            let known = names.len() as i64 - inserted.rows_affected().cast_signed();
            let mut ids: Vec<i64> = (first..).take(names.len()).collect();
            if known > 0 {
                sqlx::query("UPDATE counter SET packages = packages - $1").bind(known).execute(&mut *tx).await?;
                let sql =
                    words.fill("SELECT {pack}({row}(j.value ->> 0, p.id)){text} FROM {rows} j JOIN packages p ON p.name = j.value ->> 1");
                let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&rows).fetch_one(&mut *tx).await?;
                // A place is a number on SQLite and a text on PostgreSQL.
                for (place, id) in from_json::<(serde_json::Value, i64)>(text.as_deref())? {
                    let place = place.as_u64().or_else(|| place.as_str()?.parse().ok());
                    if let Some(kept) = place.and_then(|place| ids.get_mut(place as usize)) {
                        *kept = id;
                    }
                }
            }
            let any_removed: i64 = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM tombstones").fetch_one(&mut *tx).await?;
            if any_removed > 0 {
                let sql = words.fill("DELETE FROM tombstones WHERE name IN (SELECT j.value ->> 1 FROM {rows} j)");
                sqlx::query(AssertSqlSafe(sql)).bind(&rows).execute(&mut *tx).await?;
            }
            meet_known!(tx, words, &rows, "1");
            tx.commit().await?;
            Ok(ids)
        })
    }

    /// Stores repositories of packages that only data sets know: `(id, address)`.
    pub async fn set_repositories(&self, rows: &[(i64, Option<&str>)], observed_at: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            let seq = take_numbers!(tx, rows.len());
            let numbered: Vec<(i64, Option<&str>, i64)> = rows.iter().zip(seq..).map(|((id, address), seq)| (*id, *address, seq)).collect();
            let sql = "UPDATE packages SET repository = j.value ->> 1, observed_at = $2, change_seq = CAST(j.value ->> 2 AS BIGINT)
                FROM {rows} j WHERE packages.id = CAST(j.value ->> 0 AS BIGINT) AND packages.source = 1";
            sqlx::query(AssertSqlSafe(words.fill(sql))).bind(to_json(&numbered)?).bind(observed_at).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    /// Removes packages with everything that belongs to them, and leaves tombstones. Packages that more than a list of names knows stay.
    pub async fn remove(&self, ids: &[i64], now: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            let seq = take_numbers!(tx, ids.len());
            let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
            let sql = words.fill(
                "SELECT {pack}({row}(p.id)){text} FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE p.source = 1",
            );
            let text: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(&mut *tx).await?;
            let still: Vec<[i64; 1]> = from_json(text.as_deref())?;
            let rows: Vec<(i64, i64)> = still.iter().map(|[id]| *id).zip(seq..).collect();
            let rows = to_json(&rows)?;
            let sql = "INSERT INTO tombstones (name, removed_at, change_seq)
                SELECT p.name, $2, CAST(j.value ->> 1 AS BIGINT) FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE TRUE
                ON CONFLICT (name) DO UPDATE SET removed_at = excluded.removed_at, change_seq = excluded.change_seq";
            sqlx::query(AssertSqlSafe(words.fill(sql))).bind(&rows).bind(now).execute(&mut *tx).await?;
            let mut removed = 0;
            let sql =
                words.fill("SELECT CAST(count(*) AS BIGINT) FROM {rows} j JOIN details d ON d.package_id = CAST(j.value ->> 0 AS BIGINT)");
            let with_details: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(&rows).fetch_one(&mut *tx).await?;
            sqlx::query("UPDATE counter SET details = details - $1").bind(with_details).execute(&mut *tx).await?;
            sqlx::query(AssertSqlSafe(words.fill(FORGET_KNOWN))).bind(&rows).execute(&mut *tx).await?;
            for (table, key) in [
                ("dependents", "dependency_id"),
                ("dependents", "package_id"),
                ("unknown_dependencies", "package_id"),
                ("latest", "package_id"),
                ("details", "package_id"),
                ("manifests", "package_id"),
                ("readmes", "package_id"),
                ("summaries", "package_id"),
                ("maintainers", "package_id"),
                ("package_stats", "package_id"),
                ("high_impact", "package_id"),
                ("appearances", "package_id"),
                ("download_years", "package_id"),
                ("download_months", "package_id"),
                ("download_sums", "package_id"),
                ("version_downloads", "package_id"),
                ("download_queue", "package_id"),
                ("advisories", "package_id"),
                ("packages", "id"),
            ] {
                let sql = format!("DELETE FROM {table} WHERE {key} IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {{rows}} j)");
                removed = sqlx::query(AssertSqlSafe(words.fill(&sql))).bind(&rows).execute(&mut *tx).await?.rows_affected();
            }
            // The packages themselves were the last.
            sqlx::query("UPDATE counter SET packages = packages - $1").bind(removed.cast_signed()).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(())
        })
    }

    /// How many packages there are.
    pub async fn count(&self) -> Result<u64, Error> {
        let count: i64 = on!(&self.read, |pool| sqlx::query_scalar("SELECT packages FROM counter").fetch_one(pool).await?);
        Ok(count.cast_unsigned())
    }

    /// Names in byte order, those after `after`, at most `limit`.
    pub async fn names_after(&self, after: &str, limit: i64) -> Result<Vec<KnownName>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(p.id, p.name, p.source, p.repository)){text}
             FROM (SELECT id, name, source, repository FROM packages WHERE name > $1 ORDER BY name LIMIT $2) p",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(after).bind(limit).fetch_one(pool).await?);
        let rows: Vec<(i64, String, i64, Option<String>)> = from_json(text.as_deref())?;
        Ok(rows
            .into_iter()
            .map(|(id, name, source, repository)| KnownName { id, name, source: Source::from_number(source), repository })
            .collect())
    }

    /// The packages with these ids that exist, in no order, with their newest downloads.
    pub async fn by_ids(&self, ids: &[i64]) -> Result<Vec<Known>, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        self.known(&STATEMENT, BY_IDS, to_json(&wrapped)?).await
    }

    /// The package of this very name.
    pub async fn by_name(&self, name: &PackageName) -> Result<Option<Known>, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        Ok(self.known(&STATEMENT, "SELECT * FROM packages WHERE name = $1", name.as_str().to_owned()).await?.pop())
    }

    /// The packages of these very names that exist, in no order.
    pub async fn by_names(&self, names: &[PackageName]) -> Result<Vec<Known>, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        let wrapped: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
        self.known(&STATEMENT, "SELECT p.* FROM {rows} j JOIN packages p ON p.name = j.value ->> 0", to_json(&wrapped)?).await
    }

    /// As [`Store::by_ids`], by id.
    pub(crate) async fn known_by_id(&self, ids: &[i64]) -> Result<HashMap<i64, Known>, Error> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.by_ids(ids).await?.into_iter().map(|known| (known.id, known)).collect())
    }

    /// The packages that a `SELECT` of rows of `packages` gives, with their newest downloads: one statement.
    pub(crate) async fn known(&self, statement: &'static Statement, packages: &str, parameter: String) -> Result<Vec<Known>, Error> {
        let mut found = KnownParts::default();
        for part in self.parts(statement, || parts(packages, &KNOWN_PARTS), parameter).await? {
            found.add(part)?;
        }
        found.known()
    }
}
