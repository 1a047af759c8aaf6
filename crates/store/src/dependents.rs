//! Whose latest version needs whom, and what else lists of many packages say of latest versions.
//!
//! Kept beside the details, in the same transactions. A database that has details from before is brought up to date in steps, see
//! [`Store::note_latest`].

use std::collections::HashMap;

use model::{Advisory, Manifest, State};
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::details::latest_of;
use crate::{Error, Store, on};

const TYPES: i64 = 1;
const ESM: i64 = 2;
const COMMONJS: i64 = 4;
const SCRIPTS: i64 = 8;
const PROVENANCE: i64 = 16;

/// What lists say of a package's latest version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatestFacts {
    /// It brings TypeScript types.
    pub has_types: bool,
    /// It can be loaded with `import`.
    pub is_esm: bool,
    /// It can be loaded with `require`.
    pub is_commonjs: bool,
    /// Scripts run while it is installed.
    pub runs_scripts: bool,
    /// The registry holds a statement about how it was built.
    pub has_provenance: bool,
    /// Name and range of what it needs, peers and optional ones included, as far as these mean packages of the registry.
    pub dependencies: Vec<(String, String)>,
    /// Whether it has a README; `None` when nobody has looked yet.
    pub has_readme: Option<bool>,
}

/// What is known of a package that another one names.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The id.
    pub id: i64,
    /// Whether it can be installed.
    pub state: State,
    /// Its latest version.
    pub version: Option<String>,
    /// Why that should not be used any more.
    pub deprecated: Option<String>,
    /// The known vulnerabilities of its versions, as far as anybody asked for them.
    pub advisories: Vec<Advisory>,
}

/// Id, name, state, latest version, why that should not be used any more, and known vulnerabilities.
#[derive(serde::Deserialize)]
pub(crate) struct NamedRow(i64, String, i64, Option<String>, Option<String>, Option<String>);

impl NamedRow {
    /// Its name, and what is known of it.
    pub(crate) fn named(self) -> Result<(String, Named), Error> {
        let Self(id, name, state, version, deprecated, advisories) = self;
        let advisories = from_json(advisories.as_deref())?;
        Ok((name, Named { id, state: State::from_number(state), version, deprecated, advisories }))
    }
}

/// The columns of [`NamedRow`], and what else they come from.
macro_rules! named_row {
    () => {
        "{row}(p.id, p.name, p.state, s.version, s.deprecated, a.found)"
    };
}
macro_rules! named_joins {
    () => {
        "LEFT JOIN summaries s ON s.package_id = p.id LEFT JOIN advisories a ON a.package_id = p.id"
    };
}
pub(crate) use {named_joins, named_row};

/// Id, traits, dependencies, and whether there is a README: 0 when the version has none, 1 when it has one, null when nobody looked.
#[derive(serde::Deserialize)]
pub(crate) struct FactsRow(i64, i64, Option<String>, Option<i64>);

impl FactsRow {
    /// The package's id, and what lists say of its latest version.
    pub(crate) fn facts(self) -> Result<(i64, LatestFacts), Error> {
        let Self(id, traits, dependencies, readme) = self;
        let has = |bit| traits & bit != 0;
        let facts = LatestFacts {
            has_types: has(TYPES),
            is_esm: has(ESM),
            is_commonjs: has(COMMONJS),
            runs_scripts: has(SCRIPTS),
            has_provenance: has(PROVENANCE),
            dependencies: from_json(dependencies.as_deref())?,
            has_readme: readme.map(|readme| readme != 0),
        };
        Ok((id, facts))
    }
}

/// The columns of [`FactsRow`] of `latest l`, and what else they come from.
macro_rules! facts_row {
    () => {
        "{row}(l.package_id, l.traits, l.dependencies,
            CASE WHEN r.package_id IS NULL THEN NULL WHEN r.rendered IS NULL THEN 0 ELSE 1 END)"
    };
}
macro_rules! facts_joins {
    () => {
        "JOIN details d ON d.package_id = l.package_id
         LEFT JOIN readmes r ON r.package_id = d.package_id AND r.version = d.latest WHERE d.latest IS NOT NULL"
    };
}
pub(crate) use {facts_joins, facts_row};

