//! The values of a chart: read, added up, compared.

use std::collections::HashMap;

use markup::MAX_SERIES;
use model::{Day, DayCount, DayRange, PackageName, Series, Step, Sum, VersionLine};
use store::{Known, Months, WHOLE_REGISTRY};

use super::{
    ChartData, ChartHole, ChartLine, ChartPeriod, ChartRelease, ChartRequest, ChartShow, InvalidChart, NOT_READ, NPM_HAS_NONE, step_name,
};
use crate::{Catalog, Error};

/// Releases that are marked, the newest of the highest kind.
const RELEASES: usize = 12;
/// Days of all packages together that are read for a chart; a user's months are added up already.
const MAX_DAYS: u64 = 4_000_000;
/// A year, about.
const YEAR: i32 = 365;

/// What a chart is drawn from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChartSource {
    /// Whose packages these are, when they are all of a user's.
    user: Option<String>,
    /// Ids and names, in the order in which they are drawn.
    packages: Vec<(i64, String)>,
    days: HashMap<i64, Series>,
    /// Instead of days, with the newest day of each.
    months: HashMap<i64, Months>,
    as_of: HashMap<i64, Day>,
    registry: Option<Series>,
    released: Vec<Released>,
}

/// A release that could be marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Released {
    /// 0 a major version, 1 a minor one, 2 a patch.
    kind: u8,
    day: Day,
    version: String,
}

impl ChartSource {
    fn of(packages: Vec<(i64, String)>) -> Self {
        Self { packages, ..Self::default() }
    }

    /// One package with all its days.
    pub(crate) fn of_package(id: i64, name: String, days: Series, released: Vec<Released>) -> Self {
        let days = if days.days.is_empty() { HashMap::new() } else { HashMap::from([(id, days)]) };
        Self { days, released, ..Self::of(vec![(id, name)]) }
    }

    /// All packages of a user, with the newest day of each that is counted.
    pub(crate) fn of_user(user: String, packages: Vec<(i64, String)>, as_of: HashMap<i64, Day>) -> Self {
        Self { user: Some(user), as_of, ..Self::of(packages) }
    }

    /// The chart of this package, when no more is needed for it than its own days.
    fn chart(&self, request: &ChartRequest, today: Day) -> Option<ChartData> {
        let [(_, name)] = self.packages.as_slice() else { return None };
        let is_own = matches!(request.show, ChartShow::Total | ChartShow::Growth | ChartShow::Indexed);
        if !is_own || request.user.is_some() || request.packages.iter().any(|other| other.as_str() != name) {
            return None;
        }
        let plan = Plan::new(request, today);
        let days = self.days.iter().map(|(id, days)| (*id, days.slice(plan.read))).collect();
        Some(plan.draw(request, &Self { days, released: self.released.clone(), ..Self::of(self.packages.clone()) }))
    }
}

/// A series before it is a line: its sums by period.
struct Summed {
    /// The package's.
    id: i64,
    name: String,
    package: Option<String>,
    as_of: Option<Day>,
    coverage: Sum,
    sums: Vec<Sum>,
}

/// Which periods are drawn, and which days are read for them.
struct Plan {
    /// The first day that was asked for, whole periods.
    from: Option<Day>,
    to: Day,
    step: Step,
    /// Days that are shown when nobody says from when.
    span: i32,
    /// A user's months are added up already.
    is_by_month: bool,
    read: DayRange,
}

