//! The one crate that knows SQL: everything that is known about packages, in SQLite by default, in PostgreSQL by URL.
//!
//! Rules that keep one SQL text for both:
//! - parameters are `$1`, `$2`, … ; types are TEXT, BIGINT and bytes, booleans are 0 and 1, times are seconds, lists are JSON texts;
//! - sums are `CAST(coalesce(sum(x), 0) AS BIGINT)`; no LIKE; keys are compared byte by byte;
//! - many rows travel as one JSON parameter, see [`bulk`], which alone has words of one database only;
//! - one process writes (the holder of the lease; others write their lines of `jobs` only), so nobody waits longer than the busy timeout.

mod advisories;
mod bulk;
mod changes;
mod check;
mod data_sets;
mod dependents;
mod details;
mod downloads;
mod error;
mod facts;
mod jobs;
mod lease;
mod merge;
mod packages;
mod page;
mod queue;
mod snapshots;
mod trends;
mod users;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, SqlSafeStr, SqlitePool};

pub use advisories::KnownAdvisories;
pub use changes::{Change, IndexRow, Ranked};
pub use data_sets::DataSet;
pub use dependents::{LatestFacts, Named};
pub use details::{PackedDetails, PackedReadme, ReadmeHeading, RenderedReadme, StoredDetails, StoredReadme, StoredValidators};
pub use downloads::{Months, VersionWeek, WHOLE_REGISTRY, closed_at};
pub use error::Error;
pub use jobs::{Job, JobState};
pub use lease::Holder;
pub use packages::{Applied, Downloads, DownloadsFrom, Known, KnownName, NewName};
pub use page::{Neighbours, StoredPackage};
pub use queue::{DownloadState, HistoryTurn, Pace, QueueProgress, Queued, Schedule, Tier, Wanted};
pub use snapshots::{Snapshot, SnapshotCount, SnapshotWriter};
pub use trends::{Trend, TrendBasis, TrendEntry, TrendKeyword, TrendList, TrendSource};
pub use users::{Appearance, User};

/// Runs the same body on whichever database this is.
macro_rules! on {
    ($pool:expr, |$name:ident| $body:expr) => {
        match $pool {
            $crate::Pool::Sqlite($name) => $body,
            $crate::Pool::Postgres($name) => $body,
        }
    };
}
pub(crate) use on;

/// Where the data are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file, created when missing.
    Sqlite(PathBuf),
    /// A `postgres://` address. It may hold a password, so it is not shown.
    Postgres(Secret),
}

/// A text that Debug does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Place {
    /// Reads what stands in `--database`: a `postgres://` address, or else the path of an SQLite file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(Secret(text.to_owned()))
        } else {
            Self::Sqlite(text.strip_prefix("sqlite://").unwrap_or(text).into())
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// An open database, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// One connection on SQLite, where there is one writer.
    write: Pool,
    read: Pool,
}

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "packages", include_str!("../migrations/0001_packages.sql")),
    (2, "details", include_str!("../migrations/0002_details.sql")),
    (3, "downloads", include_str!("../migrations/0003_downloads.sql")),
    (4, "dependents", include_str!("../migrations/0004_dependents.sql")),
    (5, "advisories", include_str!("../migrations/0005_advisories.sql")),
    (6, "rising", include_str!("../migrations/0006_rising.sql")),
];

impl Store {
    /// Opens the database and brings its tables up to date.
    pub async fn open(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Sqlite(path) => Self::open_sqlite(path).await,
            Place::Postgres(Secret(url)) => Self::open_postgres(url).await,
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            .pragma("mmap_size", "1073741824")
            .pragma("temp_store", "MEMORY");
        let open = |error| Error::Open { what: path.display().to_string(), source: error };
        // The journal is cut back after a large write, or it would keep its largest size for ever.
        let writer = options.clone().pragma("cache_size", "-65536").pragma("journal_size_limit", "67108864");
        let write = SqlitePoolOptions::new().max_connections(1).connect_with(writer).await.map_err(open)?;
        let pool = Pool::Sqlite(write);
        migrate(&pool).await?;
        let reader = options.pragma("cache_size", "-8192").pragma("query_only", "1");
        let read = SqlitePoolOptions::new().max_connections(8).connect_with(reader).await.map_err(open)?;
        Ok(Self { write: pool, read: Pool::Sqlite(read) })
    }

    async fn open_postgres(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(|_| Error::Address)?;
        let what = format!("postgres://{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .map_err(|source| Error::Open { what, source })?;
        let pool = Pool::Postgres(pool);
        migrate(&pool).await?;
        Ok(Self { write: pool.clone(), read: pool })
    }

    /// Whether processes on other machines can use it too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.write, Pool::Postgres(_))
    }

    /// Waits for running statements and closes the connections; SQLite's journal is put away.
    pub async fn close(self) {
        on!(self.read, |pool| pool.close().await);
        on!(self.write, |pool| pool.close().await);
    }
}

async fn migrate(pool: &Pool) -> Result<(), Error> {
    let words = bulk::Words::of(pool);
    let migrations = MIGRATIONS.iter().map(|(version, name, text)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, AssertSqlSafe(words.fill(text)).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    on!(pool, |pool| migrator.run(pool).await).map_err(Error::Migrate)
}
