//! Measures the downloads of a whole registry that is made up in real proportions: how many packages have how many downloads is as in the
//! newest `download-counts`, how old they are is as npm grew, and days vary as days do.
//!
//! `cargo run --release --package store --example downloads -- [--packages N] [--sums N] [--years N] [--data DIR] [--again]`
//!
//! `--again` measures what an earlier run left in `--data`. `--sums N`: so many further packages have only sums, for lists over all packages. Beside the time that passed stands the time that this
//! process had a processor, which other work on the machine does not lengthen.

#![expect(clippy::print_stdout, reason = "a measurement for the terminal")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::{Day, DayCount, DayRange, Series};
use sqlx::{Connection, SqliteConnection};
use store::{NewName, Place, Store, TrendList, WHOLE_REGISTRY};

/// Of 3,771,841 packages so many have at least so many downloads a month.
const RANKS: [(f64, f64); 10] = [
    (1.0, 2_400_000_000.0),
    (1_334.0, 100_000_000.0),
    (5_377.0, 10_000_000.0),
    (15_433.0, 1_000_000.0),
    (39_701.0, 100_000.0),
    (91_963.0, 10_000.0),
    (222_243.0, 1_000.0),
    (674_706.0, 100.0),
    (2_101_467.0, 10.0),
    (3_771_841.0, 0.9),
];
/// Packages at the end of the years from 2014 on, in thousands.
const GROWTH: [f64; 13] = [110.0, 220.0, 370.0, 600.0, 850.0, 1_100.0, 1_450.0, 1_850.0, 2_300.0, 2_700.0, 3_200.0, 3_900.0, 4_500.0];
const WRITTEN_AT_ONCE: usize = 2_000;
const OF_A_USER: usize = 2_000;
/// Packages whose whole history is read.
const OLDEST: usize = 2_000;

/// Splitmix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// So many on average.
    fn count(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            let sum: f64 = (0..6).map(|_| self.share()).sum();
            return (mean + (sum - 3.0) * 1.41 * mean.sqrt()).max(0.0) as u64;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.share(), 0);
        while product > limit {
            product *= self.share();
            count += 1;
        }
        count
    }
}

/// Downloads a month of the package at this place, of so many.
fn monthly(place: usize, packages: usize) -> f64 {
    let rank = (place as f64 + 1.0) / packages as f64 * RANKS[RANKS.len() - 1].0;
    let pair = RANKS.windows(2).find(|pair| rank <= pair[1].0).unwrap_or(&RANKS[RANKS.len() - 2..]);
    let share = ((rank.max(1.0) / pair[0].0).ln() / (pair[1].0 / pair[0].0).ln()).clamp(0.0, 1.0);
    pair[0].1 * (pair[1].1 / pair[0].1).powf(share)
}

/// The day on which a package appeared.
fn born(chance: &mut Chance, as_of: Day) -> Day {
    let size = chance.share() * GROWTH[GROWTH.len() - 1];
    let year = GROWTH.iter().position(|end| size <= *end).unwrap_or(0);
    let start = Day::of_date(2014 + year as i16, 1, 1).unwrap_or_default();
    (start + (chance.next() % 365) as i32).min(as_of - 1).max(Day::FIRST_COUNTED)
}

fn is_lost(day: Day) -> bool {
    let lost = [((2015, 3, 11), 1), ((2018, 5, 27), 13), ((2022, 7, 21), 2), ((2024, 1, 9), 3), ((2024, 8, 28), 8)];
    lost.iter()
        .any(|((year, month, date), days)| Day::of_date(*year, *month, *date).is_some_and(|first| (0..*days).contains(&(day - first))))
}

/// A package's days: a growth of its own, quiet weekends, a burst on the first day, and what chance brings.
fn history(chance: &mut Chance, monthly: f64, born: Day, first: Day, as_of: Day, lost: &[bool]) -> Series {
    let age = f64::from(as_of - born).max(1.0);
    let doublings = (chance.share() * 4.0 - 0.5) * age / 3_650.0;
    let first = born.max(first);
    let count = |day: Day| {
        if lost[(day - Day::FIRST_COUNTED).max(0).unsigned_abs() as usize] {
            return DayCount::Hole;
        }
        let weekday = if day.weekday() < 5 { 1.2 } else { 0.5 };
        let mood = 0.85 + chance.share() * 0.3;
        let mean = monthly / 30.0 * 2f64.powf(-doublings * f64::from(as_of - day) / age * 2.0) * weekday * mood;
        DayCount::Known(chance.count(mean) + if day == born { 90 } else { 0 })
    };
    Series { first, days: DayRange { first, last: as_of }.iter().map(count).collect() }
}

