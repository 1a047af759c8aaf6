//! `pkgstats show`

use std::fmt::Write as _;
use std::io::stdout;

use anyhow::{Context as _, bail};
use catalog::{Catalog, ChartRequest, MonthCount, PackageAnswer, PackagePage, ReadmeState, VersionRow, is_near, near_request};
use model::{Advisory, Day, Dependency, Manifest, Source, State};
use sync::{Answer, Context, Wish};

use super::ask::ask;
use crate::args::{Global, Package, Show};
use crate::chart::{self, Canvas};
use crate::output::{bytes, count, counted, day_and_ago, period, styled};
use crate::{Outcome, config, output, readme};

/// Known vulnerabilities are asked for again after so many seconds.
const A_DAY: i64 = 24 * 3600;
/// Names in a list that is not asked for whole.
const FEW: usize = 10;
/// Versions in an error.
const SOME_VERSIONS: usize = 5;

pub(crate) async fn run(global: &Global, args: &Show) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let result = Shown::new(global, args, &context).show().await;
    context.store.close().await;
    result
}

/// One package being looked up.
struct Shown<'a> {
    global: &'a Global,
    args: &'a Show,
    context: &'a Context,
    catalog: Catalog,
    /// What the registry answered when it was asked for the package.
    answer: Option<Answer>,
}

impl<'a> Shown<'a> {
    fn new(global: &'a Global, args: &'a Show, context: &'a Context) -> Self {
        let catalog = Catalog::open(context.store.clone(), context.index_root()).for_own_use();
        Self { global, args, context, catalog, answer: None }
    }

    async fn show(mut self) -> anyhow::Result<Outcome> {
        let Package { name, version } = &self.args.package;
        let mut found = self.look_up().await?;
        let is_wanting = match &found {
            PackageAnswer::Page(page) => {
                page.details_observed.is_none()
                    || self.args.readme && page.is_latest && page.readme_state == ReadmeState::Unknown && page.unpublished.is_none()
            }
            // It may have been published since.
            PackageAnswer::Unknown | PackageAnswer::NoSuchVersion { .. } | PackageAnswer::Tag(_) => true,
        };
        if is_wanting || self.args.refresh {
            self.answer = Some(ask(self.context, self.global, &Wish::Package { name: name.clone() }).await?);
            found = self.look_up().await?;
        }
        let page = match found {
            // Its page says what there was; no version of it can be shown.
            PackageAnswer::Page(page) if version.is_some() && page.unpublished.is_some() => {
                return self.no_such_version(version.as_deref().unwrap_or_default(), None, true).await;
            }
            PackageAnswer::Page(page) => page,
            PackageAnswer::Unknown => return self.unknown().await,
            PackageAnswer::Tag(_) => bail!("the tags of {name} lead nowhere"),
            PackageAnswer::NoSuchVersion { latest, observed } => {
                return self.no_such_version(version.as_deref().unwrap_or_default(), latest, observed.is_some()).await;
            }
        };
        let can_ask = !self.global.offline && !matches!(self.answer, Some(Answer::Unavailable { .. }));
        let wants_downloads = page.statistics.daily.is_none() || self.args.refresh;
        let asked = page.advisories.as_ref().and_then(|told| told.checked.parse::<jiff::Timestamp>().ok());
        let wants_advisories = asked.is_none_or(|asked| asked.as_second() < self.context.clock.now() - A_DAY);
        let page = if can_ask && !self.args.readme && (wants_downloads || wants_advisories) {
            // A page without them is better than none, so it is no matter why they cannot be had.
            if wants_downloads {
                ask(self.context, self.global, &Wish::Downloads { name: name.clone() }).await?;
            }
            if wants_advisories {
                ask(self.context, self.global, &Wish::PackageAdvisories { name: name.clone() }).await?;
            }
            match self.look_up().await? {
                PackageAnswer::Page(counted) => counted,
                _ => page,
            }
        } else {
            page
        };
        match &self.answer {
            Some(Answer::Unavailable { why }) if !self.global.offline || self.args.refresh => {
                output::remark(&format!("{name} could not be read from the registry, this is what is stored: {why}"));
            }
            Some(Answer::Missing) => output::remark(&format!("the registry does not have {name}, or hides it; this is what is stored")),
            _ => {}
        }
        if self.args.readme {
            return self.readme(*page).await;
        }
        if self.global.json {
            output::json(&*page)?;
            return Ok(Outcome::Ok);
        }
        self.print(&page);
        let data =
            self.catalog.chart(&ChartRequest::of(vec![self.args.package.name.clone()]), Day::of_seconds(self.context.clock.now())).await?;
        if !data.is_empty() {
            output::line("");
            output::line(&chart::chart(&data, Canvas::stdout()));
        }
        Ok(Outcome::Ok)
    }

