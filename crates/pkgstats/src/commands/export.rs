//! `pkgstats export`

use catalog::{Catalog, ChartRequest, UserRequest, UserSort, trend_list};
use model::{Day, PackageName, Step};
use serde_json::{Map, Value, json};

use crate::args::{Export, ExportFormat, ExportWhat, Global};
use crate::{Outcome, config, output};

/// More packages than any user has.
const ALL: usize = 1_000_000;

/// One line: names and values, in their order.
type Line = Vec<(&'static str, Value)>;

pub(crate) async fn run(global: &Global, args: Export) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let catalog = Catalog::open(context.store.clone(), context.index_root());
    let format = if global.json { ExportFormat::Ndjson } else { args.format };
    let now = context.clock.now();
    let (lines, outcome) = match args.what {
        ExportWhat::Downloads { names, from, to, step } => downloads(&catalog, names, (from, to), step.into(), now).await?,
        ExportWhat::User { name } => {
            let page = catalog.user(&UserRequest { name, sort: UserSort::Downloads, from: 0, size: ALL, now }).await?;
            if page.total == 0 {
                output::remark(&format!(
                    "pkgstats: no package is known that names {}; pkgstats user {} asks the registry",
                    page.user, page.user
                ));
                return Ok(Outcome::NotFound);
            }
            (page.packages.iter().map(user_line).collect(), Outcome::Ok)
        }
        ExportWhat::Compare { names } => {
            let page = catalog.compare(&names, now).await?;
            for name in &page.unknown {
                output::remark(&format!("pkgstats: nothing is known of {name}"));
            }
            let outcome = if page.unknown.is_empty() { Outcome::Ok } else { Outcome::NotFound };
            (page.packages.iter().map(compared_line).collect(), outcome)
        }
        ExportWhat::Trends { list, keyword } => {
            let found = match trend_list(&list) {
                Some(list) => catalog.trends(list, keyword.as_deref()).await?,
                None => None,
            };
            let Some(page) = found else {
                output::remark("pkgstats: there are no lists of this keyword, only of the thousand that most packages have");
                return Ok(Outcome::NotFound);
            };
            let counted = page.counted.clone();
            let line = |one: &catalog::TrendPackage| -> Line {
                vec![
                    ("package", json!(one.package.name)),
                    ("downloads", json!(one.downloads)),
                    ("before", json!(one.before)),
                    ("change", json!(one.change)),
                    ("counted", json!(counted)),
                ]
            };
            (page.packages.iter().map(line).collect(), Outcome::Ok)
        }
    };
    write(&lines, format)?;
    Ok(outcome)
}

/// A line a package and period; days that nobody knows have no downloads.
async fn downloads(
    catalog: &Catalog,
    names: Vec<PackageName>,
    (from, to): (Option<Day>, Option<Day>),
    step: Step,
    now: i64,
) -> anyhow::Result<(Vec<Line>, Outcome)> {
    let (mut lines, mut outcome) = (Vec::new(), Outcome::Ok);
    let from = from.or(Some(Day::FIRST_COUNTED));
    for name in names {
        let request = ChartRequest { from, to, step: Some(step), releases: false, ..ChartRequest::of(vec![name.clone()]) };
        let data = catalog.chart(&request, Day::of_seconds(now)).await?;
        if data.is_empty() {
            output::remark(&format!("pkgstats: no downloads by day of {name} are stored"));
            outcome = Outcome::NotFound;
            continue;
        }
        for line in &data.series {
            // What lies before the first count is nothing that could be told.
            let first = line.values.iter().position(|value| value.is_some_and(|value| value > 0.0));
            let first = first.or_else(|| line.values.iter().position(Option::is_some)).unwrap_or(0);
            for (at, period) in data.periods.iter().enumerate().skip(first) {
                lines.push(vec![
                    ("package", json!(name.as_str())),
                    ("first", json!(period.first)),
                    ("last", json!(period.last)),
                    ("downloads", json!(line.values.get(at).copied().flatten().map(|value| value as u64))),
                    ("known_days", json!(line.known_days.get(at))),
                    ("lost_days", json!(line.hole_days.get(at))),
                    ("finished", json!(period.is_finished)),
                ]);
            }
        }
    }
    Ok((lines, outcome))
}

