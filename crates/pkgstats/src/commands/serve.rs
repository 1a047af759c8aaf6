//! `pkgstats serve`

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use catalog::Catalog;
use registry::{Images, Limits};
use sync::{Background, ImageKey, Upstream};
use tokio::net::TcpListener;
use web::{AppState, Metrics};

use crate::args::{Advisories, Global, Serve};
use crate::{Outcome, config};

/// Of so many popular packages the details are read in the background, unless asked otherwise.
const DETAILS: usize = 2_000;
/// Of so many the daily downloads are asked for.
const COUNTED: usize = 10_000;
/// How often the readers look for a newer index.
const REFRESH: Duration = Duration::from_secs(1);
/// How long requests and background work may take to end.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn run(global: &Global, args: Serve) -> anyhow::Result<Outcome> {
    let listen = args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000)));
    let registry = if global.offline { None } else { Some(config::registry_client(global)?) };
    let downloads = if global.offline { None } else { Some(config::downloads_client(global)?) };
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("{listen} cannot be listened on; another server may be there, choose another address with --listen"))?;
    let metrics = match args.metrics_listen {
        Some(address) => {
            let listener = TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on for metrics"))?;
            Some((listener, Metrics::install().map_err(anyhow::Error::msg)?))
        }
        None => None,
    };
    let context = config::context(global).await?;
    let catalog = Catalog::open(context.store.clone(), context.index_root());
    let stop = super::stop_signal()?;
    let key = ImageKey::load(&context.store).await?;
    let (upstream, wishes) = Upstream::new(&context, key.clone(), registry.is_some(), Some(Images::new(Limits::default())?));
    let state = AppState::new(catalog.clone(), context.clock.clone(), context.progress.subscribe(), upstream);
    let tells_advisories = args.advisories != Some(Advisories::Never) && listener.local_addr()?.ip().is_loopback();
    let state = if tells_advisories { state.for_own_use() } else { state };
    let background = Background {
        registry,
        key,
        details: args.details.unwrap_or(DETAILS),
        downloads,
        counted: args.downloads.unwrap_or(COUNTED),
        wishes,
    };
    let store = context.store.clone();
    // On a thread of its own: the work computes for long stretches, and no request should wait behind it.
    let (runtime, cancel) = (tokio::runtime::Handle::current(), stop.clone());
    let background = tokio::task::spawn_blocking(move || runtime.block_on(sync::run_background(context, background, cancel)));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(REFRESH).await;
            let reader = catalog.clone();
            match tokio::task::spawn_blocking(move || reader.refresh()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the index could not be refreshed"),
                Err(_) => return,
            }
        }
    });
    tracing::info!(address = %format!("http://{}", listener.local_addr()?), "listening");
    let stopping = stop.clone();
    if let Some((listener, metrics)) = metrics {
        let (state, stopping) = (state.clone(), stop.clone());
        tracing::info!(address = %format!("http://{}/metrics", listener.local_addr()?), "listening");
        tokio::spawn(async move {
            if let Err(error) = web::serve_metrics(listener, state, metrics, async move { stopping.cancelled().await }).await {
                tracing::error!(%error, "metrics are no longer answered");
            }
        });
    }
    let server = web::serve(listener, state, async move { stopping.cancelled().await });
    tokio::select! {
        result = server => result?,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => tracing::warn!("requests were still open when the time to end was over"),
    }
    stop.cancel();
    if tokio::time::timeout(GRACE, background).await.is_err() {
        tracing::warn!("background work was still going on when the time to end was over");
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(Outcome::Ok)
}