    /// The page, with the version that a tag names.
    async fn look_up(&self) -> anyhow::Result<PackageAnswer> {
        let Package { name, version } = &self.args.package;
        Ok(match self.catalog.package(name, version.as_deref()).await? {
            PackageAnswer::Tag(version) => self.catalog.package(name, Some(&version)).await?,
            found => found,
        })
    }

    async fn unknown(&self) -> anyhow::Result<Outcome> {
        let name = &self.args.package.name;
        let near = self.near_names().await;
        let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) };
        match &self.answer {
            Some(Answer::Unavailable { why }) if !self.global.offline => {
                bail!("nothing is known of {name}, and the registry could not be asked: {why}{hint}")
            }
            Some(Answer::Unavailable { .. }) => {
                output::remark(&format!("pkgstats: nothing is known of {name}, and --offline forbids asking the registry{hint}"));
            }
            _ => output::remark(&format!("pkgstats: there is no package {name}, or it is private and needs credentials in .npmrc{hint}")),
        }
        Ok(Outcome::NotFound)
    }

    /// Names that look like the one that was asked for, where there is an index.
    async fn near_names(&self) -> Vec<String> {
        let asked = &self.args.package.name;
        let Ok(page) = self.catalog.search(&near_request(asked, self.context.clock.now())).await else { return Vec::new() };
        page.hits.into_iter().map(|hit| hit.name).filter(|name| is_near(asked.as_str(), name)).take(SOME_VERSIONS).collect()
    }

    async fn no_such_version(&self, version: &str, latest: Option<String>, certain: bool) -> anyhow::Result<Outcome> {
        let name = &self.args.package.name;
        let mut known = latest.map(|latest| format!("; the latest is {latest}")).unwrap_or_default();
        if let PackageAnswer::Page(page) = self.catalog.package(name, None).await? {
            if let Some(unpublished) = &page.unpublished {
                let _ = write!(known, "; it was unpublished {}", on(unpublished.at.as_deref()));
            }
            let others: Vec<&str> = page.versions.iter().map(|row| row.version.as_str()).take(SOME_VERSIONS).collect();
            if !others.is_empty() {
                let _ = write!(known, "; of {} the newest are {}", counted(page.versions.len() as u64, "version"), others.join(", "));
            }
        }
        match &self.answer {
            Some(Answer::Unavailable { why }) if !certain && !self.global.offline => {
                bail!("the versions of {name} are not known, and the registry could not be asked: {why}{known}")
            }
            Some(Answer::Unavailable { .. }) if !certain => {
                output::remark(&format!(
                    "pkgstats: the versions of {name} are not known, and --offline forbids asking the registry{known}"
                ));
            }
            _ => output::remark(&format!("pkgstats: {name} has no version or tag {version}{known}")),
        }
        Ok(Outcome::NotFound)
    }

    async fn readme(&self, mut page: PackagePage) -> anyhow::Result<Outcome> {
        let name = &self.args.package.name;
        let mut why = None;
        if !page.is_latest
            && page.readme_state == ReadmeState::Unknown
            && let Some(version) = page.version.clone()
        {
            let wish = Wish::Version { name: name.clone(), version };
            if let Answer::Unavailable { why: reason } = ask(self.context, self.global, &wish).await? {
                why = Some(reason);
            }
            if let PackageAnswer::Page(read) = self.look_up().await? {
                page = *read;
            }
        }
        let title = title(&page);
        if self.global.json {
            output::json(&page)?;
        }
        match (&page.readme, page.readme_state) {
            (Some(_), _) if self.global.json => {}
            (Some(found), _) => {
                output::line(&styled("1", &title));
                output::line("");
                let (html, width, colours) = (found.html.clone(), output::width(), output::colours(&stdout()));
                // On a task of its own: a README that is too much for the renderer ends only that.
                let text = tokio::task::spawn_blocking(move || readme::render(&html, width, colours)).await;
                output::raw(text.context("this README cannot be shown in a terminal; --json prints its HTML")??.as_bytes());
                if found.cut {
                    output::remark("the end of this README is missing: it is too long");
                }
            }
            (None, ReadmeState::Unknown) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                output::remark(&format!("pkgstats: the README of {title} is not stored and could not be read{why}"));
                return Ok(if self.global.offline { Outcome::NotFound } else { Outcome::Failed });
            }
            (None, _) => {
                output::remark(&format!("pkgstats: {title} has no README"));
                return Ok(Outcome::NotFound);
            }
        }
        Ok(Outcome::Ok)
    }

    fn print(&self, page: &PackagePage) {
        let now = self.context.clock.now();
        output::line(&styled("1", &title(page)));
        if let Some(description) = &page.description {
            output::line(description);
        }
        for warning in warnings(page, now) {
            output::line(&styled("1;31", &warning));
        }
        output::line("");
        output::line(&output::facts(facts(page, self.args.all, now)));
        if let Some(unpublished) = &page.unpublished {
            output::line("");
            output::line(&format!(
                "{} there were: {}",
                counted(unpublished.versions.len() as u64, "version"),
                unpublished.versions.join(", ")
            ));
        }
        if !page.versions.is_empty() {
            output::line("");
            output::line(&versions(&page.versions, if self.args.versions { usize::MAX } else { FEW }));
        }
    }
}

