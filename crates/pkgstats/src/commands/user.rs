//! `pkgstats user`

use catalog::{Catalog, Listing, SearchHit, UserPackage, UserPage, UserRequest, UserSort};
use sync::{Answer, Context, Wish};

use super::ask::ask;
use crate::args::{Global, User};
use crate::chart::{Canvas, sparkline};
use crate::output::{ago, change, count, counted, period, styled};
use crate::{Outcome, config, output};

/// For so long an answer of the registry is good enough, in seconds; less when it did not list all packages.
const FRESH: i64 = 24 * 3600;
const FRESH_IN_PART: i64 = 600;
/// Packages shown of a scope or an owner, and of those that moved.
const LISTED: usize = 5;
const MOVED: usize = 5;
/// Columns of a trend line.
const TREND: usize = 13;

pub(crate) async fn run(global: &Global, args: &User) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let result = show(global, args, &context).await;
    context.store.close().await;
    result
}

async fn show(global: &Global, args: &User, context: &Context) -> anyhow::Result<Outcome> {
    let catalog = Catalog::open(context.store.clone(), context.index_root()).for_own_use();
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
    let request = UserRequest { name: args.name.clone(), sort: args.sort.into(), from: args.from, size: args.size, now };
    let mut page = catalog.user(&request).await?;
    if page.total > 0 && unavailable.is_none() && !global.offline {
        // A list without known vulnerabilities is better than none, so it is no matter why they cannot be had.
        ask(context, global, &Wish::UserAdvisories { name: args.name.clone() }).await?;
        page = catalog.user(&request).await?;
    }
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
    if let Some(daily) = &page.daily {
        let sum = |period: &catalog::UserPeriod| format!("{}{}", count(period.downloads), change(period.change));
        let to = if daily.as_of_at_least == daily.as_of {
            daily.as_of.to_string()
        } else {
            format!("between {} and {}", daily.as_of_at_least, daily.as_of)
        };
        output::line(&format!(
            "{} downloads in 7 days, {} in 30, {} in 365; {} of {}, counts to {to}",
            sum(&daily.days_7),
            sum(&daily.days_30),
            sum(&daily.days_365),
            count(daily.packages as u64),
            counted(page.total as u64, "package"),
        ));
    } else if let Some(sum) = &page.downloads {
        let of = if sum.packages == page.total { format!("all {}", count(sum.packages as u64)) } else { count(sum.packages as u64) };
        let of = if page.total == 1 { "1".to_owned() } else { of };
        output::line(&format!("{} downloads in a month ({}), of {of} packages", count(sum.monthly), sum.as_of));
    }
    if page.checked > 0 {
        let some = if page.with_problems == 1 { "has" } else { "have" };
        output::line(&format!(
            "{} of {} whose latest version was read {some} something to work on",
            count(page.with_problems as u64),
            counted(page.checked as u64, "package")
        ));
    }
    if let Some(told) = page.advisories.as_ref().filter(|told| told.packages > 0) {
        let (have, need) = if told.with_problems == 1 { ("has", "needs") } else { ("have", "need") };
        output::line(&format!(
            "{} {have} known vulnerabilities, or {need} what has, of {} asked about",
            count(told.with_problems as u64),
            counted(told.packages as u64, "package")
        ));
    }
    if !page.moved.is_empty() {
        let moved = page.moved.iter().take(MOVED).map(|one| format!("{}{}", one.name, change(Some(one.change))));
        output::line(&format!("moved this week: {}", moved.collect::<Vec<_>>().join(", ")));
    }
    if !page.packages.is_empty() {
        output::line("");
        output::line(&work_list(page));
        let last = page.from + page.packages.len();
        if page.from > 0 || last < page.total {
            output::remark(&format!("{} to {} of {}", count(page.from as u64 + 1), count(last as u64), count(page.total as u64)));
        }
        if page.with_problems > 0 && page.sort != UserSort::Attention {
            output::remark("--sort attention puts first what needs attention most");
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

/// All packages, with what could be worked on; without daily counts, the columns that need them are left out.
fn work_list(page: &UserPage) -> String {
    let unknown = || "–".to_owned();
    let is_daily = page.daily.is_some();
    let canvas = Canvas { width: TREND, ..Canvas::stdout() };
    let row = |package: &UserPackage| {
        let UserPackage { name, version, published, downloads, daily, .. } = package;
        let mut cells = vec![
            name.clone(),
            version.clone().unwrap_or_else(unknown),
            published.as_ref().map_or_else(unknown, |time| time.chars().take(10).collect()),
        ];
        let other = downloads.as_ref().and_then(|downloads| downloads.monthly);
        if is_daily {
            cells.push(daily.as_ref().map_or_else(unknown, |daily| period(&daily.days_7)));
        }
        cells.push(match (daily, other) {
            (Some(daily), _) => format!("{}/month", period(&daily.days_30)),
            (None, Some(monthly)) => format!("{}/month", count(monthly)),
            (None, None) => unknown(),
        });
        cells.push(match (daily, downloads) {
            (Some(daily), _) => daily.as_of.to_string(),
            (None, Some(downloads)) => downloads.as_of.clone(),
            (None, None) => String::new(),
        });
        if is_daily {
            cells.push(sparkline(&package.trend, canvas).unwrap_or_default());
        }
        cells.extend([count(package.dependents), to_do(package)]);
        cells
    };
    let rows = page.packages.iter().map(row).collect();
    let table = if is_daily {
        output::table(
            &["NAME", "VERSION", "PUBLISHED", "7 DAYS", "DOWNLOADS", "AS OF", "HALF A YEAR", "DEPENDENTS", "TO WORK ON"],
            &[3, 4, 7],
            rows,
        )
    } else {
        output::table(&["NAME", "VERSION", "PUBLISHED", "DOWNLOADS", "AS OF", "DEPENDENTS", "TO WORK ON"], &[3, 5], rows)
    };
    output::text(&table)
}

/// What could be worked on; failing that, what the package is.
fn to_do(package: &UserPackage) -> String {
    match (&package.deprecated, &package.problems) {
        (Some(message), _) => format!("deprecated: {message}"),
        (None, Some(problems)) if !problems.is_empty() => problems.iter().map(|one| one.words.as_str()).collect::<Vec<_>>().join("; "),
        (None, Some(_)) => "nothing found".to_owned(),
        (None, None) => "latest version not read yet".to_owned(),
    }
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
