//! Lists over all packages, computed in the background and stored: popular, rising, falling, newly appeared, of all and of each keyword;
//! and the rank of every package.
//!
//! Everything is computed from one source, which is named with it: downloads by day once those of the popular packages are known, before
//! that the monthly snapshots. A block of ranks has 512 neighbouring ids: 1 (the format), then as pco writes them each rank, 0 for none.

use std::collections::{HashMap, HashSet};

use model::{Day, State};
use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};
use serde::{Deserialize, Serialize};
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, one, to_json};
use crate::{Appearance, Error, Known, Snapshot, Store, on};

/// A list of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendList {
    /// The most downloaded ones.
    Popular,
    /// Those that grew most, of those with at least 50,000 downloads a month, and 1,000 before.
    Rising,
    /// Those that lost most, of those that had at least 50,000 downloads a month.
    Falling,
    /// Those that appeared between the two newest lists of names, the most downloaded first.
    Newest,
}

impl TrendList {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Popular, Self::Rising, Self::Falling, Self::Newest];

    fn key(self) -> &'static str {
        match self {
            Self::Popular => "popular",
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Newest => "newest",
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum TrendSource {
    /// Downloads by day: the 30 days up to a day, and the 30 before. Packages whose days are not all known are left out.
    Days {
        /// The newest day; of some packages it is up to a week older.
        as_of: Day,
    },
    /// Monthly snapshots, as `2026-03`; without an earlier one nothing rises or falls.
    Snapshots {
        /// The month compared with.
        earlier: Option<String>,
        /// The month.
        later: String,
    },
}

/// What lists and ranks were computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendBasis {
    /// What was counted.
    #[serde(flatten)]
    pub source: TrendSource,
    /// How many packages were compared.
    pub packages: u64,
    /// When: seconds since 1970, UTC.
    pub made_at: i64,
}

/// A stored list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// What it was computed from.
    pub basis: TrendBasis,
    /// The packages, the first the most popular, the one that grew most, and so on.
    pub entries: Vec<TrendEntry>,
}

/// A package in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendEntry {
    /// The package.
    pub package: Known,
    /// Its downloads, as the basis counts them.
    pub downloads: Option<u64>,
    /// Its downloads in the period before.
    pub before: Option<u64>,
    /// When it appeared, in the list of the newest.
    pub appearance: Option<Appearance>,
}

/// A keyword that has lists of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendKeyword {
    /// The keyword, in lower case.
    pub keyword: String,
    /// How many packages with it were compared.
    pub packages: u64,
}

/// Downloads of a month below which growth says little, and below which a package is new rather than rising.
const FLOOR: u64 = 50_000;
const FLOOR_BEFORE: u64 = 1_000;
/// What is added to both counts, so that growth from next to nothing does not outshine everything.
const SMOOTHING: f64 = 5_000.0;
/// How many packages a list has, and one of a keyword.
const LISTED: usize = 100;
const LISTED_OF_KEYWORD: usize = 25;
/// Some are left out at the end, because they cannot be installed any more.
const SPARE: usize = 2;
/// How many keywords have lists, and how many packages each must have at least.
const KEYWORDS: usize = 1_000;
const PACKAGES_OF_KEYWORD: usize = 5;
/// Packages below it do not count for keywords.
const KEYWORD_FLOOR: u64 = 1_000;
/// Counts may be so many days older than the newest.
const LAG: i32 = 7;
/// One in so many of the packages to be counted by day may be missing.
const MISSING: i64 = 20;
const BLOCK: usize = 512;
const FORMAT: u8 = 1;
/// Rows read at a time.
const CHUNK: i64 = 50_000;

/// One package as it is compared.
#[derive(Debug, Clone, Copy)]
struct Counted {
    id: u32,
    now: u64,
    before: Option<u64>,
    appeared: bool,
}

/// The best of a list that is too long to be kept.
#[derive(Debug)]
struct Best {
    list: TrendList,
    size: usize,
    months: f64,
    kept: Vec<(f64, Counted)>,
}

impl Best {
    fn new(list: TrendList, size: usize, months: f64) -> Self {
        Self { list, size: size * SPARE, months, kept: Vec::new() }
    }

