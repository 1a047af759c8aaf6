//! `pkgstats search`

use catalog::{SearchHit, SearchRequest};

use crate::args::{Global, Search};
use crate::output::count;
use crate::{Outcome, output};

pub(crate) async fn run(global: &Global, args: &Search) -> anyhow::Result<Outcome> {
    let catalog = super::open_catalog(global).await?;
    let request = SearchRequest {
        text: args.terms.join(" "),
        from: args.from,
        size: args.size,
        now: crate::config::clock().now(),
        highlight: true,
    };
    let page = catalog.search(&request).await?;
    let found = !page.hits.is_empty();
    if global.json {
        output::json(&page)?;
    } else if found {
        for note in &page.notes {
            output::remark(&format!("{}: {}", note.part, note.why));
        }
        if page.corrected {
            output::remark("no name fits; these are close");
        }
        let rows = page.hits.iter().map(row).collect();
        let table = output::table(&["NAME", "VERSION", "DOWNLOADS", "AS OF", "DESCRIPTION"], &[2], rows);
        output::line(&output::with_marks(&output::text(&table)));
        let more = if page.total_is_exact { "" } else { "more than " };
        output::remark(&format!(
            "{} to {} of {more}{}",
            count(page.from as u64 + 1),
            count((page.from + page.hits.len()) as u64),
            count(page.total)
        ));
    } else {
        output::remark(&format!("nothing matches {:?}", page.text));
    }
    Ok(if found { Outcome::Ok } else { Outcome::NotFound })
}

fn row(hit: &SearchHit) -> Vec<String> {
    let places = hit.highlights.clone().unwrap_or_default();
    let monthly = hit.downloads.as_ref().and_then(|downloads| downloads.monthly);
    let description = match (&hit.deprecated, &hit.description) {
        (Some(message), _) => output::harmless(&format!("deprecated: {message}")),
        (None, description) => output::marked(catalog::pieces(description.as_deref().unwrap_or_default(), &places.description)),
    };
    vec![
        output::marked(catalog::pieces(&hit.name, &places.name)),
        hit.version.as_deref().map_or_else(|| "–".to_owned(), output::harmless),
        monthly.map_or_else(|| "–".to_owned(), |monthly| format!("{}/month", count(monthly))),
        hit.downloads.as_ref().map(|downloads| downloads.as_of.clone()).unwrap_or_default(),
        description,
    ]
}
