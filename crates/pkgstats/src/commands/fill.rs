//! `pkgstats fill`

use std::cell::RefCell;

use anyhow::{Context as _, bail};
use serde::Serialize;
use sync::{FillOptions, FillReport, ImageKey, ListSource, Outcome as Done, Reader, Work};

use crate::args::{Fill, Global};
use crate::output::{count, counted};
use crate::{Outcome, config, output};

/// What came of it.
#[derive(Debug, Clone, Serialize)]
struct Report {
    #[serde(flatten)]
    fill: FillReport,
    /// Packages whose details were read; unknown when a running server did the work, which reads them by itself.
    details_read: Option<u64>,
}

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
    if global.offline && args.details > 0 {
        output::remark("no details are read: --offline forbids asking the registry");
    }
    let client = match &from {
        _ if global.offline || args.details == 0 => None,
        ListSource::Registry(client) => Some(client.clone()),
        ListSource::Folder(_) => Some(config::registry_client(global)?),
    };
    let context = config::context(global).await?;
    let reader = match client {
        Some(client) => Some(Reader { context: context.clone(), client, key: ImageKey::load(&context.store).await? }),
        None => None,
    };
    let folder = match &from {
        ListSource::Folder(folder) => Some(folder.clone()),
        ListSource::Registry(_) => None,
    };
    let options = FillOptions { from, limit: args.limit };
    // What was done before the reading of details was stopped.
    let filled = RefCell::new(None);
    let result = super::write(
        &context,
        "fill",
        async |context| {
            let fill = sync::fill(context, &options).await?;
            let Some(reader) = &reader else { return Ok(Report { fill, details_read: Some(0) }) };
            let before = context.store.count_details().await?;
            filled.replace(Some((fill.clone(), before)));
            let read = sync::read_details(reader, args.details).await?;
            sync::catch_up(context).await?;
            Ok(Report { fill, details_read: Some(read) })
        },
        async || Ok(Work::Fill { from: folder, limit: args.limit }),
        |outcome| if let Done::Fill(fill) = outcome { Some(Report { fill, details_read: None }) } else { None },
    )
    .await;
    let (report, error) = match (result, filled.take()) {
        (Ok(report), _) => (report, None),
        (Err(error), None) => {
            context.store.close().await;
            return Err(error);
        }
        (Err(error), Some((fill, before))) => {
            let read = context.store.count_details().await?.saturating_sub(before);
            (Report { fill, details_read: Some(read) }, Some(error))
        }
    };
    context.store.close().await;
    if global.json {
        output::json(&report)?;
    } else {
        print(&report, args.details > 0);
    }
    error.map_or(Ok(Outcome::Ok), Err)
}

fn print(Report { fill, details_read }: &Report, with_details: bool) {
    if fill.read.is_empty() {
        output::line(&format!("nothing new: {} packages", count(fill.packages)));
    } else {
        output::line(&format!("read {}", fill.read.join(", ")));
        output::line(&format!("{} packages, {} new, {} removed", count(fill.packages), count(fill.added), count(fill.removed)));
        if fill.rejected > 0 {
            output::line(&format!("{} entries of the lists are no package names", count(fill.rejected)));
        }
    }
    if let Some(indexed) = fill.indexed {
        output::line(&format!("{} packages in the new search index", count(indexed)));
    }
    output::line(&format!("downloading took {:.1} s, processing {:.1} s", fill.download_seconds, fill.processing_seconds));
    match details_read {
        Some(read) if with_details => output::line(&format!("details of {} read", counted(*read, "package"))),
        None if with_details => output::line("the running server reads details by itself"),
        _ => {}
    }
}