    fn add(&mut self, counted: Counted) {
        let score = match (self.list, counted.before) {
            (TrendList::Popular, _) => counted.now as f64,
            (TrendList::Newest, _) if counted.appeared => counted.now as f64,
            (TrendList::Rising, Some(before)) if counted.now >= FLOOR && before >= FLOOR_BEFORE && counted.now > before => {
                growth(before, counted.now, self.months)
            }
            (TrendList::Falling, Some(before)) if before >= FLOOR && counted.now < before => -growth(before, counted.now, self.months),
            _ => return,
        };
        self.kept.push((score, counted));
        if self.kept.len() >= self.size * 8 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.kept.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
        self.kept.truncate(self.size);
    }
}

/// Everything that one pass over all packages finds.
struct Pass {
    months: f64,
    appeared: HashSet<u32>,
    all: [Best; 4],
    by_keyword: HashMap<String, Vec<Counted>>,
    ranked: Vec<(u64, u32)>,
}

impl Pass {
    fn new(months: f64, appeared: HashSet<u32>) -> Self {
        let all = TrendList::ALL.map(|list| Best::new(list, LISTED, months));
        Self { months, appeared, all, by_keyword: HashMap::new(), ranked: Vec::new() }
    }

    fn add(&mut self, id: u32, now: u64, before: Option<u64>, keywords: &[String]) {
        let counted = Counted { id, now, before, appeared: self.appeared.contains(&id) };
        self.ranked.push((now, id));
        self.all.iter_mut().for_each(|best| best.add(counted));
        if now >= KEYWORD_FLOOR || before.is_some_and(|before| before >= KEYWORD_FLOOR) || counted.appeared {
            let mut keywords: Vec<String> = keywords.iter().map(|keyword| keyword.trim().to_lowercase()).collect();
            keywords.sort_unstable();
            keywords.dedup();
            for keyword in keywords.into_iter().filter(|keyword| !keyword.is_empty()) {
                self.by_keyword.entry(keyword).or_default().push(counted);
            }
        }
    }

    /// The lists of the keywords that most packages have.
    fn keywords(&mut self) -> Vec<(String, usize, [Best; 4])> {
        let mut keywords: Vec<(String, Vec<Counted>)> =
            self.by_keyword.drain().filter(|(_, packages)| packages.len() >= PACKAGES_OF_KEYWORD).collect();
        keywords.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
        keywords.truncate(KEYWORDS);
        let lists = keywords.into_iter().map(|(keyword, packages)| {
            let mut lists = TrendList::ALL.map(|list| Best::new(list, LISTED_OF_KEYWORD, self.months));
            for counted in &packages {
                lists.iter_mut().for_each(|best| best.add(*counted));
            }
            (keyword, packages.len(), lists)
        });
        lists.collect()
    }

    /// Blocks of ranks. Packages with equally many downloads share one.
    fn ranks(&mut self) -> Result<Vec<(i64, Vec<u8>)>, Error> {
        self.ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let last = self.ranked.iter().map(|(_, id)| *id).max().unwrap_or(0) as usize;
        let mut ranks: Vec<u32> = vec![0; if self.ranked.is_empty() { 0 } else { last + 1 }];
        let (mut rank, mut downloads) = (0, None);
        for (place, (now, id)) in (1..).zip(&self.ranked) {
            if downloads != Some(*now) {
                (rank, downloads) = (place, Some(*now));
            }
            ranks[*id as usize] = rank;
        }
        let blocks = ranks.chunks(BLOCK).zip(0..).filter(|(block, _)| block.iter().any(|rank| *rank > 0));
        let encode = |(block, number): (&[u32], i64)| {
            let mut bytes = vec![FORMAT];
            bytes.extend(simple_compress(block, &ChunkConfig::default()).map_err(|error| Error::Damaged(error.to_string()))?);
            Ok((number, bytes))
        };
        blocks.map(encode).collect()
    }
}

/// Months from one snapshot to another, at least one.
pub(crate) fn months_between(earlier: &Snapshot, later: &Snapshot) -> f64 {
    let number = |month: &str| {
        let (year, month) = month.split_once('-')?;
        Some(year.parse::<i32>().ok()? * 12 + month.parse::<i32>().ok()?)
    };
    let elapsed = number(&later.month).zip(number(&earlier.month)).map_or(1, |(later, earlier)| later - earlier);
    f64::from(elapsed.max(1))
}