fn option(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let place = arguments.iter().position(|argument| argument == name)?;
    arguments.get(place + 1).cloned()
}

fn size(data: &Path) -> u64 {
    std::fs::read_dir(data).into_iter().flatten().filter_map(|entry| entry.ok()?.metadata().ok()).map(|meta| meta.len()).sum()
}

/// How long this process was on a processor, in steps of a hundredth of a second.
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    Duration::from_millis(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Times that passed, and of the processor.
#[derive(Default)]
struct Times {
    passed: Vec<Duration>,
    processor: Duration,
}

impl Times {
    fn add(&mut self, (began, processor_then): (Instant, Duration)) {
        self.passed.push(began.elapsed());
        self.processor += processor().saturating_sub(processor_then);
    }
}

fn now() -> (Instant, Duration) {
    (Instant::now(), processor())
}

fn times(times: Times) -> String {
    let Times { passed: mut all, processor } = times;
    all.sort_unstable();
    let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let processor = processor.as_secs_f64() * 1_000.0 / all.len() as f64;
    format!("median {:.2} ms, 99 % {:.2} ms, largest {:.2} ms; {processor:.2} ms of a processor", at(0.5), at(0.99), at(1.0))
}

/// When the days are asked for.
fn observed_at(as_of: Day) -> i64 {
    (as_of + 2).start_seconds()
}

/// Some packages with days of the first year that is counted, by chance.
async fn oldest(data: &Path, packages: usize, chance: &mut Chance) -> Result<Vec<i64>, sqlx::Error> {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", data.join("measured.db").display())).await?;
    let mut found = Vec::new();
    for _ in 0..200_000 {
        let id = 1 + (chance.next() % packages as u64).cast_signed();
        let sql = "SELECT package_id FROM download_years WHERE package_id = $1 AND year <= 2015";
        found.extend(sqlx::query_scalar::<_, i64>(sql).bind(id).fetch_optional(&mut connection).await?);
        if found.len() >= OLDEST {
            break;
        }
    }
    connection.close().await?;
    Ok(found)
}

/// Makes up the packages and all their days, and says what that took.
async fn make(data: &Path, packages: usize, years: i32, as_of: Day) -> Result<(), Box<dyn std::error::Error>> {
    let store = Store::open(&Place::Sqlite(data.join("measured.db"))).await?;
    let names: Vec<String> = (0..packages).map(|number| format!("package-{number:07}")).collect();
    for chunk in names.chunks(50_000) {
        let rows: Vec<NewName<'_>> = chunk.iter().map(|name| NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await?;
    }
    let empty = size(data);
    let lost: Vec<bool> = DayRange { first: Day::FIRST_COUNTED, last: as_of }.iter().map(is_lost).collect();
    let first = Day::FIRST_COUNTED.max(as_of - years * 365);
    // Which id has which place among all is by chance, as names are.
    let mut chance = Chance(2_026);
    let mut places: Vec<u32> = (0..packages as u32).collect();
    for last in (1..packages).rev() {
        places.swap(last, (chance.next() % (last as u64 + 1)) as usize);
    }
    let (began, before) = now();
    let (mut points, mut rows) = (0u64, 0u64);
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Vec<(i64, Series)>>(2);
    let made = tokio::task::spawn_blocking(move || {
        let mut batch = Vec::new();
        for (place, id) in places.into_iter().zip(1..) {
            let born = born(&mut chance, as_of);
            batch.push((id, history(&mut chance, monthly(place as usize, packages), born, first, as_of, &lost)));
            if batch.len() == WRITTEN_AT_ONCE && sender.blocking_send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
        let _ = sender.blocking_send(batch);
    });
    while let Some(batch) = receiver.recv().await {
        for (_, series) in &batch {
            points += series.days.len() as u64;
            rows += (i64::from(as_of.year()) - i64::from(series.first.year()) + 1).unsigned_abs();
        }
        store.put_days(&batch, observed_at(as_of)).await?;
    }
    made.await?;
    let (seconds, on) = (began.elapsed().as_secs_f64(), processor().saturating_sub(before).as_secs_f64());
    let total = Series { first, days: vec![DayCount::Known(9_000_000_000); (as_of - first).unsigned_abs() as usize + 1] };
    store.put_days(&[(WHOLE_REGISTRY, total)], observed_at(as_of)).await?;
    store.close().await;
    let full = size(data);
    println!("{packages} packages, {rows} years, {points} days, made and written in {seconds:.0} s, {on:.0} s of a processor");
    println!(
        "on disk {:.2} GB for downloads ({:.2} GB with names): {:.3} bytes a day, {:.0} a year, months and sums included",
        (full - empty) as f64 / 1e9,
        full as f64 / 1e9,
        (full - empty) as f64 / points as f64,
        (full - empty) as f64 / rows as f64
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let packages: usize = option("--packages").map_or(Ok(100_000), |text| text.parse())?;
    let years: i32 = option("--years").map_or(Ok(20), |text| text.parse())?;
    let data = option("--data").map_or_else(|| std::env::temp_dir().join(format!("downloads-{}", std::process::id())), PathBuf::from);
    std::fs::create_dir_all(&data)?;
    let as_of = Day::of_date(2026, 11, 22).unwrap_or_default();
    if !std::env::args().any(|argument| argument == "--again") {
        make(&data, packages, years, as_of).await?;
    }
    let store = Store::open(&Place::Sqlite(data.join("measured.db"))).await?;
    let packages = usize::try_from(store.count().await?)?;
    let observed_at = observed_at(as_of);

    let mut chance = Chance(7);
    let oldest = oldest(&data, packages, &mut chance).await?;
    let mut any =
        |from: &[i64], count: usize| -> Vec<i64> { (0..count).map(|_| from[(chance.next() % from.len() as u64) as usize]).collect() };
    let mut took = Times::default();
    let mut days = 0;
    for id in oldest {
        let began = now();
        days += store.series(id).await?.days.len();
        took.add(began);
    }
    println!("all days of a package, {} on average: {}", days / took.passed.len(), times(took));

    let all: Vec<i64> = (1..=packages as i64).collect();
    let mut took: [Times; 6] = Default::default();
    for _ in 0..30 {
        // Nothing of them was read before.
        let ids = any(&all, OF_A_USER);
        let page = now();
        store.download_sums(&ids).await?;
        store.months_of(&ids).await?;
        took[5].add(page);
        // The same once more, apart.
        let began = now();
        store.months_of(&ids).await?;
        took[0].add(began);
        let year = now();
        store.series_of(&ids, DayRange::ending(as_of, 90)).await?;
        took[1].add(year);
        let sums = now();
        store.download_sums(&ids).await?;
        store.ranks(&ids).await?;
        took[2].add(sums);
        took[3].add(began);
        let long = now();
        store.series_of(&ids, DayRange { first: Day::FIRST_COUNTED, last: as_of }).await?;
        took[4].add(long);
    }
    let [months, lately, sums, everything, long, page] = took.map(times);
    println!("a user with {OF_A_USER} packages, what their page reads, sums and months: {page}");
    println!("  read before: months {months}");
    println!("  the last 90 days {lately}");
    println!("  sums and ranks {sums}");
    println!("  all three {everything}");
    println!("  all days of all years instead of months {long}");

    store.set_popular(&all[..all.len().min(100)], 100, observed_at).await?;
    let listed: Vec<i64> = all[..all.len().min(100)].to_vec();
    let asked: Vec<(i64, Series)> = store.series_of(&listed, DayRange::ending(as_of, 2)).await?.into_iter().collect();
    store.put_days(&asked, observed_at).await?;
    // Packages with nothing but sums, written as they are: this is about reading them.
    let more: usize = option("--sums").map_or(Ok(0), |text| text.parse())?;
    let names: Vec<String> = (0..more).map(|number| format!("sums-{number:07}")).collect();
    for chunk in names.chunks(50_000) {
        let rows: Vec<NewName<'_>> = chunk.iter().map(|name| NewName { name, repository: None }).collect();
        store.add_names(&rows, 100).await?;
    }
    if more > 0 {
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", data.join("measured.db").display())).await?;
        let sql = "INSERT INTO download_sums SELECT id, $1, n / 30, n / 4, n, n * 12, n / 5, n - n % 17, n * 9, NULL FROM
            (SELECT id, (id * 7919 % 100003) * (id * 104729 % 997) / (1 + id % 9973) AS n FROM packages WHERE name >= 'sums-')";
        sqlx::query(sql).bind(as_of.0).execute(&mut connection).await?;
        connection.close().await?;
    }
    let (began, before) = now();
    let basis = store.make_trends(observed_at).await?;
    let (packages, seconds, on) =
        (basis.map_or(0, |basis| basis.packages), began.elapsed().as_secs_f64(), processor().saturating_sub(before).as_secs_f64());
    println!("lists and ranks of {packages} packages: {seconds:.1} s; {on:.1} s of a processor");
    let mut took = Times::default();
    for list in TrendList::ALL.into_iter().cycle().take(400) {
        let began = now();
        store.trend(list, None, 50).await?;
        took.add(began);
    }
    println!("a stored list of 50: {}", times(took));
    store.close().await;
    if option("--data").is_none() {
        std::fs::remove_dir_all(&data)?;
    }
    Ok(())
}
