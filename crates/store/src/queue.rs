//! Which downloads are to be asked for next: persistent, so that a restart goes on where the process before it ended.

use std::collections::HashMap;

use model::Day;
use sqlx::AssertSqlSafe;

use crate::bulk::{Words, from_json, to_json};
use crate::{Error, Store, on};

/// Why a package's downloads are asked for; the first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Somebody looked at its page.
    Page,
    /// Somebody looked at one of its maintainers.
    User,
    /// It is among the most popular ones.
    Popular,
    /// It once was one of these, or is farther down the list.
    Rest,
}

/// What of a package is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// The newest days.
    Newest,
    /// Days before those that are known.
    History,
    /// The downloads of each version in the last seven days.
    Versions,
}

/// A package whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The package.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The first day that was asked for; `None` before anything was.
    pub first: Option<Day>,
    /// The last day that was answered.
    pub last: Option<Day>,
    /// Up to it nothing changes any more.
    pub closed: Option<Day>,
    /// Whether any of its days had downloads.
    pub counted: bool,
    /// Its place among those whose older days are asked for.
    pub history_at: Option<i64>,
}

/// When a package's turn is next. Times are seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The package.
    pub id: i64,
    /// When its newest days are due; `None` leaves that as it is.
    pub newest_at: Option<i64>,
    /// When its older days are.
    pub history: HistoryTurn,
    /// When npm was asked.
    pub asked_at: i64,
}

/// When the days before those that are known are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryTurn {
    /// As before.
    Same,
    /// At this place among all.
    Place(i64),
    /// Not before this moment: seconds since 1970, UTC.
    NotBefore(i64),
    /// There are none left.
    Done,
}

/// Places of history are smaller, moments are above.
const MOMENTS: i64 = 1 << 62;

impl HistoryTurn {
    fn number(self) -> Option<i64> {
        match self {
            Self::Same => None,
            Self::Place(place) => Some(place.clamp(0, MOMENTS - 1)),
            Self::NotBefore(at) => Some(MOMENTS + at),
            Self::Done => Some(-1),
        }
    }
}

/// How far the downloads of a package are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadState {
    /// The first day that was asked for.
    pub first: Option<Day>,
    /// The last day that was answered.
    pub last: Option<Day>,
    /// Up to it nothing changes any more.
    pub closed: Option<Day>,
    /// Whether all older days were asked for, too: what is before the first day is nothing, not unknown.
    pub is_whole: bool,
    /// When npm was asked last: seconds since 1970, UTC.
    pub asked_at: Option<i64>,
    /// When it is to be asked again.
    pub due_at: i64,
}

/// How fast npm lets itself be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Milliseconds between two requests.
    pub interval_ms: i64,
    /// Before this moment nothing is asked: seconds since 1970, UTC.
    pub not_before: i64,
    /// How often in a row it refused.
    pub refusals: i64,
}

/// How far the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueProgress {
    /// Packages in it.
    pub packages: u64,
    /// Packages of which npm was asked at least once.
    pub asked: u64,
    /// Packages whose whole history is known.
    pub whole: u64,
}

/// Somebody's look at a page counts for so long, in seconds.
const LOOKED_AT: i64 = 30 * 24 * 3600;
/// Who looks again within so many seconds of a request causes no other.
const LOOK_AGAIN: i64 = 3600;
/// Rows to a statement.
const BATCH: usize = 10_000;

impl Store {
    /// Packages whose turn it is, at most `limit`, in their order. Those whose newest days are known up to `landed`, the last day that
    /// npm has counted, are not due.
    pub async fn due_downloads(&self, wanted: Wanted, tier: Tier, now: i64, landed: Day, limit: i64) -> Result<Vec<Queued>, Error> {
        /// Its place first: a join may change the order.
        type Row = (i64, i64, String, Option<i32>, Option<i32>, Option<i32>, i64, Option<i64>);
        let (due, order) = match wanted {
            Wanted::Newest => ("newest_at <= $2 AND (last_day IS NULL OR last_day < $4)", "newest_at"),
            Wanted::History => ("history_at IS NOT NULL AND history_at <= $2 AND first_day <= $4", "history_at"),
            Wanted::Versions => ("versions_at IS NOT NULL AND versions_at <= $2 AND last_day <= $4", "versions_at"),
        };
        let until = match wanted {
            Wanted::History => MOMENTS + now,
            Wanted::Newest => now,
            // The seven days of the next week have to have come.
            Wanted::Versions => now.min((landed + 2).start_seconds()),
        };
        let sql = Words::of(&self.read).fill(&format!(
            "SELECT {{pack}}({{row}}(d.{order}, d.package_id, p.name, d.first_day, d.last_day, d.closed_day, d.counted, d.history_at)){{text}}
             FROM (SELECT * FROM download_queue WHERE tier = $1 AND {due} ORDER BY {order}, package_id LIMIT $3) d
             JOIN packages p ON p.id = d.package_id"
        ));
        let text: Option<String> = on!(&self.read, |pool| {
            sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(tier as i64)
                .bind(until)
                .bind(limit)
                .bind(i64::from(landed.0))
                .fetch_one(pool)
                .await?
        });
        let mut rows: Vec<Row> = from_json(text.as_deref())?;
        rows.sort_unstable_by_key(|row| (row.0, row.1));
        let queued = rows.into_iter().map(|(_, id, name, first, last, closed, counted, history_at)| Queued {
            id,
            name,
            first: first.map(Day),
            last: last.map(Day),
            closed: closed.map(Day),
            counted: counted != 0,
            history_at,
        });
        Ok(queued.collect())
    }

