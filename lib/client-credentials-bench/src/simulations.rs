//! Numbers 6 to 9 and 11: hours that take seconds.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use client_credentials::Freshness;
use http::HeaderMap;
use http::header::{HeaderValue, WWW_AUTHENTICATE};
use tokio::task::JoinSet;

use crate::libraries::{huskarl, middle, oauth2, ours};
use crate::row;
use crate::server::{Answer, Server};
use crate::table::{self, milliseconds, seconds};
use crate::virtual_time::{Behaviour, Issuer, Subject, World, simulate};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

type Subjects = Box<dyn Fn(&Issuer) -> Arc<dyn Subject>>;

/// A configuration of a library.
struct Row {
    name: String,
    subject: Subjects,
}

impl Row {
    fn ours() -> Self {
        Self { name: ours::NAME.to_owned(), subject: Box::new(|issuer| Arc::new(ours::Simulated::new(issuer, Freshness::default()))) }
    }

    fn ours_with(what: &str, change: fn(&mut Freshness)) -> Self {
        let subject = move |issuer: &Issuer| -> Arc<dyn Subject> {
            let mut freshness = Freshness::default();
            change(&mut freshness);
            Arc::new(ours::Simulated::new(issuer, freshness))
        };
        Self { name: format!("{}, {what}", ours::NAME), subject: Box::new(subject) }
    }

    fn huskarl() -> Self {
        Self { name: huskarl::NAME.to_owned(), subject: Box::new(|issuer| Arc::new(huskarl::Simulated::new(issuer, None))) }
    }

    fn huskarl_ahead(ahead: Duration) -> Self {
        let subject = move |issuer: &Issuer| -> Arc<dyn Subject> { Arc::new(huskarl::Simulated::new(issuer, Some(ahead))) };
        Self { name: format!("{}, `refresh_ahead` {} s", huskarl::NAME, ahead.as_secs()), subject: Box::new(subject) }
    }
}

/// A row of a library that has no way to be given the time, or nothing to measure.
fn not_applicable(name: &str, columns: usize) -> Vec<String> {
    let mut row = row![name];
    row.resize(columns, "n/a".to_owned());
    row
}