fn title(page: &PackagePage) -> String {
    match &page.version {
        Some(version) => format!("{} {version}", page.name),
        None => page.name.clone(),
    }
}

/// What follows from counts and from other packages.
fn statistics(page: &PackagePage) -> Vec<(&'static str, String)> {
    let numbers = &page.statistics;
    let mut facts = Vec::new();
    if let Some(rank) = &numbers.rank {
        facts.push(("rank", format!("{} of {} ({})", count(rank.place), count(rank.of), rank.by)));
    }
    if let Some(versions) = &numbers.versions {
        let majors = versions.majors.iter().take(FEW).map(|one| format!("{}.x {:.0} %", one.version, one.share * 100.0));
        facts.push(("in use", format!("{} (7 days to {})", majors.collect::<Vec<_>>().join(", "), versions.to)));
    }
    if page.details_observed.is_some() {
        facts.push(("dependents", format!("{} of {} stored", count(numbers.dependents), counted(numbers.details, "package"))));
    }
    if !numbers.peers.is_empty() {
        facts.push(("peers", numbers.peers.join(", ")));
    }
    if let Some(told) = &page.advisories {
        let known = match told.advisories.len() {
            0 if told.versions < page.versions.len() as u64 => "none in the versions that were asked about".to_owned(),
            0 => "none".to_owned(),
            all => format!("{} in this version, {} in others", count(told.affecting as u64), count((all - told.affecting) as u64)),
        };
        facts.push(("known vulnerabilities", format!("{known} (asked {})", on(Some(&told.checked)))));
    }
    if let Some(problems) = numbers.problems.as_ref().filter(|problems| !problems.is_empty()) {
        facts.push(("to work on", problems.iter().map(|one| one.words.as_str()).collect::<Vec<_>>().join("; ")));
    }
    facts
}

/// `on` a day, or that it is not known when.
fn on(time: Option<&str>) -> String {
    time.map_or_else(|| "at an unknown time".to_owned(), |time| format!("on {}", time.chars().take(10).collect::<String>()))
}