/// The part of a latest version that lists need, ready to be stored.
#[derive(Debug)]
pub(crate) struct PackedLatest {
    traits: i64,
    dependencies: Option<String>,
    names: String,
}

impl PackedLatest {
    pub(crate) fn pack(manifest: &Manifest) -> Result<Self, Error> {
        let traits = [
            (manifest.has_types, TYPES),
            (manifest.is_esm, ESM),
            (manifest.is_commonjs, COMMONJS),
            (!manifest.install_scripts.is_empty(), SCRIPTS),
            (manifest.has_provenance, PROVENANCE),
        ];
        let needed = manifest.needed();
        let mut names: Vec<[&str; 1]> = needed.iter().map(|(name, _)| [*name]).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            traits: traits.iter().filter(|(is_so, _)| *is_so).map(|(_, bit)| bit).sum(),
            dependencies: if needed.is_empty() { None } else { Some(to_json(&needed)?) },
            names: to_json(&names)?,
        })
    }
}

/// Writes what lists need of a package's latest version, or that it has none, in place of what was there.
macro_rules! put_latest {
    ($tx:ident, $words:expr, $id:expr, $latest:expr) => {{
        for table in ["latest", "dependents", "unknown_dependencies"] {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE package_id = $1"))).bind($id).execute(&mut *$tx).await?;
        }
        let latest: Option<&PackedLatest> = $latest;
        sqlx::query("INSERT INTO latest (package_id, traits, dependencies) VALUES ($1, $2, $3)")
            .bind($id)
            .bind(latest.map_or(0, PackedLatest::traits))
            .bind(latest.and_then(PackedLatest::dependencies))
            .execute(&mut *$tx)
            .await?;
        if let Some(latest) = latest.filter(|latest| latest.dependencies().is_some()) {
            for sql in crate::dependents::EDGES {
                sqlx::query(AssertSqlSafe($words.fill(sql))).bind(latest.names()).bind($id).execute(&mut *$tx).await?;
            }
        }
    }};
}
pub(crate) use put_latest;

/// Adds edges from a package to names: to those that are stored, and to those that are not.
pub(crate) const EDGES: [&str; 2] = [
    "INSERT INTO dependents (dependency_id, package_id)
     SELECT p.id, $2 FROM {rows} j JOIN packages p ON p.name = j.value ->> 0 WHERE TRUE ON CONFLICT DO NOTHING",
    "INSERT INTO unknown_dependencies (name, package_id)
     SELECT j.value ->> 0, $2 FROM {rows} j LEFT JOIN packages p ON p.name = j.value ->> 0 WHERE p.id IS NULL ON CONFLICT DO NOTHING",
];

impl PackedLatest {
    pub(crate) fn traits(&self) -> i64 {
        self.traits
    }

    pub(crate) fn dependencies(&self) -> Option<&str> {
        self.dependencies.as_deref()
    }

    pub(crate) fn names(&self) -> &str {
        &self.names
    }
}

/// What was needed before it was known: its edges become whole. The place of the name in a row is `$place`.
macro_rules! meet_known {
    ($tx:ident, $words:expr, $rows:expr, $place:literal) => {{
        let any: i64 = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM (SELECT 1 FROM unknown_dependencies LIMIT 1) u")
            .fetch_one(&mut *$tx)
            .await?;
        if any > 0 {
            let sql = concat!(
                "INSERT INTO dependents (dependency_id, package_id) SELECT p.id, u.package_id FROM {rows} j
                 JOIN unknown_dependencies u ON u.name = j.value ->> ",
                $place,
                " JOIN packages p ON p.name = u.name WHERE TRUE ON CONFLICT DO NOTHING"
            );
            sqlx::query(AssertSqlSafe($words.fill(sql))).bind($rows).execute(&mut *$tx).await?;
            let sql = concat!("DELETE FROM unknown_dependencies WHERE name IN (SELECT j.value ->> ", $place, " FROM {rows} j)");
            sqlx::query(AssertSqlSafe($words.fill(sql))).bind($rows).execute(&mut *$tx).await?;
        }
    }};
}
pub(crate) use meet_known;

/// The edges to packages that are about to go become edges to their names; ids are the first of a row. Their own edges go with them.
pub(crate) const FORGET_KNOWN: &str = "INSERT INTO unknown_dependencies (name, package_id)
    SELECT p.name, d.package_id FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT)
    JOIN dependents d ON d.dependency_id = p.id WHERE TRUE ON CONFLICT DO NOTHING";