/// Number 6: the least that a token was still good for when it was served.
pub(crate) fn expiry_boundary() {
    let columns = ["library", "lifetime", "leeway promised", "calls", "served with less", "least time left", "requests"];
    let mut rows = Vec::new();
    for (row, leeway) in [
        (Row::ours(), 20_000),
        (Row::ours_with("no early refresh", |freshness| (freshness.refresh_after, freshness.jitter) = (1.0, 0.0)), 20_000),
        (Row::huskarl(), 30_000),
    ] {
        for lifetime in [100, 40, 10] {
            // Of short lives, half of what is left when the answer comes.
            let promised = leeway.min((lifetime * 1_000 - 50) / 2);
            let (calls, less, least, requests) = simulate(async {
                let world = World::new();
                let issuer = Issuer::healthy(&world, Duration::from_secs(lifetime as u64));
                let subject = (row.subject)(&issuer);
                let (mut calls, mut less, mut least) = (0_u64, 0_u64, i64::MAX);
                while world.truth() < issuer.lifetime * 3 {
                    let left = issuer.milliseconds_left(&subject.header().await.expect("a token").header);
                    calls += 1;
                    less += u64::from(left < promised);
                    least = least.min(left);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                (calls, less, least, issuer.arrivals().len())
            });
            let [promised, least] = [promised, least].map(|milliseconds| format!("{:.3} s", milliseconds as f64 / 1e3));
            rows.push(row![row.name, format!("{lifetime} s"), promised, calls, less, least, requests]);
        }
    }
    rows.push(not_applicable(middle::NAME, columns.len()));
    rows.push(not_applicable(oauth2::NAME, columns.len()));
    table::print(
        "6. The expiry boundary",
        "A call every millisecond for three lifetimes. Tokens live from when the request reaches the server, which answers after 50 ms.",
        &columns,
        &rows,
    );
}

/// What the callers of an outage saw.
struct Outage {
    failed: u64,
    expired: u64,
    longest_wait: Duration,
    requests: usize,
}

/// Callers for two hours; the server is in trouble for five minutes, `from` then on or, without one, from the first refresh on.
async fn outage(subject: Subjects, trouble: Behaviour, from: Option<Duration>, period: Duration) -> Outage {
    const LENGTH: Duration = Duration::from_secs(300);
    let world = World::new();
    let began = Arc::new(std::sync::OnceLock::new());
    if let Some(from) = from {
        began.get_or_init(|| from);
    }
    let script = {
        let began = Arc::clone(&began);
        let mut first = true;
        move |now: Duration| {
            if std::mem::take(&mut first) {
                return Behaviour::Token;
            }
            let began = *began.get_or_init(|| now);
            if (began..began + LENGTH).contains(&now) { trouble } else { Behaviour::Token }
        }
    };
    let issuer = Issuer::new(&world, HOUR, script);
    let subject = subject(&issuer);
    let seen = Arc::new([(); 3].map(|()| AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    while world.truth() < HOUR * 2 {
        let (subject, issuer, seen) = (Arc::clone(&subject), issuer.clone(), Arc::clone(&seen));
        callers.spawn(async move {
            let start = issuer.world.truth();
            match subject.header().await {
                Err(_) => seen[0].fetch_add(1, Ordering::Relaxed),
                Ok(sent) => seen[1].fetch_add(u64::from(issuer.milliseconds_left(&sent.header) <= 0), Ordering::Relaxed),
            };
            seen[2].fetch_max(issuer.world.truth().saturating_sub(start).as_millis() as u64, Ordering::Relaxed);
        });
        tokio::time::sleep(period).await;
        while callers.try_join_next().is_some() {}
    }
    callers.join_all().await;
    let [failed, expired, wait] = [0, 1, 2].map(|index| seen[index].load(Ordering::Relaxed));
    let began = *began.get().expect("a refresh");
    let during = began..began + LENGTH;
    let requests = issuer.arrivals().into_iter().filter(|arrival| during.contains(arrival)).count();
    Outage { failed, expired, longest_wait: Duration::from_millis(wait), requests }
}

/// Number 7: five minutes without a token endpoint.
pub(crate) fn outage_at_refresh() {
    let columns = [
        "library",
        "trouble",
        "failed callers",
        "served expired",
        "longest wait",
        "token requests",
        "worst of 59: failed",
        "token requests",
    ];
    let mut rows = Vec::new();
    let configurations: [fn() -> Row; 3] = [Row::ours, Row::huskarl, || Row::huskarl_ahead(MINUTE * 12)];
    for configuration in configurations {
        for (trouble, name) in [(Behaviour::Unavailable, "503"), (Behaviour::Silence, "no answer")] {
            let at_refresh = simulate(outage(configuration().subject, trouble, None, Duration::from_millis(100)));
            let (mut failed, mut requests) = (0, 0);
            for minute in 1..60 {
                let other = simulate(outage(configuration().subject, trouble, Some(MINUTE * minute), Duration::from_secs(1)));
                failed = failed.max(other.failed);
                requests = requests.max(other.requests);
            }
            rows.push(row![
                configuration().name,
                name,
                at_refresh.failed,
                at_refresh.expired,
                milliseconds(at_refresh.longest_wait),
                at_refresh.requests,
                failed,
                requests
            ]);
        }
    }
    rows.push(not_applicable(middle::NAME, columns.len()));
    rows.push(not_applicable(oauth2::NAME, columns.len()));
    table::print(
        "7. An outage of five minutes at refresh time",
        "Tokens live for an hour. Ten callers a second for two hours; the trouble begins with the first refresh. Then, with one caller a second, the worst \
         of outages that begin at minute 1, 2, … 59. Token requests are those during the outage.",
        &columns,
        &rows,
    );
}

/// The most of these moments within any second.
fn busiest_second(mut moments: Vec<Duration>) -> usize {
    moments.sort_unstable();
    let within = |start: usize| moments[start..].iter().take_while(|&&moment| moment < moments[start] + Duration::from_secs(1)).count();
    (0..moments.len()).map(within).max().unwrap_or(0)
}

/// Number 8: a hundred instances that start together.
pub(crate) fn fleet(server: &Server, runtime: &tokio::runtime::Runtime) {
    let mut rows = Vec::new();
    let without_jitter = || Row::ours_with("`jitter` 0", |freshness| freshness.jitter = 0.0);
    let configurations: [fn() -> Row; 4] = [Row::ours, without_jitter, Row::huskarl, || Row::huskarl_ahead(MINUTE * 12)];
    for configuration in configurations {
        let (mut most, mut first) = (0, 0);
        for _ in 0..5 {
            let arrivals = simulate(async {
                let world = World::new();
                let issuer = Issuer::healthy(&world, HOUR);
                let mut instances = JoinSet::new();
                for _ in 0..100 {
                    let (world, subject) = (world.clone(), (configuration().subject)(&issuer));
                    instances.spawn(async move {
                        while world.truth() < HOUR * 6 {
                            subject.header().await.expect("a token");
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    });
                }
                instances.join_all().await;
                issuer.arrivals()
            });
            let refreshes: Vec<_> = arrivals.into_iter().filter(|arrival| *arrival > MINUTE).collect();
            most = most.max(busiest_second(refreshes.clone()));
            first = first.max(busiest_second(refreshes.into_iter().filter(|arrival| *arrival < HOUR).collect()));
        }
        rows.push(row![configuration().name, "simulated, tokens of 1 h", first, most]);
    }
    let refreshes = runtime.block_on(async {
        server.script(Answer::Token(Duration::from_secs(35)), false);
        let instances = futures_util::future::join_all((0..100).map(|_| middle::build(server.token_endpoint()))).await;
        // At five seconds each task refreshes, 30 seconds before its token expires.
        tokio::time::sleep(Duration::from_secs(8)).await;
        drop(instances);
        let arrivals = server.counts().arrivals;
        arrivals.iter().map(|arrival| *arrival - arrivals[0]).filter(|moment| *moment > Duration::from_secs(3)).collect::<Vec<_>>()
    });
    let most = busiest_second(refreshes);
    rows.push(row![middle::NAME, "real time, tokens of 35 s", most, most]);
    rows.push(not_applicable(oauth2::NAME, 4));
    table::print(
        "8. A fleet of 100 instances that start together",
        "Each is asked once a second. Token requests in the busiest second, the 100 of the start apart; the worst of five runs of six hours. middle cannot be \
         given the time: one refresh in real time.",
        &["library", "how", "busiest second of the first refresh", "of six hours"],
        &rows,
    );
}

/// Number 9: a resource server that refuses every token, because it is for somebody else.
pub(crate) fn wrong_audience() {
    let columns = ["library", "requests", "replays", "tokens beyond the first", "of them in any minute"];
    let mut rows = Vec::new();
    for row in [Row::ours(), Row::huskarl()] {
        let (requests, replays, arrivals) = simulate(async {
            let world = World::new();
            let issuer = Issuer::healthy(&world, HOUR);
            let subject = (row.subject)(&issuer);
            let refused = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#))]);
            let replays = Arc::new(AtomicU64::new(0));
            let mut requests = JoinSet::new();
            let mut number = 0_u64;
            while world.truth() < MINUTE * 10 {
                number += 1;
                let (subject, refused, replays) = (Arc::clone(&subject), refused.clone(), Arc::clone(&replays));
                requests.spawn(async move {
                    for attempt in 0..2 {
                        let Ok(sent) = subject.header().await else { return };
                        replays.fetch_add(attempt, Ordering::Relaxed);
                        // As long as the resource server takes to say no.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        if !subject.rejected(&sent, &refused) {
                            return;
                        }
                    }
                });
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            requests.join_all().await;
            (number, replays.load(Ordering::Relaxed), issuer.arrivals())
        });
        let beyond = &arrivals[1..];
        let within = |start: &Duration| beyond.iter().filter(|arrival| (*start..*start + MINUTE).contains(arrival)).count();
        let most = beyond.iter().map(within).max().unwrap_or(0);
        rows.push(row![row.name, requests, replays, beyond.len(), most]);
    }
    rows.push(not_applicable(&format!("{} (no handling of 401)", middle::NAME), columns.len()));
    rows.push(not_applicable(&format!("{} (no handling of 401)", oauth2::NAME), columns.len()));
    table::print(
        "9. A resource server that refuses every token",
        "100 requests a second for ten minutes, each answered with 401 `invalid_token` after 20 ms and sent once more when the library advises it.",
        &columns,
        &rows,
    );
}

/// Number 11: clocks that stand still or step.
pub(crate) fn suspend() {
    let columns = ["library", "what happens", "calls", "served expired", "longest after expiry", "failed", "token requests"];
    let mut rows = Vec::new();
    for row in [Row::ours(), Row::huskarl()] {
        let suspended = |world: World| async move {
            tokio::time::sleep(MINUTE * 10).await;
            world.suspend(HOUR * 2);
        };
        let set_back = |world: World| async move {
            tokio::time::sleep(MINUTE * 10).await;
            world.set_wall_back(HOUR);
        };
        rows.push(clocks(&row, "suspended for 2 h (monotonic clock stands still)", suspended));
        rows.push(clocks(&row, "wall clock set back by 1 h", set_back));
    }
    rows.push(not_applicable(&format!("{} (monotonic clock only)", middle::NAME), columns.len()));
    rows.push(not_applicable(oauth2::NAME, columns.len()));
    table::print(
        "11. Suspend, and a wall clock that steps back",
        "Tokens live for an hour. It happens after ten minutes; a call every second until three hours of running have passed.",
        &columns,
        &rows,
    );
}

fn clocks<F: Future<Output = ()> + Send + 'static>(row: &Row, what: &str, event: impl FnOnce(World) -> F) -> Vec<String> {
    simulate(async {
        let world = World::new();
        let issuer = Issuer::healthy(&world, HOUR);
        let subject = (row.subject)(&issuer);
        let event = tokio::spawn(event(world.clone()));
        let (mut calls, mut failed, mut expired, mut longest) = (0_u64, 0_u64, 0_u64, 0_i64);
        while world.monotonic() < HOUR * 3 {
            calls += 1;
            match subject.header().await {
                Err(_) => failed += 1,
                Ok(sent) => {
                    let left = issuer.milliseconds_left(&sent.header);
                    expired += u64::from(left <= 0);
                    longest = longest.max(-left);
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        event.await.expect("no panic");
        let longest = seconds(Duration::from_millis(longest.unsigned_abs() * u64::from(expired > 0)));
        row![row.name, what, calls, expired, longest, failed, issuer.arrivals().len()]
    })
}