/// What nobody should overlook.
fn warnings(page: &PackagePage, now: i64) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(message) = &page.deprecated {
        warnings.push(format!("DEPRECATED: {message}"));
    }
    if let Some(unpublished) = &page.unpublished {
        let when = unpublished.at.as_deref().map_or_else(|| "at an unknown time".to_owned(), |at| day_and_ago(now, at));
        warnings.push(format!("UNPUBLISHED: every version was taken back, {when}"));
    } else if page.state == State::Unpublished {
        warnings.push("UNPUBLISHED: every version was taken back".to_owned());
    }
    for listed in page.advisories.iter().flat_map(|told| &told.advisories).filter(|listed| listed.affects == Some(true)) {
        let Advisory { title, severity, url, vulnerable_versions, .. } = &listed.advisory;
        let url = url.as_deref().map(|url| format!(", {url}")).unwrap_or_default();
        warnings.push(format!("VULNERABLE ({}): {title}, in {vulnerable_versions}{url}", severity.as_str()));
    }
    if page.state == State::SecurityHolding {
        warnings.push("SECURITY: npm replaced this package with an empty one, because it was malicious".to_owned());
    }
    if !page.is_latest
        && let Some(latest) = page.dist_tags.iter().find(|tag| tag.tag == "latest")
    {
        warnings.push(format!("not the latest version, which is {}", latest.version));
    }
    warnings
}

fn facts(page: &PackagePage, all: bool, now: i64) -> Vec<(&'static str, String)> {
    let manifest = page.manifest.as_ref();
    // What a document that was read does not say is not there; of what was never read, nobody knows.
    let missing = if manifest.is_some() { "none" } else { "unknown" };
    let or_missing = |value: &Option<String>| value.clone().unwrap_or_else(|| missing.to_owned());
    let of_manifest = |value: &dyn Fn(&Manifest) -> String| manifest.map_or_else(|| "unknown".to_owned(), value);
    let unknown = || "unknown".to_owned();
    let mut facts = Vec::new();
    facts.push(("published", page.published.as_deref().map_or_else(unknown, |time| day_and_ago(now, time))));
    if page.unpublished.is_none() && page.state == State::Active {
        let version = page.version.as_deref().filter(|_| !page.is_latest).map(|version| format!("@{version}")).unwrap_or_default();
        // A name that begins with a hyphen would be taken for an option.
        let end = if page.name.starts_with('-') { "-- " } else { "" };
        facts.push(("install", format!("npm install {end}{}{version}", page.name)));
    }
    facts.push(("downloads", downloads(page)));
    facts.extend(statistics(page));
    if let Some(months) = sparkline(&page.months, Canvas::stdout()) {
        facts.push(("months", months));
    }
    facts.push(("licence", or_missing(&page.license)));
    let types = |manifest: &Manifest| match &page.types_package {
        _ if manifest.has_types => "its own".to_owned(),
        Some(package) => package.clone(),
        None => "none".to_owned(),
    };
    facts.push(("types", of_manifest(&types)));
    facts.push(("modules", of_manifest(&|manifest| modules(manifest).to_owned())));
    facts.push(("engines", of_manifest(&|manifest| ranges(&manifest.engines, true))));
    if let Some(manifest) = manifest {
        if !manifest.platforms.is_empty() {
            facts.push(("platforms", manifest.platforms.join(", ")));
        }
        if !manifest.commands.is_empty() {
            let own = page.name.rsplit('/').next().unwrap_or_default();
            let commands = manifest.commands.iter().map(|name| if name == "." { own } else { name });
            facts.push(("commands", commands.collect::<Vec<_>>().join(", ")));
        }
    }
    facts.push(("size", of_manifest(&size)));
    facts.push(("homepage", or_missing(&page.homepage)));
    facts.push(("repository", or_missing(&page.repository)));
    facts.push(("bugs", or_missing(&page.bugs)));
    if let Some(manifest) = manifest.filter(|manifest| !manifest.funding.is_empty()) {
        facts.push(("funding", manifest.funding.join(", ")));
    }
    // Every package has some; mirrors leave them out.
    let maintainers = if page.maintainers.is_empty() { unknown() } else { page.maintainers.join(", ") };
    facts.push(("maintainers", maintainers));
    facts.push(("publisher", publisher(page).unwrap_or_else(unknown)));
    if manifest.is_some_and(|manifest| manifest.has_provenance) {
        facts.push(("provenance", "the registry holds a statement of how it was built".to_owned()));
    }
    if !page.keywords.is_empty() {
        facts.push(("keywords", some(page.keywords.iter().cloned(), all)));
    }
    if !page.dist_tags.is_empty() {
        facts.push(("tags", some(page.dist_tags.iter().map(|tag| format!("{} {}", tag.tag, tag.version)), all)));
    }
    match manifest {
        None => facts.push(("dependencies", unknown())),
        Some(manifest) => {
            facts.push(("dependencies", dependencies(&manifest.dependencies, all)));
            for (kind, list) in [
                ("peers", &manifest.peer_dependencies),
                ("optional", &manifest.optional_dependencies),
                ("development", &manifest.dev_dependencies),
            ] {
                if !list.is_empty() {
                    facts.push((kind, dependencies(list, all)));
                }
            }
            if !manifest.bundled_dependencies.is_empty() {
                let bundled = &manifest.bundled_dependencies;
                facts.push(("bundled", format!("{}: {}", bundled.len(), some(bundled.iter().cloned(), all))));
            }
            facts.push(("scripts", scripts(manifest)));
        }
    }
    facts.push((
        "readme",
        match page.readme_state {
            ReadmeState::Rendered => "stored; --readme prints it",
            ReadmeState::None => "none",
            ReadmeState::Unknown => "unknown",
        }
        .to_owned(),
    ));
    facts.push(("known", known(page, now)));
    facts
}

