//! What the page of one package reads, in two statements: all that hangs on its name, and what is said of its neighbours.

use std::collections::HashMap;
use std::sync::OnceLock;

use model::{Day, DayRange, PackageName, Series, Sums};

use crate::advisories::{AdvisoriesRow, advisories_row};
use crate::bulk::{PartSql, Statement, one, parts, to_json};
use crate::dependents::{FactsRow, NamedRow, facts_joins, facts_row, named_joins, named_row};
use crate::details::readme;
use crate::downloads::{SumsRow, Year, join, nothing, sums_row};
use crate::packages::{BY_IDS, KNOWN_PARTS, KnownParts, Row, row, row_joins};
use crate::snapshots::{count_of, decode};
use crate::trends::{decode_ranks, ids_of, rank_in};
use crate::{Error, Known, KnownAdvisories, LatestFacts, Named, SnapshotCount, Store, StoredDetails, TrendBasis, VersionWeek};

/// Everything that is stored of one package. What is not known is `None` or empty.
#[derive(Debug, Clone)]
pub struct StoredPackage {
    /// The package itself.
    pub known: Known,
    /// Its counts of all months of which there are snapshots, oldest month first.
    pub months: Vec<SnapshotCount>,
    /// Its history, and the README of its latest version.
    pub details: Option<StoredDetails>,
    /// What lists say of its latest version.
    pub facts: Option<LatestFacts>,
    /// Its downloads by day, all that are known; from the first day that npm counts on, once it is known that there was nothing before.
    pub days: Series,
    /// The sums of these.
    pub sums: Option<Sums>,
    /// Its place among all packages, 1 the most downloaded.
    pub rank: Option<u64>,
    /// What the ranks were computed from.
    pub basis: Option<TrendBasis>,
    /// The newest archived week of its versions.
    pub week: Option<VersionWeek>,
    /// How many stored packages' latest versions need it.
    pub dependents: u64,
    /// How many packages have details.
    pub details_stored: u64,
    /// When the newest list of all names was made: a name which is not stored did not exist then.
    pub names_known_at: Option<i64>,
    /// Its known vulnerabilities; `None` when nobody asked for them.
    pub advisories: Option<KnownAdvisories>,
}

/// What is said of a package's neighbours.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// Those that were asked for by id, in no order.
    pub known: Vec<Known>,
    /// Those that were asked for by name.
    pub named: HashMap<String, Named>,
    /// The most downloaded packages of each of the keywords that have a list: ids, the most downloaded first.
    pub popular: Vec<Vec<i64>>,
}

const PACKAGE: i64 = 1;
const MONTH: i64 = 2;
const DETAILS: i64 = 3;
const README: i64 = 4;
const FACTS: i64 = 5;
const SUMS: i64 = 6;
const YEAR: i64 = 7;
const RANKS: i64 = 8;
const BASIS: i64 = 9;
const VERSIONS: i64 = 10;
const DEPENDENTS: i64 = 11;
const DETAILS_STORED: i64 = 12;
const LIST_OF_NAMES: i64 = 13;
const ADVISORIES: i64 = 14;
const NOTHING_BEFORE: i64 = 15;

const PARTS: [PartSql; 15] = [
    (PACKAGE, ["NULL", concat!("(", row!(), "){text}"), "NULL"], concat!("p ", row_joins!())),
    (
        MONTH,
        ["s.as_of", "s.month", "b.counts"],
        "p JOIN snapshots s ON s.complete = 1 JOIN snapshot_blocks b ON b.snapshot_id = s.id AND b.block = p.id / 512",
    ),
    (DETAILS, ["d.observed_at", "NULL", "d.overview"], "p JOIN details d ON d.package_id = p.id"),
    (
        README,
        ["NULL", "NULL", "r.rendered"],
        "p JOIN details d ON d.package_id = p.id JOIN readmes r ON r.package_id = d.package_id AND r.version = d.latest",
    ),
    (FACTS, ["NULL", concat!("(", facts_row!(), "){text}"), "NULL"], concat!("p JOIN latest l ON l.package_id = p.id ", facts_joins!())),
    (SUMS, ["NULL", concat!("(", sums_row!(), "){text}"), "NULL"], "p JOIN download_sums s ON s.package_id = p.id"),
    (YEAR, ["y.year", "NULL", "y.counts"], "p JOIN download_years y ON y.package_id = p.id"),
    (
        NOTHING_BEFORE,
        ["q.first_day", "NULL", "NULL"],
        "p JOIN download_queue q ON q.package_id = p.id AND q.history_at IS NULL AND q.first_day IS NOT NULL",
    ),
    (RANKS, ["NULL", "NULL", "r.ranks"], "p JOIN download_ranks r ON r.block = p.id / 512"),
    (BASIS, ["NULL", "m.basis", "NULL"], "trends_made m"),
    (
        VERSIONS,
        ["v.last_day", "NULL", "v.counts"],
        "p JOIN version_downloads v ON v.package_id = p.id
         AND v.last_day = (SELECT max(w.last_day) FROM version_downloads w WHERE w.package_id = p.id)",
    ),
    (DEPENDENTS, ["count(*)", "NULL", "NULL"], "p JOIN dependents d ON d.dependency_id = p.id"),
    (DETAILS_STORED, ["c.details", "NULL", "NULL"], "counter c"),
    (LIST_OF_NAMES, ["coalesce(l.published_at, l.loaded_at)", "l.version", "NULL"], "data_sets l WHERE l.name = 'all-the-package-names'"),
    (ADVISORIES, ["NULL", concat!("(", advisories_row!(), "){text}"), "NULL"], "p JOIN advisories a ON a.package_id = p.id"),
];