    /// Decides when packages that were asked for are next.
    pub async fn schedule_downloads(&self, schedules: &[Schedule]) -> Result<(), Error> {
        let rows: Vec<_> = schedules.iter().map(|one| (one.id, one.newest_at, one.history.number(), one.asked_at)).collect();
        let sql = Words::of(&self.write).fill(
            "UPDATE download_queue SET newest_at = coalesce(seen.newest_at, download_queue.newest_at),
                 history_at = CASE WHEN seen.history_at = -1 THEN NULL ELSE coalesce(seen.history_at, download_queue.history_at) END,
                 asked_at = seen.asked_at
             FROM (SELECT CAST(j.value ->> 0 AS BIGINT) AS id, CAST(j.value ->> 1 AS BIGINT) AS newest_at,
                     CAST(j.value ->> 2 AS BIGINT) AS history_at, CAST(j.value ->> 3 AS BIGINT) AS asked_at FROM {rows} j) seen
             WHERE download_queue.package_id = seen.id",
        );
        on!(&self.write, |pool| {
            sqlx::query(AssertSqlSafe(sql)).bind(to_json(&rows)?).execute(pool).await?;
        });
        Ok(())
    }

    /// Decides when a package's versions are next.
    pub async fn schedule_versions(&self, id: i64, versions_at: i64) -> Result<(), Error> {
        let sql = "UPDATE download_queue SET versions_at = $2 WHERE package_id = $1";
        on!(&self.write, |pool| {
            sqlx::query(sql).bind(id).bind(versions_at).execute(pool).await?;
        });
        Ok(())
    }

    /// The whole registry has its place in the queue, too, under [`crate::WHOLE_REGISTRY`]; it is never among the packages that are due.
    pub async fn want_whole_registry(&self) -> Result<(), Error> {
        let sql = "INSERT INTO download_queue (package_id, tier, newest_at, history_at, counted) VALUES (0, -1, 0, 0, 0)
            ON CONFLICT (package_id) DO NOTHING";
        on!(&self.write, |pool| {
            sqlx::query(sql).execute(pool).await?;
        });
        Ok(())
    }

    /// Somebody looks at a package's page: it comes first, also when it was to be left alone for longer, unless npm was asked within the
    /// last hour.
    pub async fn want_downloads(&self, id: i64, now: i64) -> Result<(), Error> {
        let sql = "INSERT INTO download_queue (package_id, tier, newest_at, history_at, versions_at, counted, looked_at)
            SELECT id, 0, 0, 0, 0, 0, $2 FROM packages WHERE id = $1
            ON CONFLICT (package_id) DO UPDATE SET tier = 0, looked_at = excluded.looked_at,
                newest_at = CASE WHEN download_queue.newest_at > $2 AND download_queue.asked_at < $3 THEN $2
                    ELSE download_queue.newest_at END,
                versions_at = coalesce(download_queue.versions_at, 0)";
        on!(&self.write, |pool| {
            sqlx::query(sql).bind(id).bind(now).bind(now - LOOK_AGAIN).execute(pool).await?;
        });
        Ok(())
    }

    /// The packages of users whom somebody looked at since come before the popular ones. Returns how many were not asked for before.
    pub async fn want_users(&self, since: i64, now: i64) -> Result<u64, Error> {
        let sql = "INSERT INTO download_queue (package_id, tier, newest_at, history_at, versions_at, counted)
            SELECT m.package_id, 1, 0, 0, 0, 0 FROM users u JOIN maintainers m ON m.username = u.name WHERE u.asked_at >= $1
            GROUP BY m.package_id
            ON CONFLICT (package_id) DO UPDATE SET tier = 1, versions_at = coalesce(download_queue.versions_at, 0),
                newest_at = CASE WHEN download_queue.newest_at > $2 AND download_queue.asked_at < $3 THEN $2
                    ELSE download_queue.newest_at END
                WHERE download_queue.tier > 1";
        Ok(on!(&self.write, |pool| sqlx::query(sql).bind(since).bind(now).bind(now - LOOK_AGAIN).execute(pool).await?.rows_affected()))
    }

