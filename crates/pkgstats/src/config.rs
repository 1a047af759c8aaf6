//! Reading the environment: where the data are, what npm's configuration says, what time it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use registry::{Client, Config, DownloadsClient, Layer, RetryPolicy, npmrc_places};
use store::{Place, Store};
use sync::{Clock, Context};
use tokio::sync::watch;

use crate::args::Global;

/// The system's clock.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    Clock::new(|| jiff::Timestamp::now().as_second())
}

/// The data directory, made when missing.
pub(crate) fn data_directory(global: &Global) -> anyhow::Result<PathBuf> {
    let path = match &global.data {
        Some(path) => path.clone(),
        None => directories::ProjectDirs::from("", "", "pkgstats")
            .context("this platform has no data directory; give one with --data DIR")?
            .data_dir()
            .to_owned(),
    };
    std::fs::create_dir_all(&path).with_context(|| format!("the data directory {} cannot be made", path.display()))?;
    Ok(path)
}

/// Opens the database.
pub(crate) async fn open_store(global: &Global, data: &Path) -> anyhow::Result<Store> {
    let place = match &global.database {
        Some(text) => Place::parse(text),
        None => Place::Sqlite(data.join("pkgstats.db")),
    };
    Ok(Store::open(&place).await?)
}

/// What writers work with, and where to watch their progress.
pub(crate) async fn context(global: &Global) -> anyhow::Result<Context> {
    let data = data_directory(global)?;
    let store = open_store(global, &data).await?;
    let (progress, _) = watch::channel(sync::Progress::default());
    Ok(Context { store, data, clock: clock(), progress })
}

/// A client for the registry that npm's configuration names.
pub(crate) fn registry_client(global: &Global) -> anyhow::Result<Client> {
    Ok(Client::new(registry_config(global)?, RetryPolicy::default())?)
}

/// A client for npm's downloads API, with the same proxies and certificates.
pub(crate) fn downloads_client(global: &Global) -> anyhow::Result<DownloadsClient> {
    Ok(DownloadsClient::new(&registry_config(global)?, global.downloads_url.as_deref())?)
}

fn registry_config(global: &Global) -> anyhow::Result<Config> {
    let environment: HashMap<String, String> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let here = std::env::current_dir().context("the working directory cannot be read")?;
    let home = directories::BaseDirs::new().map(|base| base.home_dir().to_owned());
    let prefix = node_prefix(environment.get("PATH").map_or("", String::as_str));
    let mut layers = Vec::new();
    for place in npmrc_places(&environment, &here, home.as_deref(), prefix.as_deref()) {
        match std::fs::read_to_string(&place.path) {
            Ok(text) => {
                tracing::debug!(path = %place.path.display(), layer = place.label, "npm configuration");
                layers.push(Layer { path: place.path, text });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("npm's {} configuration {} cannot be read", place.label, place.path.display()));
            }
        }
    }
    Ok(Config::from_layers(&layers, &environment, global.registry.as_deref())?)
}

/// The folder above the `bin` in which node is, where npm keeps its global configuration.
fn node_prefix(path: &str) -> Option<PathBuf> {
    let node = std::env::split_paths(path).map(|folder| folder.join("node")).find(|node| node.is_file())?;
    Some(node.canonicalize().ok()?.parent()?.parent()?.to_owned())
}
