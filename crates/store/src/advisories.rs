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
    /// How many versions it was asked about, the newest; of others it said nothing.
    pub versions: u64,
    /// The vulnerabilities of any of them, the worst first.
    pub advisories: Vec<Advisory>,
}

/// As it travels: when, how many versions, and what was found as JSON.
#[derive(serde::Deserialize)]
pub(crate) struct AdvisoriesRow(i64, i64, Option<String>);

impl AdvisoriesRow {
    pub(crate) fn known(&self) -> Result<KnownAdvisories, Error> {
        Ok(KnownAdvisories { checked_at: self.0, versions: self.1.cast_unsigned(), advisories: from_json(self.2.as_deref())? })
    }
}

/// The columns of [`AdvisoriesRow`] of `advisories a`.
macro_rules! advisories_row {
    () => {
        "{row}(a.checked_at, a.versions, a.found)"
    };
}
pub(crate) use advisories_row;

impl Store {
    /// Stores what the registry said of packages, in place of what was there. Packages that are gone in the meantime are passed over.
    pub async fn put_advisories(&self, packages: &[(i64, KnownAdvisories)]) -> Result<(), Error> {
        let words = Words::of(&self.write);
        let found = |advisories: &[Advisory]| if advisories.is_empty() { Ok(None) } else { to_json(advisories).map(Some) };
        let rows = packages
            .iter()
            .map(|(id, known)| Ok((*id, known.checked_at, known.versions, found(&known.advisories)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let sql = words.fill(
            "INSERT INTO advisories (package_id, checked_at, versions, found)
             SELECT p.id, CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 2 AS BIGINT), j.value ->> 3
             FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE TRUE
             ON CONFLICT (package_id) DO UPDATE SET checked_at = excluded.checked_at, versions = excluded.versions, found = excluded.found",
        );
        let rows = to_json(&rows)?;
        on!(&self.write, |pool| {
            sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(pool).await?;
        });
        Ok(())
    }

    /// What is known of the vulnerabilities of packages; those of which nobody asked are left out.
    pub async fn advisories_of(&self, ids: &[i64]) -> Result<HashMap<i64, KnownAdvisories>, Error> {
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(concat!(
            "SELECT {pack}({row}(a.package_id, ",
            advisories_row!(),
            ")){text} FROM {rows} j JOIN advisories a ON a.package_id = CAST(j.value ->> 0 AS BIGINT)"
        ));
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        let rows: Vec<(i64, AdvisoriesRow)> = from_json(text.as_deref())?;
        rows.into_iter().map(|(id, row)| Ok((id, row.known()?))).collect()
    }
}
