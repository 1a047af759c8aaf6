//! What `serve` does beside answering: holding the lease, filling, keeping the index up, and doing what other commands ask for.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::Client;
use store::{Job, JobState};
use tokio_util::sync::CancellationToken;

use crate::lease::follow;
use crate::{
    Context, Error, FillOptions, FillReport, ImportOptions, Lease, ListSource, Outcome, Work, catch_up, fill, import, progress, rebuild,
};

/// How often the background looks for changes and jobs.
const TICK: Duration = Duration::from_secs(1);
/// How often newer lists are looked for, in seconds.
const LISTS_EVERY: i64 = 24 * 3600;
/// How long to wait after a fill that failed, in seconds; doubled every time, up to a day.
const FIRST_RETRY: i64 = 60;
/// Bad lines of an import that are passed on.
const BAD_LINES: usize = 100;

/// How the background works.
#[derive(Debug, Clone)]
pub struct Background {
    /// The registry, or nobody when offline.
    pub registry: Option<Client>,
}

/// When to try what again after it failed.
#[derive(Debug)]
struct Retry {
    at: i64,
    wait: i64,
}

impl Retry {
    fn new() -> Self {
        Self { at: 0, wait: FIRST_RETRY }
    }

    fn succeeded(&mut self, next: i64) {
        *self = Self { at: next, wait: FIRST_RETRY };
    }

    fn failed(&mut self, now: i64, what: &str, error: &Error) {
        tracing::error!(%error, retry_s = self.wait, "{what} failed");
        self.at = now + self.wait;
        self.wait = (self.wait * 2).min(LISTS_EVERY);
    }
}

/// Works until cancelled. While another process has the lease it waits for it, and keeps its own index up if that process is elsewhere.
pub async fn run_background(context: Context, background: Background, cancel: CancellationToken) {
    let mut said = false;
    // Failures are remembered over the loss of a lease, or a full disk would be written to again every second.
    let (mut lists, mut index) = (Retry::new(), Retry::new());
    while !cancel.is_cancelled() {
        match Lease::take(&context, "serve").await {
            Ok(lease) => {
                said = false;
                let work = lease.guard(work(&context, &background, &mut lists, &mut index));
                let result = tokio::select! {
                    result = work => result,
                    () = cancel.cancelled() => Ok(()),
                };
                if let Err(error) = result {
                    tracing::error!(%error, "background work ended; trying again");
                }
                progress::idle(&context.progress);
                if let Err(error) = lease.release().await {
                    tracing::warn!(%error, "the lease could not be given back");
                }
            }
            Err(Error::Held { holder }) => {
                if !said {
                    tracing::info!(
                        holder = holder.holder,
                        doing = holder.doing,
                        "another process writes; this one only reads until it has finished"
                    );
                    said = true;
                }
                let now = context.clock.now();
                if now >= index.at {
                    let followed = tokio::select! {
                        followed = follow(&context) => followed,
                        () = cancel.cancelled() => Ok(()),
                    };
                    match followed {
                        Ok(()) => index.succeeded(now),
                        Err(error) => index.failed(now, "keeping the index up", &error),
                    }
                }
            }
            Err(error) => tracing::error!(%error, "the lease could not be taken"),
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = cancel.cancelled() => {}
        }
    }
}

async fn work(context: &Context, background: &Background, lists: &mut Retry, index: &mut Retry) -> Result<(), Error> {
    context.store.fail_running_jobs().await?;
    let mut caught_up = 0;
    loop {
        // Asked for at every start: when nothing is new that costs four small requests, and when a fill was cut off it goes on.
        if let Some(client) = background.registry.as_ref().filter(|_| context.clock.now() >= lists.at) {
            let options = FillOptions { from: ListSource::Registry(client.clone()), limit: None };
            let result = fill(context, &options).await;
            let now = context.clock.now();
            match result {
                Ok(report) => {
                    let FillReport { packages, added, removed, download_seconds, processing_seconds, .. } = report;
                    tracing::info!(packages, added, removed, download_seconds, processing_seconds, "filled");
                    lists.succeeded(now + LISTS_EVERY);
                }
                Err(error) => lists.failed(now, "filling", &error),
            }
        }
        if let Some(job) = context.store.next_job(context.clock.now()).await? {
            run_job(context, background, job).await?;
        }
        // An empty store has no changes, and what was caught up with once need not be looked at again.
        let (last, now) = (context.store.last_change().await?, context.clock.now());
        if last != caught_up && now >= index.at {
            match catch_up(context).await {
                Ok(_) => {
                    caught_up = last;
                    index.succeeded(now);
                }
                Err(error) => index.failed(now, "keeping the index up", &error),
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Does one job and reports; a failure of the job is not one of the background.
async fn run_job(context: &Context, background: &Background, job: Job) -> Result<(), Error> {
    tracing::info!(job = job.id, work = job.argument, "another command asks for work");
    let reports = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = context.progress.borrow().clone();
            if let Ok(text) = serde_json::to_string(&now) {
                // A report that is lost matters to nobody.
                let _ = context.store.report_job(job.id, JobState::Running, &text).await;
            }
        }
    };
    let result = tokio::select! {
        result = do_work(context, background, &job) => result,
        () = reports => Err(Error::Cancelled),
    };
    let (state, text) = match result.and_then(|outcome| serde_json::to_string(&outcome).map_err(|error| Error::Job(error.to_string()))) {
        Ok(text) => (JobState::Done, text),
        Err(error) => {
            tracing::error!(job = job.id, %error, "the job failed");
            (JobState::Failed, error.to_string())
        }
    };
    context.store.report_job(job.id, state, &text).await?;
    Ok(())
}

async fn do_work(context: &Context, background: &Background, job: &Job) -> Result<Outcome, Error> {
    let work: Work = serde_json::from_str(&job.argument).map_err(|error| Error::Job(format!("the job cannot be read: {error}")))?;
    match work {
        Work::Fill { from, limit } => {
            let from = match (from, &background.registry) {
                (Some(folder), _) => ListSource::Folder(folder),
                (None, Some(client)) => ListSource::Registry(client.clone()),
                (None, None) => return Err(Error::Job("the running server is offline; use fill --from DIR".to_owned())),
            };
            fill(context, &FillOptions { from, limit }).await.map(Outcome::Fill)
        }
        Work::Import { file, observed_at } => import_file(context, file, observed_at).await,
        Work::Reindex => rebuild(context).await.map(|packages| Outcome::Reindex { packages }),
    }
}

async fn import_file(context: &Context, file: PathBuf, observed_at: i64) -> Result<Outcome, Error> {
    let input = std::fs::File::open(&file).map_err(Error::io(&file))?;
    let bad = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bad);
    let bad_line = move |number: u64, why: &str| {
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.len() < BAD_LINES {
            seen.push((number, why.to_owned()));
        }
    };
    let report = import(context, ImportOptions { input: Box::new(input), name: file, observed_at, bad_line: Box::new(bad_line) }).await?;
    let bad = std::mem::take(&mut *bad.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(Outcome::Import { report, bad })
}