impl Plan {
    fn new(request: &ChartRequest, today: Day) -> Self {
        let to = request.to.unwrap_or(today).clamp(Day::FIRST_COUNTED, today.max(Day::FIRST_COUNTED));
        let step = request.step.unwrap_or_else(|| suitable(request.from, to, request.user.is_some()));
        // Whole periods are shown, or the first and the last would look like falls.
        let from = request.from.map(|from| from.min(to).period(step).first.max(Day::FIRST_COUNTED));
        let to = if request.to.is_some() { to.period(step).last.min(today).max(to) } else { to };
        let span = match step {
            Step::Day => 92,
            Step::Week => YEAR,
            Step::Month => 3 * YEAR,
            Step::Year => to - Day::FIRST_COUNTED + 1,
        };
        let is_by_month = request.user.is_some() && matches!(step, Step::Month | Step::Year);
        // What is read: also the newest day with a count, which is not known yet, and the period before the first.
        let read = DayRange { first: (from.unwrap_or(to - span - 40)).max(Day::FIRST_COUNTED).period(step).first - 370, last: to };
        Self { from, to, step, span, is_by_month, read }
    }

    /// The chart, from what was read for it.
    fn draw(&self, request: &ChartRequest, source: &ChartSource) -> ChartData {
        let Self { from, to, step, span, is_by_month, .. } = *self;
        let ChartSource { packages, days, months, .. } = source;
        let as_of_of = |id: i64| {
            if is_by_month { source.as_of.get(&id).map(|as_of| (*as_of).min(to)) } else { days.get(&id).and_then(Series::last_known) }
        };
        let as_of = packages.iter().filter_map(|(id, _)| as_of_of(*id)).max();
        let to = if request.to.is_some() { to } else { as_of.filter(|as_of| from.is_none_or(|from| from <= *as_of)).unwrap_or(to) };
        let usual = || (to - span + 1).max(Day::FIRST_COUNTED).period(step).first.max(Day::FIRST_COUNTED);
        let range = DayRange { first: from.unwrap_or_else(usual), last: to };
        let cut: Vec<(DayRange, DayRange)> = range.periods(step).into_iter().map(|whole| (whole, whole.intersection(range))).collect();
        let periods = cut.iter().map(|(whole, cut)| ChartPeriod {
            first: cut.first,
            last: cut.last,
            is_finished: (whole == cut || whole.first < Day::FIRST_COUNTED && cut.last == whole.last)
                && as_of.is_some_and(|as_of| whole.last <= as_of),
        });
        let periods: Vec<ChartPeriod> = periods.collect();

        let mut lines: Vec<Summed> = Vec::new();
        for (id, name) in packages {
            let sum = |range: DayRange| match (is_by_month, days.get(id), months.get(id)) {
                (true, _, Some(months)) => months_sum(months, range),
                (false, Some(series), _) => series.sum(range),
                _ => Sum { days: range.days(), ..Sum::default() },
            };
            let as_of = as_of_of(*id);
            let known = as_of.map_or(range, |as_of| DayRange { first: range.first, last: range.last.min(as_of).max(range.first) });
            lines.push(Summed {
                id: *id,
                name: name.clone(),
                package: Some(name.clone()),
                as_of,
                coverage: sum(known),
                sums: periods.iter().map(|period| sum(period.range())).collect(),
            });
        }
        let gaps = if is_by_month { Vec::new() } else { gaps(packages, days, DayRange { last: as_of.unwrap_or(to), ..range }) };
        if let Some(user) = &request.user {
            lines = of_user(user, lines, request.show);
        } else if request.show == ChartShow::Stacked {
            lines.sort_by_key(|line| std::cmp::Reverse(line.coverage.downloads));
        }
        let series: Vec<ChartLine> = lines
            .iter()
            .map(|line| {
                let own = days.get(&line.id);
                let values = match request.show {
                    ChartShow::Share => shares(own, source.registry.as_ref(), &periods),
                    ChartShow::Growth => growth(own, step, &periods, &line.sums),
                    ChartShow::Indexed => indexed(&line.sums, &periods),
                    ChartShow::Total | ChartShow::Stacked | ChartShow::Versions => line.sums.iter().map(count).collect(),
                };
                let known_days = line.sums.iter().map(|sum| sum.known).collect();
                let hole_days = line.sums.iter().map(|sum| sum.holes).collect();
                ChartLine {
                    name: line.name.clone(),
                    package: line.package.clone(),
                    as_of: line.as_of,
                    coverage: line.coverage,
                    values,
                    known_days,
                    hole_days,
                }
            })
            .collect();
        let missing = request.packages.iter().filter(|name| !packages.iter().any(|(_, stored)| stored == name.as_str()));
        let names = names(request, packages);
        let a = step_name(step);
        let (title, measure) = match request.show {
            ChartShow::Total | ChartShow::Versions => (format!("Downloads of {names}"), format!("downloads a {a}")),
            ChartShow::Stacked => (format!("Downloads of {names}, on each other"), format!("downloads a {a}")),
            ChartShow::Share => (format!("Share of all npm downloads: {names}"), format!("per cent of all npm downloads in a {a}")),
            ChartShow::Growth => (format!("Growth of {names}"), format!("per cent more or fewer downloads a day than in the {a} before")),
            ChartShow::Indexed => (format!("Downloads of {names}, indexed"), format!("downloads a {a}, those of the first = 100")),
        };
        ChartData {
            title,
            measure,
            as_of,
            from: range.first,
            to: range.last,
            step,
            scale: if request.log { "log" } else { "linear" },
            show: request.show,
            missing: missing.map(ToString::to_string).collect(),
            periods,
            series,
            releases: if request.marks_releases() { marked(&source.released, range) } else { Vec::new() },
            gaps,
        }
    }
}

