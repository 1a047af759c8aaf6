//! Asking the holder of the lease to do what this process may not.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::{JobState, Store};

use crate::{Answer, Clock, Error, FillReport, ImportReport, Progress, ProgressSender, Wish};

/// Work that can be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Fill or update from the registry, or from tarballs in a folder.
    Fill {
        /// The folder.
        from: Option<PathBuf>,
        /// Only so many packages.
        limit: Option<usize>,
    },
    /// Import a file of the data directory's machine.
    Import {
        /// The file, whole path.
        file: PathBuf,
        /// When its lines were observed.
        observed_at: i64,
    },
    /// Build the index anew.
    Reindex,
    /// Read something from the registry.
    Wish(Wish),
}

/// Long work, done one after the other, and wishes, fulfilled beside it.
pub(crate) const WORK: &str = "work";
pub(crate) const WISH: &str = "wish";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Of a fill.
    Fill(FillReport),
    /// Of an import: the report, and the first bad lines.
    Import {
        /// Counts.
        report: ImportReport,
        /// Number and reason of the first hundred bad lines.
        bad: Vec<(u64, String)>,
    },
    /// Of a reindex: packages in the new index.
    Reindex {
        /// How many.
        packages: u64,
    },
    /// Of a wish.
    Wish(Answer),
}

/// How often a waiting process looks.
const LOOKS: Duration = Duration::from_millis(250);

/// Asks the holder of the lease for work and waits for it, passing its progress on.
pub async fn ask_and_wait(store: &Store, clock: &Clock, work: &Work, progress: &ProgressSender) -> Result<Outcome, Error> {
    let text = |error: serde_json::Error| Error::Job(error.to_string());
    let kind = if matches!(work, Work::Wish(_)) { WISH } else { WORK };
    let id = store.ask(kind, &serde_json::to_string(work).map_err(text)?, clock.now()).await?;
    loop {
        tokio::time::sleep(LOOKS).await;
        let job = store.hear_of_job(id, clock.now()).await?.ok_or_else(|| Error::Job("the job is no longer known".to_owned()))?;
        match job.state {
            JobState::Done => {
                store.forget_job(id).await?;
                return serde_json::from_str(&job.progress).map_err(text);
            }
            JobState::Failed => {
                store.forget_job(id).await?;
                return Err(Error::Job(job.progress));
            }
            JobState::Waiting | JobState::Running => {
                if let Ok(now) = serde_json::from_str::<Progress>(&job.progress) {
                    progress.send_replace(now);
                }
                let served = crate::read_holder(store, clock).await?.is_some_and(|holder| holder.doing == "serve");
                if !served {
                    return Err(Error::Job("the server that was to do this has ended; start this command again".to_owned()));
                }
            }
        }
    }
}
