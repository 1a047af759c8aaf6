//! `pkgstats user`

use catalog::{Catalog, Listing, SearchHit, UserPackage, UserPage, UserRequest};
use sync::{Answer, Context, Wish};

use super::ask::ask;
use crate::args::{Global, User};
use crate::output::{ago, count, counted, styled};
use crate::{Outcome, config, output};

/// For so long an answer of the registry is good enough, in seconds; less when it did not list all packages.
const FRESH: i64 = 24 * 3600;
const FRESH_IN_PART: i64 = 600;
/// Packages shown of a scope or an owner.
const LISTED: usize = 5;

pub(crate) async fn run(global: &Global, args: &User) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let result = show(global, args, &context).await;
    context.store.close().await;
    result
}

async fn show(global: &Global, args: &User, context: &Context) -> anyhow::Result<Outcome> {
    let catalog = Catalog::open(context.store.clone(), context.index_root());
    let now = context.clock.now();
    let is_fresh = match catalog.user_asked(&args.name).await? {
        Some((at, whole)) => now - at < if whole { FRESH } else { FRESH_IN_PART },
        None => false,
    };
    let mut unavailable = None;
    if (args.refresh || !is_fresh)
        && let Answer::Unavailable { why } = ask(context, global, &Wish::User { name: args.name.clone() }).await?
    {
        unavailable = Some(why);
    }
    let request = UserRequest { name: args.name.clone(), sort: args.sort.into(), from: args.from, size: args.size };
    let page = catalog.user(&request).await?;
    if global.json {
        output::json(&page)?;
    }
    if page.is_empty() {
        let why = page.problem.clone().or(unavailable);
        let why =
            why.map_or_else(|| "the registry lists no packages of theirs".to_owned(), |why| format!("the registry could not tell: {why}"));
        output::remark(&format!("pkgstats: nothing is known of {}; {why}", args.name));
        return Ok(Outcome::NotFound);
    }
    if let Some(why) = unavailable {
        output::remark(&format!("the registry could not be asked, this is what is stored: {why}"));
    }
    if !global.json {
        print(&page, context.clock.now());
    }
    Ok(Outcome::Ok)
}

fn print(page: &UserPage, now: i64) {
    output::line(&styled("1", &format!("@{}", page.user)));
    output::line(&totals(page, now));
    if let Some(problem) = &page.problem {
        output::line(&format!("not all are listed: {problem}"));
    }
    if let Some(sum) = &page.downloads {
        let of = if sum.packages == page.total { format!("all {}", count(sum.packages as u64)) } else { count(sum.packages as u64) };
        let of = if page.total == 1 { "1".to_owned() } else { of };
        output::line(&format!("{} downloads in a month ({}), of {of} packages", count(sum.monthly), sum.as_of));
    }
    if !page.packages.is_empty() {
        output::line("");
        output::line(&packages(page.packages.iter().map(row).collect()));
        let last = page.from + page.packages.len();
        if page.from > 0 || last < page.total {
            output::remark(&format!("{} to {} of {}", count(page.from as u64 + 1), count(last as u64), count(page.total as u64)));
        }
    }
    let listings = [
        (format!("in the scope @{}, not counted above", page.user), &page.scope),
        (format!("from repositories of github.com/{}, not counted above", page.user), &page.owner),
    ];
    for (heading, listing) in listings {
        if let Some(listing) = listing {
            output::line("");
            output::line(&styled("1", &format!("{} {heading}", found(listing))));
            output::line(&packages(listing.packages.iter().take(LISTED).map(hit_row).collect()));
        }
    }
}

/// How many packages of how many.
fn totals(page: &UserPage, now: i64) -> String {
    let asked = page.asked.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let asked = asked.map_or_else(|| "the registry was not asked".to_owned(), |time| format!("asked {}", ago(now, time.as_second())));
    let known = page.total as u64;
    match page.registry_total {
        Some(total) if total > known => format!("{} of {} ({asked})", count(known), counted(total, "package")),
        _ => format!("{} ({asked})", counted(known, "package")),
    }
}

fn found(listing: &Listing) -> String {
    let more = if listing.total_is_exact { "" } else { "more than " };
    format!("{more}{}", counted(listing.total, "package"))
}

fn packages(rows: Vec<Vec<String>>) -> String {
    output::text(&output::table(&["NAME", "VERSION", "PUBLISHED", "DOWNLOADS", "AS OF", "DESCRIPTION"], &[3], rows))
}

fn row(package: &UserPackage) -> Vec<String> {
    let UserPackage { name, version, description, published, deprecated, downloads } = package;
    cells(name, version.as_ref(), published.as_ref(), downloads.as_ref(), deprecated.as_ref(), description.as_ref())
}

fn hit_row(hit: &SearchHit) -> Vec<String> {
    let SearchHit { name, version, description, published, deprecated, downloads, .. } = hit;
    cells(name, version.as_ref(), published.as_ref(), downloads.as_ref(), deprecated.as_ref(), description.as_ref())
}

fn cells(
    name: &str,
    version: Option<&String>,
    published: Option<&String>,
    downloads: Option<&catalog::DownloadCount>,
    deprecated: Option<&String>,
    description: Option<&String>,
) -> Vec<String> {
    let unknown = || "–".to_owned();
    vec![
        name.to_owned(),
        version.cloned().unwrap_or_else(unknown),
        published.map_or_else(unknown, |time| time.chars().take(10).collect()),
        downloads.and_then(|downloads| downloads.monthly).map_or_else(unknown, |monthly| format!("{}/month", count(monthly))),
        downloads.map(|downloads| downloads.as_of.clone()).unwrap_or_default(),
        match deprecated {
            Some(message) => format!("deprecated: {message}"),
            None => description.cloned().unwrap_or_default(),
        },
    ]
}
