//! npm's downloads API on loopback, on a clock of the test: the counts of any package follow from its name, and the limits and habits of the
//! real one are kept: see the fields of [`DownloadFaults`].

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use model::{Day, DayRange};
use tokio::net::TcpListener;

use crate::VirtualClock;

/// What goes wrong. By default nothing does.
#[derive(Debug, Clone, Copy, Default)]
pub struct DownloadFaults {
    /// Of so many requests one is refused with 429 and a page, with `Retry-After: 0`, with 90 seconds or without; 0 for none. Asking again
    /// within the next half minute breaks a limit.
    pub refused: u64,
    /// Of so many requests one ends with 522 and nothing, or with 200 and a page; 0 for none.
    pub broken: u64,
    /// Some names beside each other are answered with 403 and a page.
    pub blocks: bool,
    /// Ranges of some packages, asked for alone, are cut to 300 days without a word, from their beginning.
    pub cuts: bool,
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct DownloadRequest {
    /// When: seconds since 1970, UTC.
    pub at: i64,
    /// The names, none for the whole registry.
    pub names: Vec<String>,
    /// The days that were answered with counts; `None` for versions, and for whatever was not answered with counts.
    pub answered: Option<DayRange>,
    /// The days that were asked for.
    pub asked: Option<DayRange>,
    /// The status of the answer.
    pub status: u16,
}

#[derive(Debug, Default)]
struct Inner {
    requests: Vec<DownloadRequest>,
    /// When the last requests came, in milliseconds.
    lately: VecDeque<i64>,
    /// Nobody may ask before.
    penalty_until: i64,
    violations: Vec<String>,
}

/// The API, until it is dropped.
#[derive(Debug, Clone)]
pub struct FakeDownloads {
    address: SocketAddr,
    clock: VirtualClock,
    faults: DownloadFaults,
    inner: Arc<Mutex<Inner>>,
}

/// npm refuses above about one request in two seconds; here thirty in a minute, counted in any minute.
const A_MINUTE: usize = 30;
const MINUTE: i64 = 60_000;
const PENALTY: i64 = 30_000;
/// Names in bulk, days in bulk, days of one name.
const BULK: usize = 128;
const BULK_DAYS: u32 = 365;
const SINGLE_DAYS: u32 = 549;
/// A day's counts are a little too low until it is so old.
const SETTLED: i32 = 5;
/// What the rate limiter and the firewall answer.
const PAGE: &str = "<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry</body></html>";

/// Year, month and day.
type Date = (i16, i8, i8);

/// Days that npm lost, first and last.
const LOST: [[Date; 2]; 5] = [
    [(2015, 3, 11), (2015, 3, 11)],
    [(2018, 5, 27), (2018, 6, 8)],
    [(2022, 7, 21), (2022, 7, 22)],
    [(2024, 1, 9), (2024, 1, 11)],
    [(2024, 8, 28), (2024, 9, 4)],
];

fn date((year, month, day): Date) -> Day {
    Day::of_date(year, month, day).unwrap_or_default()
}

/// Whether npm lost the counts of this day: they are nothing, or in January 2024 a tenth.
#[must_use]
pub fn is_lost(day: Day) -> bool {
    LOST.iter().any(|[first, last]| date(*first) <= day && day <= date(*last))
}

/// A number that is the same for the same text, always.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^ (number >> 29)
}

/// How often a package was really downloaded on a day. Nothing before it appeared, on a day between 2013 and the end of 2025.
#[must_use]
pub fn count_of(name: &str, day: Day) -> u64 {
    let seed = hash(name);
    let born = Day::FIRST_COUNTED - 700 + (mix(seed) % 4_700) as i32;
    if day < born {
        return 0;
    }
    let age = (day - born).cast_unsigned();
    let usual = 1 + mix(seed ^ 1) % 10u64.pow(1 + (mix(seed ^ 2) % 6) as u32);
    let weekday = if day.weekday() < 5 { 10 } else { 6 };
    let grown = usual + usual * u64::from(age) / 2_000;
    grown * weekday / 10 + mix(seed ^ u64::from(day.0.cast_unsigned())) % (usual / 4 + 2) + u64::from(age == 0)
}

/// How often all packages together were.
fn count_of_all(day: Day) -> u64 {
    let weekday = if day.weekday() < 5 { 10 } else { 6 };
    let age = u64::from((day - Day::FIRST_COUNTED).max(0).cast_unsigned());
    (60_000_000 + age * 2_000_000) * weekday / 10
}

/// So many names of packages: two in five have a scope, and some are odd.
#[must_use]
pub fn counted_packages(count: usize) -> Vec<String> {
    let name = |number: usize| match number % 50 {
        9 => format!("JSON.stream-{number}"),
        20 => format!("it's~{number}"),
        30 => format!("dots..{number}"),
        place if place % 5 < 2 => format!("@scope{}/package-{number}", number % 700),
        _ => format!("package-{number}"),
    };
    (0..count).map(name).collect()
}

