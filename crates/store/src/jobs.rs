//! Work that one process asks of the holder of the lease: enqueue and wait.

use crate::{Error, Store, on};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Nobody has begun.
    Waiting,
    /// The holder is at it.
    Running,
    /// It succeeded.
    Done,
    /// It failed; the progress says why.
    Failed,
}

impl JobState {
    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Running,
            2 => Self::Done,
            _ => Self::Failed,
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: i64,
    /// Which of the holder's hands it is for.
    pub kind: String,
    /// What is to be done, as JSON.
    pub argument: String,
    /// How far it is.
    pub state: JobState,
    /// What the holder says of it, as JSON or a line of text.
    pub progress: String,
}

/// A finished job is kept for a day, for whoever asks late.
const KEPT: i64 = 24 * 3600;
/// A job whose asker was not heard of for this long is nobody's.
const ABANDONED: i64 = 60;

impl Store {
    /// Asks for work. Returns the job's id.
    pub async fn ask(&self, kind: &str, argument: &str, now: i64) -> Result<i64, Error> {
        Ok(on!(&self.write, |pool| {
            let mut tx = pool.begin().await?;
            // Takes the row lock, so that two who ask at once get two numbers.
            sqlx::query("UPDATE counter SET n = n").execute(&mut *tx).await?;
            sqlx::query("DELETE FROM jobs WHERE requested_at < $1").bind(now - KEPT).execute(&mut *tx).await?;
            let sql = "INSERT INTO jobs (id, kind, argument, state, progress, requested_at, heard_at)
                SELECT coalesce(max(id), 0) + 1, $1, $2, 0, '', $3, $3 FROM jobs RETURNING id";
            let id: i64 = sqlx::query_scalar(sql).bind(kind).bind(argument).bind(now).fetch_one(&mut *tx).await?;
            tx.commit().await?;
            id
        }))
    }

    /// The oldest job of this kind that waits and whose asker still does; it is marked as running.
    pub async fn next_job(&self, kind: &str, now: i64) -> Result<Option<Job>, Error> {
        let sql =
            "UPDATE jobs SET state = 1 WHERE id = (SELECT min(id) FROM jobs WHERE state = 0 AND heard_at >= $1 AND kind = $2) AND state = 0
            RETURNING id, kind, argument, state, progress";
        let row: Option<(i64, String, String, i64, String)> =
            on!(&self.write, |pool| sqlx::query_as(sql).bind(now - ABANDONED).bind(kind).fetch_optional(pool).await?);
        Ok(row.map(job))
    }

    /// Says how far a job is.
    pub async fn report_job(&self, id: i64, state: JobState, progress: &str) -> Result<(), Error> {
        let number = match state {
            JobState::Waiting => 0,
            JobState::Running => 1,
            JobState::Done => 2,
            JobState::Failed => 3,
        };
        on!(&self.write, |pool| {
            sqlx::query("UPDATE jobs SET state = $2, progress = $3 WHERE id = $1 AND state < 2")
                .bind(id)
                .bind(number)
                .bind(progress)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Looks at a job, and lets the holder know that somebody still waits for it.
    pub async fn hear_of_job(&self, id: i64, now: i64) -> Result<Option<Job>, Error> {
        let sql = "UPDATE jobs SET heard_at = $2 WHERE id = $1 RETURNING id, kind, argument, state, progress";
        let row: Option<(i64, String, String, i64, String)> =
            on!(&self.write, |pool| sqlx::query_as(sql).bind(id).bind(now).fetch_optional(pool).await?);
        Ok(row.map(job))
    }

    /// Forgets a job whose outcome was heard.
    pub async fn forget_job(&self, id: i64) -> Result<(), Error> {
        on!(&self.write, |pool| {
            sqlx::query("DELETE FROM jobs WHERE id = $1 AND state > 1").bind(id).execute(pool).await?;
        });
        Ok(())
    }

    /// Marks jobs that a former holder left running as failed.
    pub async fn fail_running_jobs(&self) -> Result<(), Error> {
        let sql = "UPDATE jobs SET state = 3, progress = 'the process that did this ended' WHERE state = 1";
        on!(&self.write, |pool| {
            sqlx::query(sql).execute(pool).await?;
        });
        Ok(())
    }
}

fn job((id, kind, argument, state, progress): (i64, String, String, i64, String)) -> Job {
    Job { id, kind, argument, state: JobState::from_number(state), progress }
}