fn downloads(page: &PackagePage) -> String {
    if let Some(daily) = &page.statistics.daily {
        let [week, month, year] = [&daily.days_7, &daily.days_30, &daily.days_365].map(period);
        return format!("{week} in 7 days, {month} in 30, {year} in 365 (to {})", daily.as_of);
    }
    let Some(downloads) = &page.downloads else { return "unknown".to_owned() };
    let parts = [(downloads.monthly, "in a month"), (downloads.weekly, "in a week")];
    let parts: Vec<String> = parts.iter().filter_map(|(number, what)| Some(format!("{} {what}", count((*number)?)))).collect();
    if parts.is_empty() { "unknown".to_owned() } else { format!("{} ({})", parts.join(", "), downloads.as_of) }
}

/// The months as bars from the first to the last, a month without a count as a gap.
fn sparkline(months: &[MonthCount], canvas: Canvas) -> Option<String> {
    let number = |month: &str| {
        let (year, month) = month.split_once('-')?;
        Some(year.parse::<usize>().ok()? * 12 + month.parse::<usize>().ok()?.checked_sub(1)?)
    };
    let [first, .., last] = months else { return None };
    let most = months.iter().max_by_key(|month| month.downloads)?;
    let (start, end) = (number(&first.month)?, number(&last.month)?);
    let mut bars = vec![None; end.checked_sub(start)?.min(1_200) + 1];
    for month in months {
        *bars.get_mut(number(&month.month)?.checked_sub(start)?)? = Some(month.downloads);
    }
    let missing: Vec<String> = bars
        .iter()
        .enumerate()
        .filter(|(_, bar)| bar.is_none())
        .map(|(place, _)| format!("{:04}-{:02}", (start + place) / 12, (start + place) % 12 + 1))
        .collect();
    let bars = chart::sparkline(&bars, Canvas { width: bars.len(), ..canvas })?;
    let gaps = if missing.is_empty() { String::new() } else { format!("; no count of {}", some(missing.into_iter(), false)) };
    Some(format!("{} {bars} {}; most in {}: {}{gaps}", first.month, last.month, most.month, count(most.downloads)))
}

fn modules(manifest: &Manifest) -> &'static str {
    match (manifest.is_esm, manifest.is_commonjs) {
        (true, true) => "ECMAScript and CommonJS",
        (true, false) => "ECMAScript",
        (false, true) => "CommonJS",
        (false, false) => "none",
    }
}

fn size(manifest: &Manifest) -> String {
    match (manifest.unpacked_bytes, manifest.files) {
        (None, None) => "unknown".to_owned(),
        (size, files) => {
            let size = size.map_or_else(|| "unknown size".to_owned(), |size| format!("{} unpacked", bytes(size)));
            let files = files.map_or_else(|| "unknown number of files".to_owned(), |files| counted(files, "file"));
            format!("{size}, {files}")
        }
    }
}

fn publisher(page: &PackagePage) -> Option<String> {
    let publisher = page.publisher.clone()?;
    let service = page.manifest.as_ref().and_then(|manifest| manifest.trusted_publisher.as_deref());
    Some(service.map_or(publisher.clone(), |service| format!("{publisher}, by {service}")))
}

