//! One file a command.

mod ask;
mod compare;
mod completions;
mod doctor;
mod export;
mod fill;
mod import;
mod man;
mod reindex;
mod search;
mod serve;
mod show;
mod user;

use sync::{Context, Error, Lease, Outcome as Done, Work};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, Global, LogFormat};
use crate::{Outcome, config, output};

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Outcome> {
    let Cli { global, serve: top, command } = cli;
    let command = command.unwrap_or_else(|| Command::Serve(top.clone()));
    let serves = matches!(command, Command::Serve(_));
    start_logging(&global, serves)?;
    match command {
        Command::Serve(args) => serve::run(&global, args.or(top)).await,
        Command::Fill(args) => fill::run(&global, args).await,
        Command::Import(args) => import::run(&global, args).await,
        Command::Search(args) => search::run(&global, &args).await,
        Command::Show(args) => show::run(&global, &args).await,
        Command::User(args) => user::run(&global, &args).await,
        Command::Compare(args) => compare::run(&global, &args).await,
        Command::Export(args) => export::run(&global, args).await,
        Command::Reindex => reindex::run(&global).await,
        Command::Doctor => doctor::run(&global).await,
        Command::Completions(args) => Ok(completions::run(&args)),
        Command::Man(args) => man::run(&args),
    }
}

fn start_logging(global: &Global, serves: bool) -> anyhow::Result<()> {
    // tantivy and sqlx tell of every commit and every slow statement.
    let default = if serves { "info,tantivy=warn,sqlx=error" } else { "warn,sqlx=error" };
    let filter = EnvFilter::try_new(global.log.as_deref().unwrap_or(default))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    match global.log_format {
        LogFormat::Text => logs.with_ansi(output::colours(&std::io::stderr())).init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}

/// Cancelled by Ctrl-C or a request to end.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        asked.cancel();
    });
    Ok(stop)
}

/// Does the work with the lease, or asks the running server to, or says who is in the way. Shows progress; can be stopped.
async fn write<T>(
    context: &Context,
    doing: &str,
    work: impl AsyncFnOnce(&Context) -> Result<T, Error>,
    ask: impl AsyncFnOnce() -> Result<Work, Error>,
    answer: impl FnOnce(Done) -> Option<T>,
) -> anyhow::Result<T> {
    let stop = stop_signal()?;
    let progress = context.progress.subscribe();
    let all = async {
        match Lease::take(context, doing).await {
            Ok(lease) => {
                let result = tokio::select! {
                    result = lease.guard(work(context)) => result,
                    () = stop.cancelled() => Err(Error::Cancelled),
                };
                // What went wrong with the work matters more than what goes wrong with giving back the lease.
                let released = lease.release().await;
                result.and_then(|done| released.map(|()| done))
            }
            Err(Error::Held { holder }) if holder.doing == "serve" && sync::is_here(&holder, context) => {
                output::remark(&format!("{} serves from this data directory and does the work", holder.holder));
                let asked = async { sync::ask_and_wait(&context.store, &context.clock, &ask().await?, &context.progress).await };
                let outcome = tokio::select! {
                    outcome = asked => outcome?,
                    () = stop.cancelled() => return Err(Error::Cancelled),
                };
                answer(outcome).ok_or_else(|| Error::Job("the server answered something else".to_owned()))
            }
            Err(error) => Err(error),
        }
    };
    Ok(output::with_progress(progress, all).await?)
}

/// Opens what readers need.
async fn open_catalog(global: &Global) -> anyhow::Result<catalog::Catalog> {
    let data = config::data_directory(global)?;
    let store = config::open_store(global, &data).await?;
    Ok(catalog::Catalog::open(store, sync::index_root(&data)))
}