impl FakeDownloads {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(clock: VirtualClock, faults: DownloadFaults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let api = Self { address: listener.local_addr().expect("an address"), clock, faults, inner: Arc::default() };
        let router = Router::new().fallback(answer).with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        api
    }

    /// The base address, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<DownloadRequest> {
        self.lock().requests.clone()
    }

    /// Which limits were broken, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// The last day of which there are counts at this moment: one to three days ago.
    #[must_use]
    pub fn landed(seconds: i64) -> Day {
        let today = Day::of_seconds(seconds);
        let landed = |day: Day| day - 1 - (mix(u64::from(day.0.cast_unsigned())) % 3) as i32;
        (0..3).map(|ago| landed(today - ago)).max().unwrap_or(today - 3)
    }

    /// What is answered for a day when it is asked for at a moment: nothing for lost days and days that have not come, a tenth of the next
    /// to come, a little less than all of the newest.
    #[must_use]
    pub fn shown(real: u64, day: Day, seconds: i64) -> u64 {
        let landed = Self::landed(seconds);
        match day - landed {
            2.. => 0,
            1 => real / 10,
            _ if is_lost(day) => {
                if day.year() == 2024 && day.month() == 1 {
                    real / 10
                } else {
                    0
                }
            }
            _ if Day::of_seconds(seconds) - day < SETTLED => real - real / 20,
            _ => real,
        }
    }

    fn counts(&self, package: Option<&str>, asked: DayRange, most: u32, json: &mut String) -> DayRange {
        let now = self.clock.now();
        let is_cut = self.faults.cuts && most == SINGLE_DAYS && package.is_some_and(|name| hash(name).is_multiple_of(7));
        let most = if is_cut { most.min(300) } else { most };
        let answered = if asked.days() > most { DayRange::ending(asked.last, most) } else { asked };
        json.push_str("{\"downloads\":[");
        for day in answered.iter() {
            let real = package.map_or_else(|| count_of_all(day), |name| count_of(name, day));
            let comma = if day == answered.first { "" } else { "," };
            let shown = Self::shown(real, day, now);
            // The order of the keys is not a promise.
            let _ = if day.0 % 3 == 0 {
                write!(json, "{comma}{{\"downloads\":{shown},\"day\":\"{day}\"}}")
            } else {
                write!(json, "{comma}{{\"day\":\"{day}\",\"downloads\":{shown}}}")
            };
        }
        let _ = write!(json, "],\"start\":\"{}\",\"end\":\"{}\"", answered.first, answered.last);
        if let Some(name) = package {
            let _ = write!(json, ",\"package\":\"{name}\"");
        }
        json.push('}');
        answered
    }

    /// Whether the firewall does not like these names beside each other, or one of them at all.
    fn is_blocked(&self, names: &[String]) -> bool {
        let any = |rest: u64| names.iter().any(|name| hash(name) % 97 == rest);
        self.faults.blocks && ((any(5) && any(9)) || names.iter().any(|name| is_forbidden(name)))
    }

    fn answer(&self, path: &str) -> (u16, Vec<(&'static str, String)>, String) {
        let now = self.clock.milliseconds();
        let mut inner = self.lock();
        let number = inner.requests.len() as u64 + 1;
        let (names, asked, is_versions) = read(path);
        let mut request = DownloadRequest { at: now / 1_000, names, answered: None, asked, status: 200 };
        while inner.lately.front().is_some_and(|at| *at <= now - MINUTE) {
            inner.lately.pop_front();
        }
        inner.lately.push_back(now);
        let is_hurried = inner.lately.len() > A_MINUTE;
        if is_hurried {
            let violation = format!("{} requests in a minute", inner.lately.len());
            inner.violations.push(violation);
        }
        if now < inner.penalty_until {
            let violation = format!("asked {} ms before a refusal was over", inner.penalty_until - now);
            inner.violations.push(violation);
        }
        let html = || vec![("content-type", "text/html".to_owned())];
        let json = || vec![("content-type", "application/json".to_owned())];
        let chance = |one_in: u64, salt: u64| one_in > 0 && mix(number ^ (salt << 40)).is_multiple_of(one_in);
        let (status, headers, body) = if is_hurried || now < inner.penalty_until || chance(self.faults.refused, 1) {
            let mut headers = html();
            let wait = match number % 3 {
                0 => Some(0),
                1 => Some(90),
                _ => None,
            };
            headers.extend(wait.map(|wait: i64| ("retry-after", wait.to_string())));
            inner.penalty_until = now + PENALTY;
            (429, headers, PAGE.to_owned())
        } else if chance(self.faults.broken, 2) {
            if number.is_multiple_of(2) { (522, html(), String::new()) } else { (200, html(), PAGE.to_owned()) }
        } else if self.is_blocked(&request.names) {
            (403, html(), PAGE.to_owned())
        } else if is_versions {
            let name = request.names.first().cloned().unwrap_or_default();
            if is_unknown(&name) {
                (404, json(), format!("{{\"error\":\"package {name} not found\"}}"))
            } else {
                let total: u64 = (1..=7).map(|ago| count_of(&name, Day::of_seconds(now / 1_000) - ago)).sum();
                let (most, rest) = (total - total / 3, total / 3);
                (200, json(), format!("{{\"package\":\"{name}\",\"downloads\":{{\"1.0.0\":{rest},\"2.0.0-rc.1+build\":{most}}}}}"))
            }
        } else {
            let mut broken = Vec::new();
            let (status, body, answered) = self.counted(&request, number, &mut broken);
            inner.violations.append(&mut broken);
            request.answered = answered;
            (status, json(), body)
        };
        request.status = status;
        inner.requests.push(request);
        (status, headers, body)
    }

    fn counted(&self, request: &DownloadRequest, number: u64, broken: &mut Vec<String>) -> (u16, String, Option<DayRange>) {
        let error = |status: u16, text: &str| (status, format!("{{\"error\":\"{text}\"}}"), None);
        let Some(asked) = request.asked else { return error(400, "invalid date") };
        if asked.is_empty() || asked.last < Day::FIRST_COUNTED {
            broken.push(format!("the range {asked}"));
            return error(400, "end date > start date");
        }
        let mut json = String::new();
        match request.names.as_slice() {
            [] => {
                let answered = self.counts(None, asked, SINGLE_DAYS, &mut json);
                (200, json, Some(answered))
            }
            [name] if leads_elsewhere(name) => {
                self.counts(None, asked, SINGLE_DAYS, &mut json);
                (200, json, None)
            }
            [name] if is_unknown(name) => error(if number.is_multiple_of(2) { 404 } else { 200 }, &format!("package {name} not found")),
            [name] => {
                let answered = self.counts(Some(name), asked, SINGLE_DAYS, &mut json);
                (200, json, Some(answered))
            }
            names => {
                if names.len() > BULK {
                    broken.push(format!("{} names at once", names.len()));
                }
                if names.iter().any(|name| name.starts_with('@')) {
                    broken.push("a scope among several names".to_owned());
                    return error(400, "scoped packages are not currently supported in bulk lookups");
                }
                if asked.days() > BULK_DAYS {
                    broken.push(format!("{} days of several names", asked.days()));
                    return error(400, "exceeded max days of 365");
                }
                for (place, name) in names.iter().enumerate() {
                    json.push(if place == 0 { '{' } else { ',' });
                    let _ = write!(json, "\"{name}\":");
                    if leads_elsewhere(name) {
                        self.counts(None, asked, BULK_DAYS, &mut json);
                    } else if is_unknown(name) {
                        json.push_str("null");
                    } else {
                        self.counts(Some(name), asked, BULK_DAYS, &mut json);
                    }
                }
                json.push('}');
                (200, json, Some(asked))
            }
        }
    }
}

