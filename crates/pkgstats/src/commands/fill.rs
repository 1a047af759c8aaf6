//! `pkgstats fill`

use anyhow::{Context as _, bail};
use sync::{FillOptions, FillReport, ListSource, Outcome as Done, Work};

use crate::args::{Fill, Global};
use crate::output::count;
use crate::{Outcome, config, output};

pub(crate) async fn run(global: &Global, args: Fill) -> anyhow::Result<Outcome> {
    let from = match &args.from {
        Some(folder) => {
            let folder = std::path::absolute(folder).with_context(|| format!("{} is no folder", folder.display()))?;
            if !folder.is_dir() {
                bail!("{} is no folder", folder.display());
            }
            ListSource::Folder(folder)
        }
        None if global.offline => bail!("fill asks the registry, which --offline forbids; give the lists with --from DIR"),
        None => ListSource::Registry(config::registry_client(global)?),
    };
    let context = config::context(global).await?;
    let folder = match &from {
        ListSource::Folder(folder) => Some(folder.clone()),
        ListSource::Registry(_) => None,
    };
    let options = FillOptions { from, limit: args.limit };
    let report = super::write(
        &context,
        "fill",
        async |context| sync::fill(context, &options).await,
        async || Ok(Work::Fill { from: folder, limit: args.limit }),
        |outcome| if let Done::Fill(report) = outcome { Some(report) } else { None },
    )
    .await;
    context.store.close().await;
    let report = report?;
    if global.json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(Outcome::Ok)
}

fn print(report: &FillReport) {
    if report.read.is_empty() {
        output::line(&format!("nothing new: {} packages", count(report.packages)));
    } else {
        output::line(&format!("read {}", report.read.join(", ")));
        output::line(&format!("{} packages, {} new, {} removed", count(report.packages), count(report.added), count(report.removed)));
        if report.rejected > 0 {
            output::line(&format!("{} entries of the lists are no package names", count(report.rejected)));
        }
    }
    if let Some(indexed) = report.indexed {
        output::line(&format!("{} packages in the new search index", count(indexed)));
    }
    output::line(&format!("downloading took {:.1} s, processing {:.1} s", report.download_seconds, report.processing_seconds));
}