impl Catalog {
    /// Downloads over time; `today` is the day it is. Packages that are not stored stand in `missing`; those without counts are series
    /// without values.
    pub async fn chart(&self, request: &ChartRequest, today: Day) -> Result<ChartData, Error> {
        if request.show == ChartShow::Versions {
            return self.version_chart(request, today).await;
        }
        let packages = match &request.user {
            Some(user) => self.store.packages_of(user).await?,
            None => self.in_order(&request.packages).await?,
        };
        let source = ChartSource::of(packages.into_iter().map(|package| (package.id, package.name)).collect());
        self.read_chart(request, today, source).await
    }

    /// The same on a page that has some of it at hand, which is not read again.
    pub async fn chart_of_page(&self, request: &ChartRequest, today: Day, at_hand: &ChartSource) -> Result<ChartData, Error> {
        if let Some(chart) = at_hand.chart(request, today) {
            return Ok(chart);
        }
        if at_hand.user.is_some() && at_hand.user == request.user {
            return self.read_chart(request, today, at_hand.clone()).await;
        }
        self.chart(request, today).await
    }

    async fn read_chart(&self, request: &ChartRequest, today: Day, mut source: ChartSource) -> Result<ChartData, Error> {
        let plan = Plan::new(request, today);
        let ids: Vec<i64> = source.packages.iter().map(|(id, _)| *id).collect();
        if !plan.is_by_month && ids.len() as u64 * u64::from(plan.read.days()) > MAX_DAYS {
            let text = format!(
                "{} packages by the {} over so long are too much to add up: choose step=month, or a later 'from'",
                ids.len(),
                step_name(plan.step)
            );
            return Err(InvalidChart(text).into());
        }
        if plan.is_by_month {
            source.months = self.store.months_of(&ids).await?;
            if source.as_of.is_empty() {
                source.as_of = self.store.download_sums(&ids).await?.into_iter().map(|(id, sums)| (id, sums.as_of)).collect();
            }
        } else {
            let with_registry: Vec<i64> = ids.iter().copied().chain((request.show == ChartShow::Share).then_some(WHOLE_REGISTRY)).collect();
            source.days = self.store.series_of(&with_registry, plan.read).await?;
            source.registry = source.days.remove(&WHOLE_REGISTRY);
        }
        if let ([id], true) = (ids.as_slice(), request.marks_releases())
            && let Some(stored) = self.store.details(*id).await?
        {
            source.released = released(&stored.details.versions);
        }
        Ok(plan.draw(request, &source))
    }

