//! Looking for damage.

use sqlx::AssertSqlSafe;

use crate::{Error, Pool, Store, on};

impl Store {
    /// What the database itself says of its health: one line a problem, none when all is well. On PostgreSQL, which checks its pages
    /// while it reads them, this is always empty.
    pub async fn quick_check(&self) -> Result<Vec<String>, Error> {
        match &self.read {
            Pool::Sqlite(pool) => {
                let lines: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(20)").fetch_all(pool).await?;
                Ok(lines.into_iter().filter(|line| line != "ok").collect())
            }
            Pool::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// How many packages there are, counted one by one; [`Store::count`] reads the number that is kept.
    pub async fn count_one_by_one(&self) -> Result<u64, Error> {
        let count: i64 =
            on!(&self.read, |pool| sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM packages").fetch_one(pool).await?);
        Ok(count.cast_unsigned())
    }

    /// Rows that belong to packages that do not exist, by table.
    pub async fn orphans(&self) -> Result<Vec<(&'static str, u64)>, Error> {
        let mut found = Vec::new();
        for table in [
            "summaries",
            "maintainers",
            "package_stats",
            "high_impact",
            "appearances",
            "details",
            "manifests",
            "readmes",
            "latest",
            "dependents",
            "unknown_dependencies",
            "download_years",
            "download_months",
            "download_sums",
            "version_downloads",
            "download_queue",
            "advisories",
        ] {
            // Of the number 0, the whole registry, there are downloads and no package.
            let sql = AssertSqlSafe(format!(
                "SELECT CAST(count(*) AS BIGINT) FROM {table} WHERE package_id <> 0 AND package_id NOT IN (SELECT id FROM packages)"
            ));
            let count: i64 = on!(&self.read, |pool| sqlx::query_scalar(sql).fetch_one(pool).await?);
            if count > 0 {
                found.push((table, count.cast_unsigned()));
            }
        }
        Ok(found)
    }

    /// Up to `count` packages spread evenly over all ids, from a place that `seed` decides: id and name.
    pub async fn sample(&self, count: u64, seed: u64) -> Result<Vec<(i64, String)>, Error> {
        let last: i64 = on!(&self.read, |pool| sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM packages").fetch_one(pool).await?);
        let step = (last.cast_unsigned() / count.max(1)).max(1);
        let sql = "SELECT id, name FROM packages WHERE id % $1 = $2 ORDER BY id LIMIT $3";
        let rows: Vec<(i64, String)> = on!(&self.read, |pool| {
            sqlx::query_as(sql).bind(step.cast_signed()).bind((seed % step).cast_signed()).bind(count.cast_signed()).fetch_all(pool).await?
        });
        Ok(rows)
    }
}
