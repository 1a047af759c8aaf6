//! `pkgstats compare`

use catalog::{Catalog, ChartRequest, ComparePage, Compared, ComparedManifest};
use model::{Day, PackageName};
use sync::{Answer, Context, Wish};

use super::ask::ask;
use crate::args::{Compare, Global};
use crate::chart::{self, Canvas};
use crate::output::{bytes, count, counted, period};
use crate::{Outcome, config, output};

/// Columns of a trend line.
const TREND: usize = 26;

pub(crate) async fn run(global: &Global, args: &Compare) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let result = compare(global, args, &context).await;
    context.store.close().await;
    result
}

async fn compare(global: &Global, args: &Compare, context: &Context) -> anyhow::Result<Outcome> {
    let catalog = Catalog::open(context.store.clone(), context.index_root());
    let now = context.clock.now();
    let mut page = catalog.compare(&args.names, now).await?;
    let is_read = |name: &str| page.packages.iter().any(|one| one.name == name && one.latest.is_some());
    let wanted: Vec<_> = args.names.iter().filter(|name| args.refresh || !is_read(name.as_str())).collect();
    for name in &wanted {
        if let Answer::Unavailable { why } = ask(context, global, &Wish::Package { name: (*name).clone() }).await?
            && !global.offline
        {
            output::remark(&format!("{name} could not be read from the registry, this is what is stored: {why}"));
        }
    }
    if !wanted.is_empty() {
        page = catalog.compare(&args.names, now).await?;
    }
    for name in &page.unknown {
        output::remark(&format!("pkgstats: nothing is known of {name}"));
    }
    if global.json {
        output::json(&page)?;
    } else if !page.packages.is_empty() {
        let names = page.packages.iter().filter_map(|one| PackageName::parse(&one.name).ok()).collect();
        let data = catalog.chart(&ChartRequest::of(names), Day::of_seconds(now)).await?;
        if !data.is_empty() {
            output::line(&chart::chart(&data, Canvas::stdout()));
            output::line("");
        }
        output::line(&table(&page));
    }
    Ok(if page.unknown.is_empty() { Outcome::Ok } else { Outcome::NotFound })
}

/// A row a fact, a column a package.
fn table(page: &ComparePage) -> String {
    let unknown = || "–".to_owned();
    let day = |time: &Option<String>| time.as_ref().map_or_else(unknown, |time| time.chars().take(10).collect());
    let row = |label: &str, value: &dyn Fn(&Compared) -> String| {
        std::iter::once(label.to_owned()).chain(page.packages.iter().map(value)).collect::<Vec<String>>()
    };
    let of = |label: &str, value: &dyn Fn(&ComparedManifest) -> String| row(label, &|one| one.latest.as_ref().map_or_else(unknown, value));
    let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(unknown);
    let mut rows = vec![
        row("7 days", &|one| one.daily.as_ref().map_or_else(unknown, |daily| period(&daily.days_7))),
        row(
            "30 days",
            &|one| match (&one.daily, one.downloads.as_ref().and_then(|downloads| Some((downloads.monthly?, &downloads.as_of)))) {
                (Some(daily), _) => period(&daily.days_30),
                (None, Some((monthly, as_of))) => format!("{} ({as_of})", count(monthly)),
                (None, None) => unknown(),
            },
        ),
        row("365 days", &|one| one.daily.as_ref().map_or_else(unknown, |daily| period(&daily.days_365))),
        row("counts to", &|one| one.daily.as_ref().map_or_else(unknown, |daily| daily.as_of.to_string())),
        row("a year", &|one| chart::sparkline(&one.trend, Canvas { width: TREND, ..Canvas::stdout() }).unwrap_or_else(unknown)),
        row("rank", &|one| one.rank.as_ref().map_or_else(unknown, |rank| format!("{} of {}", count(rank.place), count(rank.of)))),
        row("version", &|one| text(&one.version)),
        row("published", &|one| day(&one.published)),
        row("first published", &|one| day(&one.created)),
        row("licence", &|one| text(&one.license)),
        of("versions", &|latest| count(latest.versions as u64)),
        of("in the last year", &|latest| count(latest.versions_in_a_year as u64)),
        of("size", &|latest| latest.unpacked_bytes.map_or_else(unknown, bytes)),
        of("dependencies", &|latest| count(latest.dependencies as u64)),
        of("peers", &|latest| count(latest.peer_dependencies as u64)),
        of("types", &|latest| yes(latest.has_types)),
        of("ESM", &|latest| yes(latest.is_esm)),
        of("CommonJS", &|latest| yes(latest.is_commonjs)),
        of("install scripts", &|latest| yes(latest.runs_scripts)),
        of("provenance", &|latest| yes(latest.has_provenance)),
        row("dependents", &|one| count(one.dependents)),
    ];
    rows.push(row("to work on", &|one| match &one.problems {
        None => unknown(),
        Some(problems) if problems.is_empty() => "nothing found".to_owned(),
        Some(problems) => counted(problems.len() as u64, "thing"),
    }));
    let header: Vec<&str> = std::iter::once("").chain(page.packages.iter().map(|one| one.name.as_str())).collect();
    output::text(&output::table(&header, &(1..header.len()).collect::<Vec<_>>(), rows))
}