    /// The packages of these names that are stored, in the order of the names.
    async fn in_order(&self, names: &[PackageName]) -> Result<Vec<Known>, Error> {
        let mut found = self.store.by_names(names).await?;
        found.sort_by_key(|package| names.iter().position(|name| name.as_str() == package.name));
        Ok(found)
    }

    /// The weekly downloads of versions, as they were archived; of many versions those of one major together.
    async fn version_chart(&self, request: &ChartRequest, today: Day) -> Result<ChartData, Error> {
        let packages = self.in_order(&request.packages).await?;
        let named: Vec<(i64, String)> = packages.iter().map(|package| (package.id, package.name.clone())).collect();
        let to = request.to.unwrap_or(today).min(today);
        let from = request.from.unwrap_or(Day::FIRST_COUNTED).min(to);
        let mut weeks = match packages.first() {
            Some(package) => self.store.version_downloads(package.id).await?,
            None => Vec::new(),
        };
        weeks.retain(|week| week.last <= to && week.last - 6 >= from);
        // The newest first: weeks that reach into one that was taken are left out, or days would be counted twice.
        let mut free_to = to + 1;
        weeks.retain(|week| {
            let is_free = week.last < free_to;
            if is_free {
                free_to = week.last - 6;
            }
            is_free
        });
        weeks.reverse();
        let versions: std::collections::HashSet<&str> =
            weeks.iter().flat_map(|week| week.counts.iter().map(|(version, _)| version.as_str())).collect();
        let is_by_major = versions.len() > MAX_SERIES;
        let group = |version: &str| match version.split_once('.') {
            Some((major, _)) if is_by_major => format!("{major}.x"),
            _ => version.to_owned(),
        };
        let mut groups: HashMap<String, Vec<u64>> = HashMap::new();
        for (at, week) in weeks.iter().enumerate() {
            for (version, downloads) in &week.counts {
                let counts = groups.entry(group(version)).or_insert_with(|| vec![0; weeks.len()]);
                counts[at] = counts[at].saturating_add(*downloads);
            }
        }
        let periods: Vec<ChartPeriod> =
            weeks.iter().map(|week| ChartPeriod { first: week.last - 6, last: week.last, is_finished: true }).collect();
        let as_of = weeks.last().map(|week| week.last);
        let mut lines: Vec<Summed> = groups
            .into_iter()
            .map(|(name, counts)| {
                let sums: Vec<Sum> = counts.into_iter().map(|downloads| Sum { downloads, days: 7, known: 7, holes: 0 }).collect();
                Summed { id: 0, name, package: None, as_of, coverage: together(&sums), sums }
            })
            .collect();
        lines.sort_by(|a, b| b.coverage.downloads.cmp(&a.coverage.downloads).then_with(|| a.name.cmp(&b.name)));
        let lines = with_others(lines, if is_by_major { "majors" } else { "versions" });
        let series = lines.into_iter().map(|line| ChartLine {
            values: line.sums.iter().map(count).collect(),
            known_days: line.sums.iter().map(|sum| sum.known).collect(),
            hole_days: line.sums.iter().map(|sum| sum.holes).collect(),
            name: line.name,
            package: None,
            as_of,
            coverage: line.coverage,
        });
        let first = periods.first().map_or(from.max(to - YEAR + 1), |period| period.first);
        Ok(ChartData {
            title: format!("Versions of {} in use", names(request, &named)),
            measure: "downloads in 7 days".to_owned(),
            as_of,
            from: first,
            to: as_of.unwrap_or(to),
            step: Step::Week,
            scale: "linear",
            show: request.show,
            series: series.collect(),
            periods,
            releases: Vec::new(),
            gaps: Vec::new(),
            missing: if packages.is_empty() { request.packages.iter().map(ToString::to_string).collect() } else { Vec::new() },
        })
    }
}

/// A step that gives some fifty to a hundred and fifty periods.
fn suitable(from: Option<Day>, to: Day, is_user: bool) -> Step {
    match from.map(|from| to - from) {
        None if is_user => Step::Month,
        Some(0..=100) => Step::Day,
        None | Some(..=1_150) => Step::Week,
        Some(_) => Step::Month,
    }
}