impl Store {
    /// Notes what lists need of latest versions, of packages with an id above `after` whose details were stored before this was kept: at
    /// most `limit` packages. Gives the last of them to go on from, and how many they were; `None` when there are no more.
    pub async fn note_latest(&self, after: i64, limit: i64) -> Result<Option<(i64, usize)>, Error> {
        let sql = "SELECT d.package_id, d.overview FROM details d LEFT JOIN latest l ON l.package_id = d.package_id
            WHERE d.package_id > $1 AND l.package_id IS NULL ORDER BY d.package_id LIMIT $2";
        let rows: Vec<(i64, Vec<u8>)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(after).bind(limit).fetch_all(pool).await?);
        let Some((last, _)) = rows.last() else { return Ok(None) };
        let last = *last;
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            for (id, overview) in &rows {
                // Details that came in the meantime brought theirs along.
                let noted: Option<i64> =
                    sqlx::query_scalar("SELECT package_id FROM latest WHERE package_id = $1").bind(id).fetch_optional(&mut *tx).await?;
                if noted.is_none() {
                    let latest = latest_of(overview)?.map(|manifest| PackedLatest::pack(&manifest)).transpose()?;
                    put_latest!(tx, words, *id, latest.as_ref());
                }
            }
            tx.commit().await?;
        });
        Ok(Some((last, rows.len())))
    }

    /// Forgets what is noted of latest versions, as in a database from before it was noted; [`Store::note_latest`] notes it again.
    pub async fn forget_latest(&self) -> Result<(), Error> {
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            for table in ["latest", "dependents", "unknown_dependencies"] {
                sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// What lists say of the latest versions of these packages, of those whose details are stored.
    pub async fn latest_facts(&self, ids: &[i64]) -> Result<HashMap<i64, LatestFacts>, Error> {
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(concat!(
            "SELECT {pack}(",
            facts_row!(),
            "){text} FROM {rows} j JOIN latest l ON l.package_id = CAST(j.value ->> 0 AS BIGINT) ",
            facts_joins!()
        ));
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        from_json::<FactsRow>(text.as_deref())?.into_iter().map(FactsRow::facts).collect()
    }

    /// How many stored packages' latest versions need each of these; packages that nobody needs are left out.
    pub async fn dependent_counts(&self, ids: &[i64]) -> Result<HashMap<i64, u64>, Error> {
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(c.id, c.n)){text} FROM (SELECT d.dependency_id AS id, CAST(count(*) AS BIGINT) AS n
             FROM {rows} j JOIN dependents d ON d.dependency_id = CAST(j.value ->> 0 AS BIGINT) GROUP BY d.dependency_id) c",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        Ok(from_json::<(i64, i64)>(text.as_deref())?.into_iter().map(|(id, count)| (id, count.cast_unsigned())).collect())
    }

    /// What is known of packages of these names, by name; names that are not stored are left out.
    pub async fn named(&self, names: &[&str]) -> Result<HashMap<String, Named>, Error> {
        let mut wrapped: Vec<[&str; 1]> = names.iter().map(|name| [*name]).collect();
        wrapped.sort_unstable();
        wrapped.dedup();
        if wrapped.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = Words::of(&self.read).fill(concat!(
            "SELECT {pack}(",
            named_row!(),
            "){text} FROM {rows} j JOIN packages p ON p.name = j.value ->> 0 ",
            named_joins!()
        ));
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        from_json::<NamedRow>(text.as_deref())?.into_iter().map(NamedRow::named).collect()
    }

    /// When the newest list of all names was made that was read to its end, in seconds since 1970: a name which is not stored did not exist
    /// then. `None` when none was.
    pub async fn names_known_at(&self) -> Result<Option<i64>, Error> {
        let sql = "SELECT version, coalesce(published_at, loaded_at) FROM data_sets WHERE name = 'all-the-package-names'";
        let lists: Vec<(String, i64)> = on!(&self.read, |pool| sqlx::query_as(sql).fetch_all(pool).await?);
        // One read in part says in part of what.
        Ok(lists.into_iter().filter(|(version, _)| !version.contains('+')).map(|(_, at)| at).max())
    }
}
