//! `pkgstats doctor`

use crate::args::Global;
use crate::output::count;
use crate::{Outcome, config, output};

pub(crate) async fn run(global: &Global) -> anyhow::Result<Outcome> {
    let catalog = super::open_catalog(global).await?;
    let found = catalog.doctor(config::clock().now()).await?;
    if global.json {
        output::json(&found)?;
    } else {
        output::line(&format!(
            "{} packages, {} in the search index, {} changes behind",
            count(found.packages),
            count(found.indexed),
            count(found.behind)
        ));
        if let Some(writer) = &found.writer {
            output::line(&format!("{writer} is writing"));
        }
        found.problems.iter().for_each(|problem| output::line(&format!("problem: {problem}")));
        if found.problems.is_empty() {
            output::line(&format!("no problems, {} samples compared", count(found.sampled)));
        }
    }
    Ok(if found.problems.is_empty() { Outcome::Ok } else { Outcome::Failed })
}