fn names(request: &ChartRequest, packages: &[(i64, String)]) -> String {
    if let Some(user) = &request.user {
        return format!("the packages of @{user}");
    }
    let names: Vec<&str> = match packages {
        [] => request.packages.iter().map(PackageName::as_str).collect(),
        packages => packages.iter().map(|(_, name)| name.as_str()).collect(),
    };
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [some @ .., last] if names.len() <= 4 => format!("{} and {last}", some.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

/// The downloads, unless no day of the period is known of any package.
fn count(sum: &Sum) -> Option<f64> {
    (sum.known > 0 || sum.downloads > 0).then_some(sum.downloads as f64)
}

/// Sums of several periods as one.
fn together(sums: &[Sum]) -> Sum {
    sums.iter().fold(Sum::default(), |all, sum| Sum {
        downloads: all.downloads.saturating_add(sum.downloads),
        days: all.days + sum.days,
        known: all.known + sum.known,
        holes: all.holes + sum.holes,
    })
}

/// The same period of several packages: known as far as all of them are.
fn beside(all: Option<Sum>, sum: Sum) -> Sum {
    let Some(all) = all else { return sum };
    Sum {
        downloads: all.downloads.saturating_add(sum.downloads),
        days: all.days.max(sum.days),
        known: all.known.min(sum.known),
        holes: all.holes.min(sum.holes),
    }
}

/// Lines as one of this name. Those without any count are passed over.
fn joined(lines: &[Summed], name: String) -> Summed {
    let counted: Vec<&Summed> = lines.iter().filter(|line| line.as_of.is_some()).collect();
    let periods = lines.first().map_or(0, |line| line.sums.len());
    let sums =
        (0..periods).map(|at| counted.iter().fold(None, |all, line| Some(beside(all, line.sums[at]))).unwrap_or_else(|| lines[0].sums[at]));
    Summed {
        id: 0,
        name,
        package: None,
        as_of: counted.iter().filter_map(|line| line.as_of).max(),
        coverage: counted.iter().fold(None, |all, line| Some(beside(all, line.coverage))).unwrap_or_default(),
        sums: sums.collect(),
    }
}

/// As many lines as can be told apart; what is left is one line.
fn with_others(mut lines: Vec<Summed>, what: &str) -> Vec<Summed> {
    if lines.len() > MAX_SERIES {
        let others = lines.split_off(MAX_SERIES - 1);
        lines.push(joined(&others, format!("{} other {what}", others.len())));
    }
    lines
}

/// The packages of a user: together, or the most downloaded and the rest.
fn of_user(user: &str, mut lines: Vec<Summed>, show: ChartShow) -> Vec<Summed> {
    if lines.is_empty() {
        return lines;
    }
    if show == ChartShow::Stacked {
        lines.sort_by(|a, b| b.coverage.downloads.cmp(&a.coverage.downloads).then_with(|| a.name.cmp(&b.name)));
        return with_others(lines, "packages");
    }
    let counted = lines.iter().filter(|line| line.as_of.is_some()).count();
    let of = if counted < lines.len() { format!("{counted} of {}", lines.len()) } else { counted.to_string() };
    vec![joined(&lines, format!("@{user}, {of} package{}", if lines.len() == 1 { "" } else { "s" }))]
}

/// The whole months that a range touches.
fn months_sum(months: &Months, range: DayRange) -> Sum {
    let number = |day: Day| i64::from(day.year()) * 12 + i64::from(day.month());
    let first = number(months.first);
    let place = |number: i64| usize::try_from(number - first).unwrap_or(0).min(months.sums.len());
    let (from, to) = (place(number(range.first)), place(number(range.last) + 1));
    let sum = together(months.sums.get(from..to).unwrap_or_default());
    let before = months.nothing_before.map_or(0, |before| DayRange { last: range.last.min(before - 1), ..range }.days());
    Sum { days: range.days(), known: (sum.known + before).min(range.days()), ..sum }
}

/// Per cent of the whole registry, over the days of which both are known.
fn shares(own: Option<&Series>, registry: Option<&Series>, periods: &[ChartPeriod]) -> Vec<Option<f64>> {
    let (Some(own), Some(registry)) = (own, registry) else { return vec![None; periods.len()] };
    let share = |period: &ChartPeriod| {
        let (mut part, mut all) = (0.0, 0.0);
        for day in period.range().iter() {
            if let (DayCount::Known(one), DayCount::Known(of)) = (own.get(day), registry.get(day)) {
                part += one as f64;
                all += of as f64;
            }
        }
        (all > 0.0).then(|| part / all * 100.0)
    };
    periods.iter().map(share).collect()
}

/// Per cent more than in the period before. What is not finished is not compared: its days are not those of a whole period.
fn growth(own: Option<&Series>, step: Step, periods: &[ChartPeriod], sums: &[Sum]) -> Vec<Option<f64>> {
    let Some(own) = own else { return vec![None; periods.len()] };
    let grown = |(period, sum): (&ChartPeriod, &Sum)| {
        let before = own.sum((period.first - 1).period(step));
        if period.is_finished { sum.growth(&before).map(|growth| growth * 100.0) } else { None }
    };
    periods.iter().zip(sums).map(grown).collect()
}

/// Per cent of the first finished period with downloads that is known as a whole: less would make all others too high.
fn indexed(sums: &[Sum], periods: &[ChartPeriod]) -> Vec<Option<f64>> {
    let mut finished = sums.iter().zip(periods).filter(|(sum, period)| period.is_finished && sum.known == sum.days && sum.downloads > 0);
    let first = finished.next().map(|(sum, _)| sum.downloads as f64);
    sums.iter().map(|sum| Some(count(sum)? / first? * 100.0)).collect()
}

/// Stretches of which no series has a count, long enough to be seen.
fn gaps(packages: &[(i64, String)], days: &HashMap<i64, Series>, range: DayRange) -> Vec<ChartHole> {
    let series: Vec<&Series> = packages.iter().filter_map(|(id, _)| days.get(id)).collect();
    let mut gaps: Vec<ChartHole> = Vec::new();
    if series.is_empty() {
        return gaps;
    }
    for day in range.iter() {
        let mut why = NPM_HAS_NONE;
        let mut is_known = false;
        for one in &series {
            match one.get(day) {
                DayCount::Known(_) => is_known = true,
                DayCount::Unknown => why = NOT_READ,
                DayCount::Hole => {}
            }
        }
        match gaps.last_mut() {
            _ if is_known => {}
            Some(gap) if gap.last + 1 == day && gap.why == why => gap.last = day,
            _ => gaps.push(ChartHole { first: day, last: day, why }),
        }
    }
    let least = range.days().cast_signed() / 700;
    gaps.retain(|gap| gap.last - gap.first >= least);
    gaps
}

/// 0 for a major release, 1 for a minor, 2 for a patch; nothing for what is before a release or no version.
fn kind(version: &str) -> Option<u8> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let (Some(Some(_)), Some(Some(minor)), Some(Some(patch)), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    Some(match (minor, patch) {
        (0, 0) => 0,
        (_, 0) => 1,
        _ => 2,
    })
}

/// Releases that could be marked: all but prereleases.
pub(crate) fn released(versions: &[VersionLine]) -> Vec<Released> {
    let release = |line: &VersionLine| {
        Some(Released { kind: kind(&line.version)?, day: Day::of_seconds(line.published_at?), version: line.version.clone() })
    };
    versions.iter().filter_map(release).collect()
}

/// Releases of a range that deserve a mark: majors, then minors, then patches as long as there is room.
fn marked(released: &[Released], range: DayRange) -> Vec<ChartRelease> {
    let mut found: Vec<&Released> = released.iter().filter(|release| range.contains(release.day)).collect();
    found.sort_by_key(|release| (release.kind, std::cmp::Reverse(release.day)));
    found.truncate(RELEASES);
    found.sort_by_key(|release| release.day);
    found.into_iter().map(|release| ChartRelease { day: release.day, version: release.version.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_kinds() {
        assert_eq!(["1.0.0", "1.2.0", "1.2.3", "1.0.0-beta.1", "1.0", "x"].map(kind), [Some(0), Some(1), Some(2), None, None, None]);
    }

    #[test]
    fn growth_passes_over_what_is_not_whole() {
        let day = Day::parse("2026-11-02").expect("a Monday");
        let counts = [vec![DayCount::Known(10); 7], vec![DayCount::Known(15); 7], vec![DayCount::Known(1); 3]].concat();
        let series = Series { first: day, days: counts };
        let weeks: Vec<DayRange> = DayRange { first: day, last: day + 16 }.periods(Step::Week);
        let periods: Vec<ChartPeriod> = weeks
            .iter()
            .map(|week| ChartPeriod { first: week.first, last: week.last.min(day + 16), is_finished: week.last <= day + 16 })
            .collect();
        let sums: Vec<Sum> = periods.iter().map(|period| series.sum(period.range())).collect();
        assert_eq!(growth(Some(&series), Step::Week, &periods, &sums), [None, Some(50.0), None]);
        assert_eq!(indexed(&sums, &periods), [Some(100.0), Some(150.0), Some(3.0 / 70.0 * 100.0)]);
        let registry = Series { first: day, days: vec![DayCount::Known(1_000); 10] };
        assert_eq!(shares(Some(&series), Some(&registry), &periods), [Some(1.0), Some(1.5), None]);
    }

    #[test]
    fn a_lost_stretch_is_a_gap_of_all_layers_and_what_is_unread_is_not() {
        let day = |text: &str| Day::parse(text).expect("a day");
        let months = |known: [u32; 3], holes: [u32; 3]| Months {
            first: day("2026-01-01"),
            sums: (0..3)
                .map(|at| Sum { downloads: 100 * u64::from(known[at]), days: [31, 28, 31][at], known: known[at], holes: holes[at] })
                .collect(),
            nothing_before: None,
        };
        let mut source = ChartSource::of((1..=12).map(|id| (id, format!("p{id:02}"))).collect());
        for id in 1..=12 {
            // npm lost five days of February; of the last package March was not read to its end.
            source.months.insert(id, months([31, 23, if id == 12 { 10 } else { 31 }], [0, 5, 0]));
            source.as_of.insert(id, day("2026-03-31"));
        }
        for show in [ChartShow::Stacked, ChartShow::Total] {
            let request = ChartRequest {
                packages: Vec::new(),
                user: Some("jane".to_owned()),
                from: Some(day("2026-01-01")),
                to: Some(day("2026-03-31")),
                step: Some(Step::Month),
                log: false,
                show,
                releases: false,
            };
            let data = Plan::new(&request, day("2026-04-10")).draw(&request, &source);
            for line in &data.series {
                let drawn: Vec<bool> = (0..3).map(|at| data.drawn(line, at).is_some()).collect();
                assert_eq!(drawn, [true, false, true], "{show:?} {}", line.name);
            }
        }
    }

    #[test]
    fn what_is_partly_known_is_no_base_of_an_index() {
        let sum = |known: u32| Sum { downloads: u64::from(known) * 10, days: 7, known, holes: 0 };
        let first = Day::parse("2026-11-02").expect("a Monday");
        let period = |at: i32| ChartPeriod { first: first + at * 7, last: first + at * 7 + 6, is_finished: true };
        let values = indexed(&[sum(1), sum(7), sum(7)], &[period(0), period(1), period(2)]);
        assert_eq!(values[1..], [Some(100.0), Some(100.0)]);
    }
}
