//! The lease: one process at a time writes to a data directory.

use crate::{Error, Store, on};

/// Who writes at present.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Holder {
    /// Process and machine, as the holder describes itself.
    pub holder: String,
    /// What it is doing: `serve`, `fill`, …
    pub doing: String,
    /// When the lease ends unless renewed: seconds since 1970, UTC.
    pub expires_at: i64,
}

impl Store {
    /// Takes or renews the lease until `expires_at`. Fails with the present holder when somebody else has it.
    pub async fn take_lease(&self, holder: &str, doing: &str, now: i64, expires_at: i64) -> Result<Result<(), Holder>, Error> {
        let sql = "INSERT INTO lease (name, holder, doing, expires_at) VALUES ('writer', $1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, doing = excluded.doing, expires_at = excluded.expires_at
            WHERE lease.holder = excluded.holder OR lease.expires_at <= $4";
        let taken = on!(&self.write, |pool| {
            sqlx::query(sql).bind(holder).bind(doing).bind(expires_at).bind(now).execute(pool).await?.rows_affected()
        });
        if taken == 1 {
            return Ok(Ok(()));
        }
        let current = self.lease_holder().await?;
        Ok(Err(current.unwrap_or(Holder { holder: "another process".to_owned(), doing: "writing".to_owned(), expires_at: now })))
    }

    /// Ends the lease if `holder` has it.
    pub async fn release_lease(&self, holder: &str) -> Result<(), Error> {
        on!(&self.write, |pool| {
            sqlx::query("DELETE FROM lease WHERE holder = $1").bind(holder).execute(pool).await?;
        });
        Ok(())
    }

    /// Who has the lease, expired or not.
    pub async fn lease_holder(&self) -> Result<Option<Holder>, Error> {
        Ok(on!(&self.read, |pool| sqlx::query_as("SELECT holder, doing, expires_at FROM lease").fetch_optional(pool).await?))
    }
}
