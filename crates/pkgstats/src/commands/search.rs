//! `pkgstats search`

use catalog::{SearchHit, SearchPage, SearchRequest};

use crate::args::{Global, Search};
use crate::output::count;
use crate::{Outcome, output};

pub(crate) async fn run(global: &Global, args: &Search) -> anyhow::Result<Outcome> {
    let catalog = super::open_catalog(global).await?;
    let sort = args.sort.iter().map(|word| format!("sort:{word}"));
    let request = SearchRequest {
        text: args.terms.iter().cloned().chain(sort).collect::<Vec<_>>().join(" "),
        from: args.from,
        size: args.size,
        now: crate::config::clock().now(),
        highlight: true,
        explain: args.explain,
        facets: args.facets,
        others: true,
    };
    let page = catalog.search(&request).await?;
    let found = !page.hits.is_empty();
    if global.json {
        output::json(&page)?;
    } else {
        for note in &page.notes {
            output::remark(&format!("{}: {}", output::harmless(&note.part), output::harmless(&note.why)));
        }
        if found { show(&page, args.explain) } else { nothing(&page) }
    }
    Ok(if found { Outcome::Ok } else { Outcome::NotFound })
}

fn show(page: &SearchPage, explain: bool) {
    if page.corrected {
        output::remark("no name fits; these are close");
    }
    did_you_mean(page);
    if explain {
        for hit in &page.hits {
            explained(hit);
        }
        if page.sort != "relevance" {
            output::remark(&format!("sorted by {}, so there are no scores", page.sort));
        }
    } else {
        let table = output::table(&["NAME", "VERSION", "DOWNLOADS", "AS OF", "DESCRIPTION"], &[2], page.hits.iter().map(row).collect());
        output::line(&output::with_marks(&output::text(&table)));
    }
    let more = if page.total_is_exact { "" } else { "more than " };
    let (first, last) = (count(page.from as u64 + 1), count((page.from + page.hits.len()) as u64));
    output::remark(&format!("{first} to {last} of {more}{}", count(page.total)));
    for facet in page.facets.iter().flatten() {
        let rows = facet.values.iter().map(|one| vec![count(one.packages), output::harmless(&one.text)]).collect();
        output::line("");
        output::line(&output::text(&output::table(&["PACKAGES", &facet.qualifier.to_uppercase()], &[0], rows)));
    }
    if !page.also_try.is_empty() {
        let others: Vec<String> = page.also_try.iter().map(|text| output::harmless(text)).collect();
        output::remark(&format!("also try: {}", others.join(" · ")));
    }
}

fn did_you_mean(page: &SearchPage) {
    if let Some(text) = &page.did_you_mean {
        output::remark(&format!("did you mean: {}", output::harmless(text)));
    }
}

fn nothing(page: &SearchPage) {
    if page.total > 0 {
        return output::remark(&format!("there are only {} results", count(page.total)));
    }
    output::remark(&format!("nothing matches {:?}", page.text));
    did_you_mean(page);
    for filter in &page.filters {
        output::remark(&format!("without {}: pkgstats search -- {}", output::harmless(&filter.text), output::harmless(&filter.without)));
    }
}

/// A hit with the parts of its score.
fn explained(hit: &SearchHit) {
    let places = hit.highlights.clone().unwrap_or_default();
    output::line(&output::with_marks(&output::marked(catalog::pieces(&hit.name, &places.name))));
    if let Some(description) = &hit.description {
        let description = output::marked(catalog::pieces(description, &places.description));
        output::line(&format!("  {}", output::with_marks(&description)));
    }
    let Some(parts) = &hit.parts else { return };
    let rows = parts.iter().map(|part| vec![format!(" {}", part.name), number(part.value), output::harmless(&part.about)]);
    let score = vec![" score".to_owned(), number(hit.score), "all of them multiplied".to_owned()];
    output::line(&output::text(&output::table(&[" PART", "FACTOR", "WHAT IT COMES FROM"], &[1], rows.chain([score]).collect())));
    output::line("");
}

fn number(value: f32) -> String {
    match value.abs() {
        100.0.. => count(value.round() as u64),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
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