/// The parts of a package's neighbours, beside [`KNOWN_PARTS`].
const NAMED: i64 = 3;
const POPULAR: i64 = 4;

const NEIGHBOUR_PARTS: [PartSql; 2] = [
    (
        NAMED,
        ["NULL", concat!("(", named_row!(), "){text}"), "NULL"],
        concat!("{rows} j JOIN packages p ON p.name = j.value ->> 1 ", named_joins!()),
    ),
    (POPULAR, ["NULL", "t.entries", "NULL"], "{rows} j JOIN trends t ON t.list = 'popular' AND t.keyword = j.value ->> 2"),
];

impl Store {
    /// The package of this very name with all that its page shows of it, in one statement; `None` when the name is not stored.
    pub async fn package(&self, name: &PackageName) -> Result<Option<StoredPackage>, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        let make = || parts("SELECT * FROM packages WHERE name = $1", &PARTS);
        let found = self.parts(&STATEMENT, make, name.as_str().to_owned()).await?;
        let Some(row) = found.iter().find(|part| part.0 == PACKAGE) else { return Ok(None) };
        let row: Row = one(row.2.as_deref().unwrap_or_default())?;
        let id = row.0;
        let mut months = Vec::new();
        let mut years: Vec<(i64, Year)> = Vec::new();
        let (mut details, mut rendered) = (None, None);
        let (mut facts, mut sums, mut basis, mut rank, mut week) = (None, None, None, None, None);
        let (mut dependents, mut details_stored, mut names_known_at, mut advisories) = (0, 0, None, None);
        let mut nothing_before = None;
        for (part, number, text, bytes) in &found {
            let (text, bytes) = (text.as_deref().unwrap_or_default(), bytes.as_deref());
            let there = bytes.unwrap_or_default();
            match *part {
                MONTH => {
                    let count = count_of(&decode(there)?, id);
                    months.extend(count.map(|count| SnapshotCount { count, as_of: *number, month: text.to_owned() }));
                }
                DETAILS => details = Some(StoredDetails::unpack(*number, there)?),
                README => rendered = Some(readme(bytes)?),
                FACTS => facts = Some(one::<FactsRow>(text)?.facts()?.1),
                SUMS => sums = Some(one::<SumsRow>(text)?.sums()?),
                YEAR => years.push((*number, Year::decode(*number, there)?)),
                RANKS => rank = rank_in(&decode_ranks(there)?, id),
                NOTHING_BEFORE => nothing_before = Some(Day(*number as i32)),
                ADVISORIES => advisories = Some(one::<AdvisoriesRow>(text)?.known()?),
                BASIS => basis = Some(one(text)?),
                VERSIONS => week = Some(VersionWeek::unpack(*number, there)?),
                DEPENDENTS => dependents = number.cast_unsigned(),
                DETAILS_STORED => details_stored = number.cast_unsigned(),
                // One read in part says in part of what.
                LIST_OF_NAMES => names_known_at = names_known_at.max(Some(*number).filter(|_| !text.contains('+'))),
                _ => {}
            }
        }
        months.sort_by(|a, b| a.month.cmp(&b.month));
        years.sort_by_key(|(year, _)| *year);
        let mut days = join(years.into_iter().map(|(_, year)| year));
        if let Some(before) = nothing_before.filter(|_| !days.days.is_empty()) {
            days = days.slice(DayRange { first: days.first.min(Day::FIRST_COUNTED), last: days.last() });
            nothing(&mut days, before);
        }
        Ok(Some(StoredPackage {
            known: row.known(months.last().cloned())?,
            months,
            details: details.map(|details| StoredDetails { readme: rendered, ..details }),
            facts,
            days,
            sums,
            rank,
            basis,
            week,
            dependents,
            details_stored,
            names_known_at,
            advisories,
        }))
    }

    /// The packages with these ids, those of these names, and the most downloaded ones of each of these keywords in lower case: one
    /// statement. Names and keywords that are not stored are left out.
    pub async fn neighbours(&self, ids: &[i64], names: &[&str], keywords: &[String]) -> Result<Neighbours, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        type Wanted<'a> = (Option<i64>, Option<&'a str>, Option<&'a str>);
        let mut wanted: Vec<Wanted<'_>> = ids.iter().map(|id| (Some(*id), None, None)).collect();
        wanted.extend(names.iter().map(|name| (None, Some(*name), None)));
        wanted.extend(keywords.iter().map(|keyword| (None, None, Some(keyword.as_str()))));
        if wanted.is_empty() {
            return Ok(Neighbours::default());
        }
        let make = || parts(BY_IDS, KNOWN_PARTS.iter().chain(&NEIGHBOUR_PARTS));
        let mut known = KnownParts::default();
        let mut neighbours = Neighbours::default();
        for part in self.parts(&STATEMENT, make, to_json(&wanted)?).await? {
            match (part.0, part.2.as_deref().unwrap_or_default()) {
                (NAMED, text) => neighbours.named.extend([one::<NamedRow>(text)?.named()?]),
                (POPULAR, text) => neighbours.popular.push(ids_of(text)?),
                _ => known.add(part)?,
            }
        }
        neighbours.known = known.known()?;
        Ok(neighbours)
    }
}
