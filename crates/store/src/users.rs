//! Users, scopes and what the front page lists.

use sqlx::AssertSqlSafe;

use crate::bulk::{Words, to_json};
use crate::{Error, Known, Snapshot, Store, on};

/// What the registry said about a user.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    /// The user name.
    pub name: String,
    /// When the registry was asked: seconds since 1970, UTC.
    pub asked_at: i64,
    /// How many packages the registry says there are.
    pub total: Option<i64>,
    /// How many it listed.
    pub listed: i64,
    /// Why it did not list all.
    pub problem: Option<String>,
}

/// A package whose downloads grew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rising {
    /// The package.
    pub package: Known,
    /// Downloads in the earlier month.
    pub earlier: u64,
    /// Downloads in the later month.
    pub later: u64,
}

/// When a package appeared: between two lists of names. Seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// The earlier list did not have it.
    pub not_before: i64,
    /// The later list has it.
    pub not_after: i64,
}

/// Downloads in the later month below which growth says little.
const FLOOR: u64 = 50_000;
/// What is added to both counts, so that growth from next to nothing does not outshine everything.
const SMOOTHING: f64 = 5_000.0;
/// How many rising packages are kept.
const RISING: usize = 100;

impl Store {
    /// All packages whose maintainers name the user, in no order.
    pub async fn packages_of(&self, user: &str) -> Result<Vec<Known>, Error> {
        self.known("SELECT p.* FROM maintainers u JOIN packages p ON p.id = u.package_id WHERE u.username = $1", user.to_owned()).await
    }

    /// What the registry said about a user; `None` when it was never asked.
    pub async fn user(&self, name: &str) -> Result<Option<User>, Error> {
        let sql = "SELECT name, asked_at, total, listed, problem FROM users WHERE name = $1";
        Ok(on!(&self.read, |pool| sqlx::query_as(sql).bind(name).fetch_optional(pool).await?))
    }