/// Growth to the next month: 1 for none.
pub(crate) fn growth(earlier: u64, later: u64, months: f64) -> f64 {
    ((later as f64 + SMOOTHING) / (earlier as f64 + SMOOTHING)).powf(1.0 / months)
}

/// The ids of a list's entries.
pub(crate) fn ids_of(entries: &str) -> Result<Vec<i64>, Error> {
    Ok(from_json::<(i64, u64, Option<u64>)>(Some(entries))?.into_iter().map(|entry| entry.0).collect())
}

pub(crate) fn decode_ranks(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => simple_decompress(rest).map_err(|error| Error::Damaged(format!("ranks: {error}"))),
        _ => Err(Error::Damaged("ranks in an unknown format".to_owned())),
    }
}

/// The rank of a package in its block; `None` when it has none.
pub(crate) fn rank_in(ranks: &[u32], id: i64) -> Option<u64> {
    ranks.get(id as usize % BLOCK).copied().filter(|rank| *rank > 0).map(u64::from)
}

/// A list, a keyword, how many packages were compared, and entries as JSON.
type StoredList = (&'static str, String, usize, String);

impl Store {
    /// Computes all lists and ranks anew and stores them, in one transaction. Reads all counts: seconds, and some 20 bytes of memory a
    /// package. `None` when nothing was counted yet.
    pub async fn make_trends(&self, now: i64) -> Result<Option<TrendBasis>, Error> {
        let Some((source, mut pass)) = self.count_all().await? else { return Ok(None) };
        let basis = TrendBasis { source, packages: pass.ranked.len() as u64, made_at: now };
        let ranks = pass.ranks()?;
        let keywords = pass.keywords();
        let mut candidates: HashSet<u32> = HashSet::new();
        let mut lists: Vec<(String, usize, [Best; 4])> = vec![(String::new(), pass.ranked.len(), pass.all)];
        lists.extend(keywords);
        for (.., bests) in &mut lists {
            for best in bests {
                best.cut();
                candidates.extend(best.kept.iter().map(|(_, counted)| counted.id));
            }
        }
        let active = self.active(&candidates).await?;
        let mut stored: Vec<StoredList> = Vec::new();
        for (keyword, packages, bests) in &lists {
            for best in bests {
                let kept = best.kept.iter().filter(|(_, counted)| active.contains(&counted.id)).take(best.size / SPARE);
                let entries: Vec<(u32, u64, Option<u64>)> = kept.map(|(_, counted)| (counted.id, counted.now, counted.before)).collect();
                stored.push((best.list.key(), keyword.clone(), *packages, to_json(&entries)?));
            }
        }
        let words = Words::of(&self.write);
        let text = serde_json::to_string(&basis).map_err(|error| Error::Damaged(error.to_string()))?;
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            sqlx::query("DELETE FROM trends").execute(&mut *tx).await?;
            let sql = words.fill(
                "INSERT INTO trends (list, keyword, packages, entries)
                 SELECT j.value ->> 0, j.value ->> 1, CAST(j.value ->> 2 AS BIGINT), j.value ->> 3 FROM {rows} j",
            );
            sqlx::query(AssertSqlSafe(sql)).bind(to_json(&stored)?).execute(&mut *tx).await?;
            sqlx::query("DELETE FROM download_ranks").execute(&mut *tx).await?;
            for (block, bytes) in &ranks {
                sqlx::query("INSERT INTO download_ranks (block, ranks) VALUES ($1, $2)").bind(block).bind(bytes).execute(&mut *tx).await?;
            }
            let sql = "INSERT INTO trends_made (id, basis, made_at) VALUES (1, $1, $2)
                ON CONFLICT (id) DO UPDATE SET basis = excluded.basis, made_at = excluded.made_at";
            sqlx::query(sql).bind(&text).bind(now).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(Some(basis))
    }

    async fn count_all(&self) -> Result<Option<(TrendSource, Pass)>, Error> {
        let appeared: Vec<i64> = on!(&self.read, |pool| {
            sqlx::query_scalar("SELECT package_id FROM appearances WHERE not_after = (SELECT max(not_after) FROM appearances)")
                .fetch_all(pool)
                .await?
        });
        let appeared: HashSet<u32> = appeared.into_iter().filter_map(|id| u32::try_from(id).ok()).collect();
        if let Some(as_of) = self.days_are_known().await? {
            let mut pass = Pass::new(1.0, appeared);
            self.count_days(as_of, &mut pass).await?;
            return Ok(Some((TrendSource::Days { as_of }, pass)));
        }
        let snapshots = self.snapshots().await?;
        let Some(later) = snapshots.first() else { return Ok(None) };
        let earlier = snapshots.get(1);
        let before = match earlier {
            Some(earlier) => self.all_counts(earlier.id).await?,
            None => Vec::new(),
        };
        let counts = self.all_counts(later.id).await?;
        let mut pass = Pass::new(earlier.map_or(1.0, |earlier| months_between(earlier, later)), appeared);
        let keywords = self.keywords().await?;
        for (id, now) in (0u32..).zip(&counts) {
            if let Some(now) = now.checked_sub(1) {
                let before = before.get(id as usize).and_then(|before| before.checked_sub(1));
                pass.add(id, now, before, keywords.get(&id).map_or(&[], Vec::as_slice));
            }
        }
        Ok(Some((TrendSource::Snapshots { earlier: earlier.map(|one| one.month.clone()), later: later.month.clone() }, pass)))
    }

    /// The newest day of the sums, once the days of nearly all popular packages are known.
    async fn days_are_known(&self) -> Result<Option<Day>, Error> {
        let sql = "SELECT CAST(count(*) AS BIGINT), CAST(count(asked_at) AS BIGINT) FROM download_queue WHERE tier = 2";
        let (wanted, asked): (i64, i64) = on!(&self.read, |pool| sqlx::query_as(sql).fetch_one(pool).await?);
        if asked == 0 || (wanted - asked) * MISSING > wanted {
            return Ok(None);
        }
        let sql = "SELECT CAST(max(as_of) AS BIGINT) FROM download_sums WHERE package_id <> 0";
        let newest: Option<i64> = on!(&self.read, |pool| sqlx::query_scalar(sql).fetch_one(pool).await?);
        Ok(newest.map(|day| Day(day as i32)))
    }

    async fn count_days(&self, as_of: Day, pass: &mut Pass) -> Result<(), Error> {
        /// Id, 30 days, the 30 before, coverage, keywords.
        type Row = (u32, u64, u64, Option<String>, Option<String>);
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(d.package_id, d.days_30, d.previous_30, d.coverage, s.keywords)){text}
             FROM (SELECT package_id, days_30, previous_30, coverage FROM download_sums
                 WHERE package_id > $1 AND as_of >= $2 ORDER BY package_id LIMIT $3) d
             LEFT JOIN summaries s ON s.package_id = d.package_id",
        );
        let mut after = 0;
        loop {
            let text: Option<String> = on!(&self.read, |pool| {
                sqlx::query_scalar(AssertSqlSafe(sql.clone()))
                    .bind(i64::from(after))
                    .bind(i64::from(as_of.0 - LAG))
                    .bind(CHUNK)
                    .fetch_one(pool)
                    .await?
            });
            let rows: Vec<Row> = from_json(text.as_deref())?;
            let Some(last) = rows.iter().map(|row| row.0).max() else { return Ok(()) };
            after = last;
            for (id, now, before, coverage, keywords) in rows {
                let coverage: Vec<(u32, u32)> = from_json(coverage.as_deref())?;
                // Of 30 days; those that npm lost count as the others, or everything would seem to rise after them.
                let whole = |sum: u64, place: usize| match coverage.get(place) {
                    None => Some(sum),
                    Some((known, holes)) if known + holes == 30 && *known > 0 => {
                        Some((u128::from(sum) * 30 / u128::from(*known)).try_into().unwrap_or(u64::MAX))
                    }
                    Some(_) => None,
                };
                if let Some(now) = whole(now, 2) {
                    let keywords: Vec<String> = from_json(keywords.as_deref())?;
                    pass.add(id, now, whole(before, 5), &keywords);
                }
            }
        }
    }

    async fn keywords(&self) -> Result<HashMap<u32, Vec<String>>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(s.package_id, s.keywords)){text} FROM (SELECT package_id, keywords FROM summaries
             WHERE package_id > $1 AND keywords IS NOT NULL ORDER BY package_id LIMIT $2) s",
        );
        let (mut after, mut found) = (0, HashMap::new());
        loop {
            let text: Option<String> = on!(&self.read, |pool| {
                sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(i64::from(after)).bind(CHUNK).fetch_one(pool).await?
            });
            let rows: Vec<(u32, String)> = from_json(text.as_deref())?;
            let Some(last) = rows.iter().map(|row| row.0).max() else { return Ok(found) };
            after = last;
            for (id, keywords) in rows {
                found.insert(id, from_json(Some(&keywords))?);
            }
        }
    }

    /// Those of these packages that can be installed.
    async fn active(&self, ids: &HashSet<u32>) -> Result<HashSet<u32>, Error> {
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(p.id)){text} FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE p.state = $2",
        );
        let ids: Vec<[u32; 1]> = ids.iter().map(|id| [*id]).collect();
        let text: Option<String> = on!(&self.read, |pool| {
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&ids)?).bind(State::Active as i64).fetch_one(pool).await?
        });
        Ok(from_json::<[u32; 1]>(text.as_deref())?.into_iter().map(|[id]| id).collect())
    }

    /// What the stored lists and ranks were computed from; `None` before the first time.
    pub async fn trend_basis(&self) -> Result<Option<TrendBasis>, Error> {
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar("SELECT basis FROM trends_made WHERE id = 1").fetch_optional(pool).await?);
        text.as_deref().map(one).transpose()
    }

    /// A stored list, of all packages or of those with a keyword in lower case; `None` when it was not computed.
    pub async fn trend(&self, list: TrendList, keyword: Option<&str>, limit: usize) -> Result<Option<Trend>, Error> {
        let sql = "SELECT m.basis, t.entries FROM trends t JOIN trends_made m ON m.id = 1 WHERE t.list = $1 AND t.keyword = $2";
        let row: Option<(String, String)> =
            on!(&self.read, |pool| { sqlx::query_as(sql).bind(list.key()).bind(keyword.unwrap_or_default()).fetch_optional(pool).await? });
        let Some((basis, entries)) = row else { return Ok(None) };
        let basis = one(&basis)?;
        let mut entries: Vec<(i64, u64, Option<u64>)> = from_json(Some(&entries))?;
        entries.truncate(limit);
        let ids: Vec<i64> = entries.iter().map(|entry| entry.0).collect();
        let mut known = self.known_by_id(&ids).await?;
        let mut appearances = if list == TrendList::Newest { self.appearances_of(&ids).await? } else { HashMap::new() };
        let entries = entries.into_iter().filter_map(|(id, downloads, before)| {
            Some(TrendEntry { package: known.remove(&id)?, downloads: Some(downloads), before, appearance: appearances.remove(&id) })
        });
        Ok(Some(Trend { basis, entries: entries.collect() }))
    }

    /// The keywords that have lists of their own, those of most packages first.
    pub async fn trend_keywords(&self, limit: i64) -> Result<Vec<TrendKeyword>, Error> {
        let sql = "SELECT keyword, packages FROM trends WHERE list = 'popular' AND keyword <> '' ORDER BY packages DESC, keyword LIMIT $1";
        let rows: Vec<(String, i64)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(limit).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(keyword, packages)| TrendKeyword { keyword, packages: packages.cast_unsigned() }).collect())
    }

    /// The ranks of packages among all that the basis counts, 1 the most downloaded; those that it does not count are left out.
    pub async fn ranks(&self, ids: &[i64]) -> Result<HashMap<i64, u64>, Error> {
        let blocks: HashSet<i64> = ids.iter().map(|id| id / BLOCK as i64).collect();
        let blocks: Vec<[i64; 1]> = blocks.into_iter().map(|block| [block]).collect();
        let sql = Words::of(&self.read)
            .fill("SELECT block, ranks FROM download_ranks WHERE block IN (SELECT CAST(j.value ->> 0 AS BIGINT) FROM {rows} j)");
        let rows: Vec<(i64, Vec<u8>)> =
            on!(&self.read, |pool| sqlx::query_as(AssertSqlSafe(sql)).bind(to_json(&blocks)?).fetch_all(pool).await?);
        let mut decoded: HashMap<i64, Vec<u32>> = HashMap::new();
        for (block, bytes) in rows {
            decoded.insert(block, decode_ranks(&bytes)?);
        }
        let rank = |id: &i64| Some((*id, rank_in(decoded.get(&(id / BLOCK as i64))?, *id)?));
        Ok(ids.iter().filter_map(rank).collect())
    }
}
