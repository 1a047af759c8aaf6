//! What `serve` does beside answering: holding the lease, filling, keeping the index up, and doing what other commands ask for.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry::{Client, DownloadsClient, RetryPolicy};
use store::{Job, JobState};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::jobs::{WISH, WORK};
use crate::lease::follow;
use crate::popular::keep_reading;
use crate::upstream::Asked;
use crate::{
    Answer, Context, Error, FillOptions, FillReport, ImageKey, ImportOptions, Lease, ListSource, Outcome, Reader, Reading, Wish, Wishes,
    Work, ask_and_wait, catch_up, details, downloads, fill, import, progress, read_holder, rebuild, render_anew,
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
#[derive(Debug)]
pub struct Background {
    /// The registry, or nobody when offline.
    pub registry: Option<Client>,
    /// Signs the addresses of images.
    pub key: ImageKey,
    /// Of how many popular packages the details are read.
    pub details: usize,
    /// Who counts downloads, or nobody when offline.
    pub downloads: Option<DownloadsClient>,
    /// Of how many popular packages the downloads are asked for, beside those that somebody looks at; with none of them, nobody is asked.
    pub counted: usize,
    /// What the web asks for.
    pub wishes: Wishes,
}

/// How often wishes of other processes are looked for.
const JOBS_TICK: Duration = Duration::from_millis(250);
/// Wishes fulfilled at a time; the largest document takes some 300 MB while it is read.
const AT_A_TIME: usize = 4;
/// For whoever waits for a page: a second attempt helps, a fifth comes too late.
const IMPATIENT: RetryPolicy = RetryPolicy {
    attempts: 2,
    first_wait: Duration::from_millis(200),
    longest_wait: Duration::from_secs(1),
    deadline: Duration::from_secs(60),
};

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
    let Background { registry, key, details, downloads, counted, wishes } = background;
    let counter = downloads.filter(|_| counted > 0).map(|client| Counter { client, wake: Arc::default() });
    let reader = registry.map(|client| Reader { context: context.clone(), client, key: key.clone() });
    let (has_lease, watched) = watch::channel(false);
    let fulfilling = reader.as_ref().map(|reader| {
        let impatient = Reader { client: reader.client.with_retry(IMPATIENT), ..reader.clone() };
        tokio::spawn(fulfil_wishes(impatient, counter.clone(), wishes, watched, cancel.clone()))
    });
    let background = Hands { reader, key, details, counter, counted };
    let mut said = false;
    // Failures are remembered over the loss of a lease, or a full disk would be written to again every second.
    let (mut lists, mut index) = (Retry::new(), Retry::new());
    while !cancel.is_cancelled() {
        match Lease::take(&context, "serve").await {
            Ok(lease) => {
                said = false;
                has_lease.send_replace(true);
                let work = lease.guard(work(&context, &background, &mut lists, &mut index));
                let result = tokio::select! {
                    result = work => result,
                    () = cancel.cancelled() => Ok(()),
                };
                if let Err(error) = result {
                    tracing::error!(%error, "background work ended; trying again");
                }
                has_lease.send_replace(false);
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
    if let Some(fulfilling) = fulfilling {
        // It ends by itself when it is cancelled.
        let _ = fulfilling.await;
    }
}

/// What the work is done with.
struct Hands {
    reader: Option<Reader>,
    key: ImageKey,
    details: usize,
    counter: Option<Counter>,
    counted: usize,
}

/// Who counts downloads, and how to tell the queue that somebody waits.
#[derive(Debug, Clone)]
struct Counter {
    client: DownloadsClient,
    wake: Arc<Notify>,
}

async fn work(context: &Context, background: &Hands, lists: &mut Retry, index: &mut Retry) -> Result<(), Error> {
    context.store.fail_running_jobs().await?;
    details::sweep(context)?;
    tokio::select! {
        result = keep_up(context, background, lists, index) => result,
        result = fulfil_jobs(context, background) => result,
        () = keep_details(context, background) => Ok(()),
        () = keep_downloads(context, background) => Ok(()),
    }
}

/// Asks for downloads for as long as the lease is ours.
async fn keep_downloads(context: &Context, background: &Hands) {
    if let Some(Counter { client, wake }) = &background.counter {
        loop {
            if let Err(error) = downloads::keep_asking(context, client, background.counted, wake).await {
                tracing::warn!(%error, "asking for downloads ended; trying again in a minute");
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
    std::future::pending::<()>().await;
}

/// Brings what is kept of details up to date where that is due, then reads details for as long as the lease is ours.
async fn keep_details(context: &Context, background: &Hands) {
    match details::note_latest(context).await {
        Ok(0) => {}
        Ok(noted) => tracing::info!(noted, "dependents were noted"),
        Err(error) => tracing::warn!(%error, "dependents could not be noted"),
    }
    match render_anew(context, &background.key).await {
        Ok(0) => {}
        Ok(rendered) => tracing::info!(rendered, "READMEs were rendered anew"),
        Err(error) => tracing::warn!(%error, "READMEs could not be rendered anew"),
    }
    if let Some(reader) = &background.reader
        && background.details > 0
    {
        loop {
            if let Err(error) = keep_reading(reader, background.details).await {
                tracing::warn!(%error, "reading details ended; trying again in a minute");
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
    std::future::pending::<()>().await;
}

async fn fulfil(reader: &Reader, counter: Option<&Counter>, wish: &Wish) -> Answer {
    let read = match wish {
        Wish::Package { name } => reader.read_package(name).await.map(Reading::answer),
        Wish::Version { name, version } => reader.read_version(name, version).await.map(Reading::answer),
        Wish::User { name } => reader.read_user(name).await.map(Reading::answer),
        Wish::PackageAdvisories { name } => reader.read_package_advisories(name).await.map(Reading::answer),
        Wish::UserAdvisories { name } => reader.read_user_advisories(name).await.map(Reading::answer),
        Wish::QueueDownloads { names } => match counter {
            Some(Counter { client, wake }) => downloads::queue(&reader.context, client, names, wake).await,
            None => Ok(Answer::Unavailable { why: "this server does not ask for downloads".to_owned() }),
        },
        Wish::Downloads { name } => match counter {
            Some(Counter { client, wake }) => downloads::want(&reader.context, client, name, wake).await,
            None => Ok(Answer::Unavailable { why: "this server does not ask for downloads".to_owned() }),
        },
    };
    match read {
        Ok(answer) => answer,
        // What the registry says may be shown to anybody; what the disk or the database says is for the log.
        Err(error @ (Error::Registry(_) | Error::Document { .. } | Error::Job(_))) => {
            tracing::info!(?wish, %error, "could not be read");
            Answer::Unavailable { why: error.to_string() }
        }
        Err(error) => {
            tracing::error!(?wish, %error, "could not be stored");
            Answer::Unavailable { why: "it could not be stored; the server's log says why".to_owned() }
        }
    }
}

/// Fulfils what the web of this process asks for: itself while it has the lease, else by asking the holder.
async fn fulfil_wishes(
    reader: Reader,
    counter: Option<Counter>,
    wishes: Wishes,
    has_lease: watch::Receiver<bool>,
    cancel: CancellationToken,
) {
    let Wishes(mut wishes) = wishes;
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    // Searches for users take long and share npm's patience, so they wait for each other and not in the way of packages.
    let users = Arc::new(Semaphore::new(1));
    let advisories = Arc::new(Semaphore::new(1));
    let mut running = JoinSet::new();
    loop {
        let asked = tokio::select! {
            asked = wishes.recv() => asked,
            () = cancel.cancelled() => None,
        };
        let Some(Asked { wish, answer }) = asked else { return };
        while running.try_join_next().is_some() {}
        let place = match wish {
            Wish::User { .. } => Some(Arc::clone(&users)),
            // Nobody waits for them, so they may not keep anybody waiting.
            Wish::PackageAdvisories { .. } | Wish::UserAdvisories { .. } => Some(Arc::clone(&advisories)),
            Wish::Package { .. } | Wish::Version { .. } => Some(Arc::clone(&places)),
            // They wait in a queue of their own.
            Wish::Downloads { .. } | Wish::QueueDownloads { .. } => None,
        };
        let (reader, counter, mut has_lease) = (reader.clone(), counter.clone(), has_lease.clone());
        running.spawn(async move {
            let _place = match &place {
                Some(place) => place.acquire().await.ok(),
                None => None,
            };
            let held = *has_lease.borrow_and_update();
            let came = if held {
                tokio::select! {
                    came = fulfil(&reader, counter.as_ref(), &wish) => came,
                    // Whoever writes without the lease would write beside somebody else.
                    _ = has_lease.wait_for(|held| !held) => Answer::Unavailable { why: "another process has taken over".to_owned() },
                }
            } else {
                ask_holder(&reader, &wish).await
            };
            answer.send_replace(came);
        });
    }
}

async fn ask_holder(reader: &Reader, wish: &Wish) -> Answer {
    let Context { store, clock, progress, .. } = &reader.context;
    match read_holder(store, clock).await {
        Ok(Some(holder)) if holder.doing == "serve" => {}
        Ok(Some(holder)) => {
            return Answer::Unavailable { why: format!("another command ({}) is writing to this data directory", holder.doing) };
        }
        Ok(None) => return Answer::Unavailable { why: "no process writes to this data directory at the moment".to_owned() },
        Err(error) => {
            tracing::error!(%error, "the holder of the lease could not be read");
            return Answer::Unavailable { why: "the server's database did not answer".to_owned() };
        }
    }
    match ask_and_wait(store, clock, &Work::Wish(wish.clone()), &progress.clone()).await {
        Ok(Outcome::Wish(answer)) => answer,
        Ok(_) => Answer::Unavailable { why: "the process that writes answered something else".to_owned() },
        Err(error) => Answer::Unavailable { why: error.to_string() },
    }
}

/// Fulfils what other processes ask for.
async fn fulfil_jobs(context: &Context, background: &Hands) -> Result<(), Error> {
    let reader = background.reader.as_ref().map(|reader| Reader { client: reader.client.with_retry(IMPATIENT), ..reader.clone() });
    let Context { store, clock, .. } = context;
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let job = if running.len() < AT_A_TIME { store.next_job(WISH, clock.now()).await? } else { None };
        let Some(job) = job else {
            tokio::time::sleep(JOBS_TICK).await;
            continue;
        };
        let (reader, counter, store) = (reader.clone(), background.counter.clone(), store.clone());
        running.spawn(async move {
            let came = match (serde_json::from_str(&job.argument), reader) {
                (Ok(Work::Wish(wish)), Some(reader)) => fulfil(&reader, counter.as_ref(), &wish).await,
                (Ok(_), None) => Answer::Unavailable { why: "the server that writes is offline".to_owned() },
                _ => Answer::Unavailable { why: "the wish cannot be read".to_owned() },
            };
            let text = serde_json::to_string(&Outcome::Wish(came)).unwrap_or_default();
            if let Err(error) = store.report_job(job.id, JobState::Done, &text).await {
                tracing::warn!(%error, "an answer could not be passed on");
            }
        });
    }
}

/// Fills, keeps the index up, and does the long work that other commands ask for.
async fn keep_up(context: &Context, background: &Hands, lists: &mut Retry, index: &mut Retry) -> Result<(), Error> {
    let registry = background.reader.as_ref().map(|reader| &reader.client);
    let mut caught_up = 0;
    loop {
        // Asked for at every start: when nothing is new that costs four small requests, and when a fill was cut off it goes on.
        if let Some(client) = registry.filter(|_| context.clock.now() >= lists.at) {
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
        if let Some(job) = context.store.next_job(WORK, context.clock.now()).await? {
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
async fn run_job(context: &Context, background: &Hands, job: Job) -> Result<(), Error> {
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

async fn do_work(context: &Context, background: &Hands, job: &Job) -> Result<Outcome, Error> {
    let work: Work = serde_json::from_str(&job.argument).map_err(|error| Error::Job(format!("the job cannot be read: {error}")))?;
    match work {
        Work::Fill { from, limit } => {
            let from = match (from, background.reader.as_ref().map(|reader| &reader.client)) {
                (Some(folder), _) => ListSource::Folder(folder),
                (None, Some(client)) => ListSource::Registry(client.clone()),
                (None, None) => return Err(Error::Job("the running server is offline; use fill --from DIR".to_owned())),
            };
            fill(context, &FillOptions { from, limit }).await.map(Outcome::Fill)
        }
        Work::Import { file, observed_at } => import_file(context, background.key.clone(), file, observed_at).await,
        Work::Wish(_) => Err(Error::Job("a wish is no work".to_owned())),
        Work::Reindex => rebuild(context).await.map(|packages| Outcome::Reindex { packages }),
    }
}

async fn import_file(context: &Context, key: ImageKey, file: PathBuf, observed_at: i64) -> Result<Outcome, Error> {
    let input = std::fs::File::open(&file).map_err(Error::io(&file))?;
    let bad = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bad);
    let bad_line = move |number: u64, why: &str| {
        let mut seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.len() < BAD_LINES {
            seen.push((number, why.to_owned()));
        }
    };
    let report =
        import(context, ImportOptions { input: Box::new(input), name: file, observed_at, key, bad_line: Box::new(bad_line) }).await?;
    let bad = std::mem::take(&mut *bad.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(Outcome::Import { report, bad })
}