/// The first of a list, and how many more there are.
fn some(mut items: impl ExactSizeIterator<Item = String>, all: bool) -> String {
    // Leaving out one would not save a word.
    if all || items.len() <= FEW + 1 {
        return items.collect::<Vec<_>>().join(", ");
    }
    let more = items.len() - FEW;
    format!("{} and {more} more", items.by_ref().take(FEW).collect::<Vec<_>>().join(", "))
}

fn ranges(list: &[Dependency], with_ranges: bool) -> String {
    if list.is_empty() {
        return "none".to_owned();
    }
    let name = |dependency: &Dependency| {
        let range = if with_ranges { format!(" {}", dependency.range) } else { String::new() };
        format!("{}{range}{}", dependency.name, if dependency.optional { " (may be missing)" } else { "" })
    };
    some(list.iter().map(name), with_ranges)
}

fn dependencies(list: &[Dependency], all: bool) -> String {
    if list.is_empty() { "none".to_owned() } else { format!("{}: {}", list.len(), ranges(list, all)) }
}

fn scripts(manifest: &Manifest) -> String {
    if manifest.install_scripts.is_empty() {
        return "none run while it is installed".to_owned();
    }
    let script = |script: &model::InstallScript| match &script.command {
        Some(command) => format!("{}: {command}", script.name),
        None => script.name.clone(),
    };
    format!("run while it is installed: {}", manifest.install_scripts.iter().map(script).collect::<Vec<_>>().join("; "))
}

/// Where this comes from, and from when it is.
fn known(page: &PackagePage, now: i64) -> String {
    match &page.details_observed {
        Some(time) => format!("details read {}; --refresh reads them again", day_and_ago(now, time)),
        None => {
            let source = match page.source {
                Source::DataSet => "the published lists",
                Source::SearchHit => "a search result",
                Source::Packument => "its document",
            };
            format!("from {source}, {}; details were not read", day_and_ago(now, &page.observed))
        }
    }
}

fn versions(rows: &[VersionRow], most: usize) -> String {
    let row = |row: &VersionRow| {
        let unknown = || "–".to_owned();
        let mut remarks = row.tags.clone();
        if let Some(message) = &row.deprecated {
            remarks.push(format!("deprecated: {message}"));
        }
        vec![
            row.version.clone(),
            row.published.as_deref().map_or_else(unknown, |time| time.chars().take(10).collect()),
            row.unpacked_bytes.map_or_else(unknown, bytes),
            row.files.map_or_else(unknown, count),
            remarks.join(", "),
        ]
    };
    let table = output::table(&["VERSION", "PUBLISHED", "SIZE", "FILES", ""], &[2, 3], rows.iter().take(most).map(row).collect());
    let mut text = output::text(&table);
    if rows.len() > most {
        let _ = write!(text, "\n {} of {}; --versions lists all", most, counted(rows.len() as u64, "version"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_as_bars() {
        let months = |counts: &[(&str, u64)]| {
            let month = |(month, downloads): &(&str, u64)| MonthCount { month: (*month).to_owned(), downloads: *downloads };
            sparkline(&counts.iter().map(month).collect::<Vec<_>>(), Canvas { width: 80, unicode: true, colours: false })
        };
        assert_eq!(months(&[("2026-01", 1)]), None);
        assert_eq!(
            months(&[("2025-11", 0), ("2025-12", 4), ("2026-02", 8_000), ("2026-03", 4_000)]).as_deref(),
            Some("2025-11 ▁▁ █▄ 2026-03; most in 2026-02: 8,000; no count of 2026-01")
        );
        assert_eq!(months(&[("2026-01", 0), ("2026-02", 0)]).as_deref(), Some("2026-01 ▁▁ 2026-02; most in 2026-02: 0"));
        assert_eq!(months(&[("x", 1), ("y", 2)]), None);
    }

    #[test]
    fn the_first_of_many() {
        let names = |number: usize| (0..number).map(|number| number.to_string()).collect::<Vec<_>>().into_iter();
        assert_eq!(some(names(11), false), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10");
        assert_eq!(some(names(12), false), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert!(some(names(12), true).ends_with(", 11"));
    }
}
