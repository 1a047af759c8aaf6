//! `pkgstats reindex`

use sync::{Outcome as Done, Work};

use crate::args::Global;
use crate::output::count;
use crate::{Outcome, config, output};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let packages = super::write(
        &context,
        "reindex",
        async |context| sync::rebuild(context).await,
        async || Ok(Work::Reindex),
        |outcome| if let Done::Reindex { packages } = outcome { Some(packages) } else { None },
    )
    .await;
    context.store.close().await;
    let packages = packages?;
    if global.json {
        output::json(&serde_json::json!({ "indexed": packages }))?;
    } else {
        output::line(&format!("{} packages in the new search index", count(packages)));
    }
    Ok(Outcome::Ok)
}