/// Names that are lost on the way to the counts, so that those of the whole registry are answered.
fn leads_elsewhere(name: &str) -> bool {
    name.contains("..")
}

/// Names that npm has no counts of, and such as the firewall does not let through at all.
fn is_unknown(name: &str) -> bool {
    hash(name) % 61 == 3
}

fn is_forbidden(name: &str) -> bool {
    hash(name) % 499 == 7
}

impl FakeDownloads {
    /// Whether there are counts of a package of this name at all, with these faults.
    #[must_use]
    pub fn has_counts(&self, name: &str) -> bool {
        let is_let_through = !self.faults.blocks || !is_forbidden(name);
        is_let_through && !is_unknown(name) && !leads_elsewhere(name)
    }
}

/// Names and days of a path, and whether it asks for versions.
fn read(path: &str) -> (Vec<String>, Option<DayRange>, bool) {
    let path = path.replace("%2f", "/").replace("%2F", "/");
    if let Some(name) = path.strip_prefix("/versions/").and_then(|rest| rest.strip_suffix("/last-week")) {
        return (vec![name.to_owned()], None, true);
    }
    let rest = path.strip_prefix("/downloads/range/").unwrap_or_default();
    let (period, names) = rest.split_once('/').unwrap_or((rest, ""));
    let range = period
        .split_once(':')
        .and_then(|(first, last)| Some(DayRange { first: Day::parse(first).ok()?.max(Day::FIRST_COUNTED), last: Day::parse(last).ok()? }));
    (names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(), range, false)
}

async fn answer(State(api): State<FakeDownloads>, uri: Uri) -> Response {
    let (status, headers, body) = api.answer(uri.path());
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap_or_else(|_| ().into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_come_in_their_order() {
        let mut last = Day::default();
        for hour in 0..24 * 400 {
            let seconds = 1_780_000_000 + hour * 3_600;
            let landed = FakeDownloads::landed(seconds);
            assert!(landed >= last && (1..=3).contains(&(Day::of_seconds(seconds) - landed)), "{landed} {last}");
            last = landed;
        }
    }
}
