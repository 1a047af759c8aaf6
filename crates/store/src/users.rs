//! Users, scopes and what the front page lists.

use std::sync::OnceLock;

use crate::bulk::Statement;
use crate::{Error, Known, Store, on};

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

/// When a package appeared: between two lists of names. Seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// The earlier list did not have it.
    pub not_before: i64,
    /// The later list has it.
    pub not_after: i64,
}

impl Store {
    /// All packages whose maintainers name the user, in no order.
    pub async fn packages_of(&self, user: &str) -> Result<Vec<Known>, Error> {
        static STATEMENT: Statement = [OnceLock::new(), OnceLock::new()];
        self.known(
            &STATEMENT,
            "SELECT p.* FROM maintainers u JOIN packages p ON p.id = u.package_id WHERE u.username = $1",
            user.to_owned(),
        )
        .await
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
