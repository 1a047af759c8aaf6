//! Known vulnerabilities of packages.

use std::collections::HashMap;

use model::Advisory;
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::{Error, Store, on};

/// What the registry knows of a package's vulnerabilities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownAdvisories {
    /// When it was asked: seconds since 1970, UTC.
    pub checked_at: i64,
    /// The vulnerabilities of any version, the worst first.
    pub advisories: Vec<Advisory>,
}

impl KnownAdvisories {
    pub(crate) fn parse(checked_at: i64, found: Option<&str>) -> Result<Self, Error> {
        Ok(Self { checked_at, advisories: from_json(found)? })
    }
}

impl Store {
    /// Stores what the registry said at `now` of packages, in place of what was there. Packages that are gone in the meantime are passed
    /// over.
    pub async fn put_advisories(&self, packages: &[(i64, Vec<Advisory>)], now: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        let found = |advisories: &[Advisory]| if advisories.is_empty() { Ok(None) } else { to_json(advisories).map(Some) };
        let rows = packages.iter().map(|(id, advisories)| Ok((*id, found(advisories)?))).collect::<Result<Vec<_>, Error>>()?;
        let sql = words.fill(
            "INSERT INTO advisories (package_id, checked_at, found)
             SELECT p.id, $2, j.value ->> 1 FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE TRUE
             ON CONFLICT (package_id) DO UPDATE SET checked_at = excluded.checked_at, found = excluded.found",
        );
        let rows = to_json(&rows)?;
        on!(&self.write, |pool| {
            sqlx::query(AssertSqlSafe(sql)).bind(rows).bind(now).execute(pool).await?;
        });
        Ok(())
    }

    /// What is known of the vulnerabilities of packages; those of which nobody asked are left out.
    pub async fn advisories_of(&self, ids: &[i64]) -> Result<HashMap<i64, KnownAdvisories>, Error> {
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(a.package_id, a.checked_at, a.found)){text} FROM {rows} j
             JOIN advisories a ON a.package_id = CAST(j.value ->> 0 AS BIGINT)",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        let rows: Vec<(i64, i64, Option<String>)> = from_json(text.as_deref())?;
        rows.into_iter().map(|(id, at, found)| Ok((id, KnownAdvisories::parse(at, found.as_deref())?))).collect()
    }
}