fn daily_columns(daily: Option<&catalog::DailyDownloads>) -> Line {
    let of = |period: &dyn Fn(&catalog::DailyDownloads) -> catalog::PeriodDownloads| daily.map(period).filter(|period| period.known > 0);
    let (week, month, year) = (of(&|daily| daily.days_7), of(&|daily| daily.days_30), of(&|daily| daily.days_365));
    let count = |period: Option<catalog::PeriodDownloads>| json!(period.map(|period| period.downloads));
    let change = |period: Option<catalog::PeriodDownloads>| json!(period.and_then(|period| period.change));
    vec![
        ("as_of", json!(daily.map(|daily| daily.as_of))),
        ("days_7", count(week)),
        ("days_7_change", change(week)),
        ("days_30", count(month)),
        ("days_30_change", change(month)),
        ("days_365", count(year)),
        ("days_365_known", json!(year.map(|year| year.known))),
        ("days_365_change", change(year)),
    ]
}

fn words(problems: Option<&Vec<catalog::Finding>>) -> Value {
    json!(problems.map(|problems| problems.iter().map(|one| one.words.as_str()).collect::<Vec<_>>().join("; ")))
}

fn user_line(package: &catalog::UserPackage) -> Line {
    let mut line = vec![
        ("package", json!(package.name)),
        ("version", json!(package.version)),
        ("published", json!(package.published)),
        ("deprecated", json!(package.deprecated)),
    ];
    line.extend(daily_columns(package.daily.as_ref()));
    line.extend([
        ("other_monthly", json!(package.downloads.as_ref().and_then(|downloads| downloads.monthly))),
        ("other_as_of", json!(package.downloads.as_ref().map(|downloads| &downloads.as_of))),
        ("dependents", json!(package.dependents)),
        ("to_work_on", words(package.problems.as_ref())),
        ("attention", json!(package.attention)),
    ]);
    line
}

fn compared_line(package: &catalog::Compared) -> Line {
    let mut line = vec![
        ("package", json!(package.name)),
        ("version", json!(package.version)),
        ("published", json!(package.published)),
        ("created", json!(package.created)),
        ("deprecated", json!(package.deprecated)),
        ("license", json!(package.license)),
        ("repository", json!(package.repository)),
    ];
    line.extend(daily_columns(package.daily.as_ref()));
    let latest = package.latest.as_ref();
    line.extend([
        ("rank", json!(package.rank.as_ref().map(|rank| rank.place))),
        ("dependents", json!(package.dependents)),
        ("versions", json!(latest.map(|latest| latest.versions))),
        ("versions_in_a_year", json!(latest.map(|latest| latest.versions_in_a_year))),
        ("unpacked_bytes", json!(latest.and_then(|latest| latest.unpacked_bytes))),
        ("dependencies", json!(latest.map(|latest| latest.dependencies))),
        ("has_types", json!(latest.map(|latest| latest.has_types))),
        ("is_esm", json!(latest.map(|latest| latest.is_esm))),
        ("is_commonjs", json!(latest.map(|latest| latest.is_commonjs))),
        ("to_work_on", words(package.problems.as_ref())),
    ]);
    line
}

fn write(lines: &[Line], format: ExportFormat) -> anyhow::Result<()> {
    match format {
        ExportFormat::Ndjson => {
            for line in lines {
                let known = line.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| ((*name).to_owned(), value.clone()));
                output::line(&serde_json::to_string(&Value::Object(known.collect::<Map<_, _>>()))?);
            }
        }
        ExportFormat::Csv => {
            let Some(first) = lines.first() else { return Ok(()) };
            output::raw(csv_line(first.iter().map(|(name, _)| (*name).to_owned())).as_bytes());
            for line in lines {
                output::raw(csv_line(line.iter().map(|(_, value)| csv_value(value))).as_bytes());
            }
        }
    }
    Ok(())
}

fn csv_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A line as RFC 4180 has it. What a spreadsheet would take for a formula is kept from being one by the quote before it.
fn csv_line(values: impl Iterator<Item = String>) -> String {
    let quoted = |value: String| {
        let is_formula = value.starts_with(['=', '+', '@', '\t']) || value.starts_with('-') && value.parse::<f64>().is_err();
        // The names of scoped packages begin with @ and are names, so they stay as they are.
        let value = if is_formula && PackageName::parse(&value).is_err() { format!("'{value}") } else { value };
        if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
    };
    let mut line = values.map(quoted).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_csv() {
        let check = |values: &[&str], expected: &str| {
            assert_eq!(csv_line(values.iter().map(|value| (*value).to_owned())), format!("{expected}\r\n"), "{values:?}");
        };
        check(&["a", "", "1.5"], "a,,1.5");
        check(&["a, b", "say \"x\"", "two\nlines"], "\"a, b\",\"say \"\"x\"\"\",\"two\nlines\"");
        check(&["@scope/name", "-0.25", "-", "=1+1", "@SUM(A1)"], "@scope/name,-0.25,-,'=1+1,'@SUM(A1)");
    }
}
