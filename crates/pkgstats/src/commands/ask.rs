//! Reading something from the registry for a person who waits: with the lease when that is free, else through the server that has it.

use std::time::Duration;

use registry::{DownloadsClient, RetryPolicy};
use store::Holder;
use sync::{Answer, Context, Error, ImageKey, Lease, Outcome as Done, Reader, Reading, Wish, Work};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::args::Global;
use crate::{config, output};

/// A person waits, so not for long.
const PATIENCE: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_wait: Duration::from_millis(500),
    longest_wait: Duration::from_secs(5),
    deadline: Duration::from_secs(20),
};
/// How long another command that reads one thing is waited for.
const TURN: Duration = Duration::from_secs(5);
const LOOKS: Duration = Duration::from_millis(250);
/// How long a package may take, all pages of a user's packages, and what a page can do without.
const PACKAGE: Duration = Duration::from_secs(25);
const USER: Duration = Duration::from_secs(180);
const EXTRA: Duration = Duration::from_secs(12);
/// What the lease is taken for.
const DOING: &str = "show";

/// Asks the registry, or says why that cannot be. Fails only when asked to stop.
pub(crate) async fn ask(context: &Context, global: &Global, wish: &Wish) -> anyhow::Result<Answer> {
    let unavailable = |why: String| Ok(Answer::Unavailable { why });
    if global.offline {
        return unavailable("--offline forbids asking".to_owned());
    }
    let client = match config::registry_client(global) {
        Ok(client) => client.with_retry(PATIENCE),
        Err(error) => return unavailable(format!("{error:#}")),
    };
    let stop = super::stop_signal()?;
    let reader = Reader { context: context.clone(), client, key: ImageKey::load(&context.store).await? };
    let what = match wish {
        Wish::Package { name } => name.to_string(),
        Wish::Version { name, version } => format!("{name} {version}"),
        Wish::User { name } => format!("the packages of {name}"),
        Wish::Downloads { name } => format!("the downloads of {name}"),
        Wish::QueueDownloads { names } => format!("the downloads of {} packages", names.len()),
        Wish::PackageAdvisories { name } => format!("known vulnerabilities of {name}"),
        Wish::UserAdvisories { name } => format!("known vulnerabilities of the packages of {name}"),
    };
    let downloads = config::downloads_client(global);
    match output::waiting(format!("reading {what}"), with_lease(&reader, downloads.as_ref(), wish, &stop)).await {
        Ok(answer) => Ok(answer),
        Err(Error::Cancelled) => Err(Error::Cancelled.into()),
        Err(error) => unavailable(error.to_string()),
    }
}

async fn with_lease(
    reader: &Reader,
    downloads: Result<&DownloadsClient, &anyhow::Error>,
    wish: &Wish,
    stop: &CancellationToken,
) -> Result<Answer, Error> {
    let context = &reader.context;
    let until = Instant::now() + TURN;
    loop {
        let holder = match Lease::take(context, DOING).await {
            Ok(lease) => {
                let result = tokio::select! {
                    result = lease.guard(read(reader, downloads, wish)) => result,
                    () = sleep(longest(wish)) => Err(Error::Job(format!("there was no answer within {} seconds", longest(wish).as_secs()))),
                    () = stop.cancelled() => Err(Error::Cancelled),
                };
                let released = lease.release().await;
                return result.and_then(|answer| released.map(|()| answer));
            }
            Err(Error::Held { holder }) => holder,
            Err(error) => return Err(error),
        };
        if holder.doing == "serve" {
            return tokio::select! {
                answer = ask_server(context, wish, &holder) => answer,
                () = stop.cancelled() => Err(Error::Cancelled),
            };
        }
        if !matches!(holder.doing.as_str(), DOING | "starting") || Instant::now() >= until {
            return Err(Error::Held { holder });
        }
        tokio::select! {
            () = sleep(LOOKS) => {}
            () = stop.cancelled() => return Err(Error::Cancelled),
        }
    }
}

/// How long somebody waits for this.
fn longest(wish: &Wish) -> Duration {
    match wish {
        Wish::Package { .. } | Wish::Version { .. } => PACKAGE,
        Wish::User { .. } | Wish::UserAdvisories { .. } => USER,
        Wish::Downloads { .. } | Wish::QueueDownloads { .. } | Wish::PackageAdvisories { .. } => EXTRA,
    }
}

async fn read(reader: &Reader, downloads: Result<&DownloadsClient, &anyhow::Error>, wish: &Wish) -> Result<Answer, Error> {
    let reading = match wish {
        Wish::Package { name } => reader.read_package(name).await,
        Wish::Version { name, version } => reader.read_version(name, version).await,
        Wish::User { name } => reader.read_user(name).await,
        Wish::PackageAdvisories { name } => reader.read_package_advisories(name).await,
        Wish::UserAdvisories { name } => reader.read_user_advisories(name).await,
        Wish::QueueDownloads { .. } => return Ok(Answer::Unavailable { why: "only a server works off a queue".to_owned() }),
        Wish::Downloads { name } => {
            return match downloads {
                Ok(client) => sync::read_downloads(&reader.context, client, name).await,
                Err(error) => Ok(Answer::Unavailable { why: format!("{error:#}") }),
            };
        }
    };
    Ok(match reading? {
        Reading::Stored | Reading::Unchanged => Answer::Stored,
        Reading::Missing => Answer::Missing,
    })
}

async fn ask_server(context: &Context, wish: &Wish, holder: &Holder) -> Result<Answer, Error> {
    let wait = longest(wish);
    let work = Work::Wish(wish.clone());
    match timeout(wait, sync::ask_and_wait(&context.store, &context.clock, &work, &context.progress)).await {
        Ok(Ok(Done::Wish(answer))) => Ok(answer),
        Ok(Ok(_)) => Err(Error::Job("the server answered something else".to_owned())),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Job(format!("{}, which serves, did not answer in {} seconds", holder.holder, wait.as_secs()))),
    }
}