    /// Remembers what the registry said about a user.
    pub async fn put_user(&self, user: &User) -> Result<(), Error> {
        let sql = "INSERT INTO users (name, asked_at, total, listed, problem) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (name) DO UPDATE SET asked_at = excluded.asked_at, total = excluded.total, listed = excluded.listed,
                problem = excluded.problem";
        on!(&self.write, |pool| {
            sqlx::query(sql)
                .bind(&user.name)
                .bind(user.asked_at)
                .bind(user.total)
                .bind(user.listed)
                .bind(&user.problem)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Names of packages without details whose maintainers were asked for since, the latest asked first.
    pub async fn awaited_packages(&self, since: i64, limit: i64) -> Result<Vec<String>, Error> {
        let sql = "SELECT p.name FROM users u JOIN maintainers m ON m.username = u.name JOIN packages p ON p.id = m.package_id
            LEFT JOIN details d ON d.package_id = p.id WHERE u.asked_at >= $1 AND d.package_id IS NULL
            GROUP BY p.name ORDER BY max(u.asked_at) DESC, p.name LIMIT $2";
        Ok(on!(&self.read, |pool| sqlx::query_scalar(sql).bind(since).bind(limit).fetch_all(pool).await?))
    }

    /// Finds the packages that grew most per month between the two newest snapshots, among those with at least 50,000 downloads in the
    /// later one. Reads all counts of both: some 100 ms and 16 bytes a package.
    pub async fn find_rising(&self) -> Result<u64, Error> {
        let snapshots = self.snapshots().await?;
        let rows = match snapshots.as_slice() {
            [later, earlier, ..] => {
                let (before, after) = (self.all_counts(earlier.id).await?, self.all_counts(later.id).await?);
                rising(&before, &after, months_between(earlier, later))
            }
            _ => Vec::new(),
        };
        let words = Words::of(&self.write);
        let placed: Vec<(usize, i64, u64, u64)> =
            rows.iter().enumerate().map(|(place, (id, earlier, later))| (place, *id, *earlier, *later)).collect();
        let rows = to_json(&placed)?;
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("DELETE FROM rising").execute(&mut *tx).await?;
            let sql = "INSERT INTO rising (place, package_id, earlier, later)
                SELECT CAST(j.value ->> 0 AS BIGINT), CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 3 AS BIGINT)
                FROM {rows} j";
            sqlx::query(AssertSqlSafe(words.fill(sql))).bind(rows).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(placed.len() as u64)
    }

    /// The packages that grew most, the first the most, at most `limit`.
    pub async fn rising(&self, limit: i64) -> Result<Vec<Rising>, Error> {
        let sql = "SELECT package_id, earlier, later FROM rising ORDER BY place LIMIT $1";
        let rows: Vec<(i64, i64, i64)> = on!(&self.read, |pool| sqlx::query_as(sql).bind(limit).fetch_all(pool).await?);
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let mut known = self.known_by_id(&ids).await?;
        let found = rows.into_iter().filter_map(|(id, earlier, later)| {
            Some(Rising { package: known.remove(&id)?, earlier: earlier.cast_unsigned(), later: later.cast_unsigned() })
        });
        Ok(found.collect())
    }

    /// Some packages that appeared between the two newest lists of names: for each number the one at the place that it chooses.
    pub async fn some_appearances(&self, numbers: &[u64]) -> Result<Vec<(Known, Appearance)>, Error> {
        let bounds: Option<(i64, i64, i64)> = on!(&self.read, |pool| {
            sqlx::query_as(
                "SELECT min(package_id), max(package_id), max(not_after) FROM appearances
                 WHERE not_after = (SELECT max(not_after) FROM appearances) HAVING min(package_id) IS NOT NULL",
            )
            .fetch_optional(pool)
            .await?
        });
        let Some((first, last, newest)) = bounds else { return Ok(Vec::new()) };
        let mut rows: Vec<(i64, i64, i64)> = Vec::new();
        for number in numbers {
            let from = first + (number % (last - first + 1).cast_unsigned()).cast_signed();
            let sql = "SELECT package_id, not_before, not_after FROM appearances
                WHERE package_id >= $1 AND not_after = $2 ORDER BY package_id LIMIT 1";
            let row: (i64, i64, i64) = on!(&self.read, |pool| sqlx::query_as(sql).bind(from).bind(newest).fetch_one(pool).await?);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let mut known = self.known_by_id(&ids).await?;
        let found =
            rows.into_iter().filter_map(|(id, not_before, not_after)| Some((known.remove(&id)?, Appearance { not_before, not_after })));
        Ok(found.collect())
    }

    /// A key of this installation: `fresh` becomes it when there is none yet.
    pub async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, Error> {
        let read = "SELECT value FROM secrets WHERE name = $1";
        let stored: Option<Vec<u8>> = on!(&self.read, |pool| sqlx::query_scalar(read).bind(name).fetch_optional(pool).await?);
        if let Some(stored) = stored {
            return Ok(stored);
        }
        Ok(on!(&self.write, |pool| {
            sqlx::query("INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                .bind(name)
                .bind(fresh)
                .execute(pool)
                .await?;
            sqlx::query_scalar(read).bind(name).fetch_one(pool).await?
        }))
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

/// Ids with both counts, the fastest growing first. Counts are each plus one, 0 for unknown.
fn rising(before: &[u64], after: &[u64], months: f64) -> Vec<(i64, u64, u64)> {
    let counted = before.iter().zip(after).enumerate().filter_map(|(id, (earlier, later))| {
        let (earlier, later) = (earlier.checked_sub(1)?, later.checked_sub(1)?);
        (later >= FLOOR && later > earlier).then_some((id as i64, earlier, later))
    });
    let mut found: Vec<(i64, u64, u64)> = counted.collect();
    found.sort_by(|a, b| growth(b.1, b.2, months).total_cmp(&growth(a.1, a.2, months)).then(a.0.cmp(&b.0)));
    found.truncate(RISING);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_needs_both_months_and_a_floor() {
        let before = [0, 1, 10_001, 100_001, 1_000_001, 0, 60_001];
        let after = [0, 49_001, 100_001, 300_001, 1_100_001, 900_001, 50_001];
        let ids: Vec<i64> = rising(&before, &after, 3.0).iter().map(|row| row.0).collect();
        assert_eq!(ids, [2, 3, 4], "below the floor, unknown before, and fallen are left out");
    }
}
