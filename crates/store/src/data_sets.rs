//! Which data sets have been read, and what only they tell: high impact, and when names appeared.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::{Appearance, Error, Store, on};

/// A version of a data set that has been read to its end.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DataSet {
    /// The package that publishes it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The hash of its tarball.
    pub integrity: String,
    /// When the registry says it was published: seconds since 1970, UTC.
    pub published_at: Option<i64>,
    /// When it was read.
    pub loaded_at: i64,
    /// How many entries it has.
    pub entries: i64,
}

impl Store {
    /// All data sets that have been read, newest reading first.
    pub async fn data_sets(&self) -> Result<Vec<DataSet>, Error> {
        let sql = "SELECT name, version, integrity, published_at, loaded_at, entries FROM data_sets ORDER BY loaded_at DESC, name, version";
        Ok(on!(&self.read, |pool| sqlx::query_as(sql).fetch_all(pool).await?))
    }

    /// Remembers that a data set has been read.
    pub async fn record_data_set(&self, set: &DataSet) -> Result<(), Error> {
        let sql = "INSERT INTO data_sets (name, version, integrity, published_at, loaded_at, entries) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (name, version) DO UPDATE SET integrity = excluded.integrity, published_at = excluded.published_at,
                loaded_at = excluded.loaded_at, entries = excluded.entries";
        on!(&self.write, |pool| {
            sqlx::query(sql)
                .bind(&set.name)
                .bind(&set.version)
                .bind(&set.integrity)
                .bind(set.published_at)
                .bind(set.loaded_at)
                .bind(set.entries)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Replaces the list of high impact: ids, the first the highest.
    pub async fn set_high_impact(&self, ids: &[i64]) -> Result<(), Error> {
        let words = Words::of(&self.write);
        let rows: Vec<(i64, usize)> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let rows = to_json(&rows)?;
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("DELETE FROM high_impact").execute(&mut *tx).await?;
            let sql = "INSERT INTO high_impact (package_id, place)
                SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT) FROM {rows} j WHERE TRUE ON CONFLICT (package_id) DO NOTHING";
            sqlx::query(AssertSqlSafe(words.fill(sql))).bind(rows).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// Remembers that these packages appeared between two moments; what was known before stays.
    pub async fn add_appearances(&self, ids: &[i64], not_before: i64, not_after: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        let rows: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let rows = to_json(&rows)?;
        let sql = "INSERT INTO appearances (package_id, not_before, not_after)
            SELECT CAST(j.value ->> 0 AS BIGINT), $2, $3 FROM {rows} j WHERE TRUE ON CONFLICT (package_id) DO NOTHING";
        on!(&self.write, |pool| {
            sqlx::query(AssertSqlSafe(words.fill(sql))).bind(rows).bind(not_before).bind(not_after).execute(pool).await?;
        });
        Ok(())
    }

    /// When these packages appeared, of those of which it is known.
    pub(crate) async fn appearances_of(&self, ids: &[i64]) -> Result<HashMap<i64, Appearance>, Error> {
        let rows: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(a.package_id, a.not_before, a.not_after)){text}
             FROM {rows} j JOIN appearances a ON a.package_id = CAST(j.value ->> 0 AS BIGINT)",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&rows)?).fetch_one(pool).await?);
        let rows: Vec<(i64, i64, i64)> = from_json(text.as_deref())?;
        Ok(rows.into_iter().map(|(id, not_before, not_after)| (id, Appearance { not_before, not_after })).collect())
    }

    /// How many packages are known to have appeared between two lists of names.
    pub async fn appearances(&self) -> Result<u64, Error> {
        let count: i64 =
            on!(&self.read, |pool| sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM appearances").fetch_one(pool).await?);
        Ok(count.cast_unsigned())
    }
}