    /// Replaces the list of popular packages: their ids, the most popular first. The first `popular` of them are asked for daily, with
    /// their versions; the others, and packages that are no longer listed or looked at, are the rest.
    pub async fn set_popular(&self, ids: &[i64], popular: usize, now: i64) -> Result<(), Error> {
        let words = Words::of(&self.write);
        on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            let sql = "UPDATE download_queue SET tier = 3, versions_at = NULL
                WHERE tier = 2 OR (tier = 0 AND looked_at < $1) OR (tier = 1 AND NOT EXISTS (SELECT 1 FROM maintainers m
                    JOIN users u ON u.name = m.username WHERE m.package_id = download_queue.package_id AND u.asked_at >= $1))";
            sqlx::query(sql).bind(now - LOOKED_AT).execute(&mut *tx).await?;
            let sql = words.fill(
                "INSERT INTO download_queue (package_id, tier, newest_at, history_at, versions_at, counted)
                 SELECT p.id, CAST(j.value ->> 1 AS BIGINT), CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 2 AS BIGINT),
                     CASE WHEN CAST(j.value ->> 1 AS BIGINT) = 2 THEN CAST(j.value ->> 2 AS BIGINT) ELSE NULL END, 0
                 FROM {rows} j JOIN packages p ON p.id = CAST(j.value ->> 0 AS BIGINT) WHERE TRUE
                 ON CONFLICT (package_id) DO UPDATE SET tier = excluded.tier,
                     versions_at = coalesce(download_queue.versions_at, (SELECT last_day FROM version_downloads v
                         WHERE v.package_id = download_queue.package_id ORDER BY last_day DESC LIMIT 1) * 86400 + 8 * 86400,
                         excluded.versions_at)
                     WHERE download_queue.tier > excluded.tier",
            );
            for (start, batch) in (0..).step_by(BATCH).zip(ids.chunks(BATCH)) {
                let place = |at: usize| start + at;
                let rows: Vec<(i64, i64, usize)> =
                    batch.iter().enumerate().map(|(at, id)| (*id, if place(at) < popular { 2 } else { 3 }, place(at))).collect();
                sqlx::query(AssertSqlSafe(sql.clone())).bind(to_json(&rows)?).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        });
        Ok(())
    }

    /// How far the downloads of packages are known; those that are not in the queue are left out.
    pub async fn download_states(&self, ids: &[i64]) -> Result<HashMap<i64, DownloadState>, Error> {
        type Row = (i64, Option<i32>, Option<i32>, Option<i32>, Option<i64>, Option<i64>, i64);
        let wrapped: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let sql = Words::of(&self.read).fill(
            "SELECT {pack}({row}(q.package_id, q.first_day, q.last_day, q.closed_day, q.history_at, q.asked_at, q.newest_at)){text}
             FROM {rows} j JOIN download_queue q ON q.package_id = CAST(j.value ->> 0 AS BIGINT)",
        );
        let text: Option<String> =
            on!(&self.read, |pool| sqlx::query_scalar(AssertSqlSafe(sql)).bind(to_json(&wrapped)?).fetch_one(pool).await?);
        let state = |(id, first, last, closed, history_at, asked_at, due_at): Row| {
            let is_whole = history_at.is_none() && first.is_some();
            (id, DownloadState { first: first.map(Day), last: last.map(Day), closed: closed.map(Day), is_whole, asked_at, due_at })
        };
        Ok(from_json::<Row>(text.as_deref())?.into_iter().map(state).collect())
    }

    /// How far the queue is.
    pub async fn queue_progress(&self) -> Result<QueueProgress, Error> {
        let sql = "SELECT CAST(count(*) AS BIGINT), CAST(count(asked_at) AS BIGINT),
            CAST(coalesce(sum(CASE WHEN history_at IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT) FROM download_queue WHERE package_id <> 0";
        let (packages, asked, whole): (i64, i64, i64) = on!(&self.read, |pool| sqlx::query_as(sql).fetch_one(pool).await?);
        Ok(QueueProgress { packages: packages.cast_unsigned(), asked: asked.cast_unsigned(), whole: whole.cast_unsigned() })
    }

    /// The pace that npm was last asked with.
    pub async fn download_pace(&self) -> Result<Option<Pace>, Error> {
        let sql = "SELECT interval_ms, not_before, refusals FROM download_pace WHERE id = 1";
        let row: Option<(i64, i64, i64)> = on!(&self.read, |pool| sqlx::query_as(sql).fetch_optional(pool).await?);
        Ok(row.map(|(interval_ms, not_before, refusals)| Pace { interval_ms, not_before, refusals }))
    }

    /// Remembers the pace.
    pub async fn put_download_pace(&self, pace: &Pace) -> Result<(), Error> {
        let sql = "INSERT INTO download_pace (id, interval_ms, not_before, refusals) VALUES (1, $1, $2, $3)
            ON CONFLICT (id) DO UPDATE SET interval_ms = excluded.interval_ms, not_before = excluded.not_before,
                refusals = excluded.refusals";
        on!(&self.write, |pool| {
            sqlx::query(sql).bind(pace.interval_ms).bind(pace.not_before).bind(pace.refusals).execute(pool).await?;
        });
        Ok(())
    }
}
