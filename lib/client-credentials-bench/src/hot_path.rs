//! Number 5: what a call costs while there is a token.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use client_credentials::Client;
use futures_util::FutureExt;
use http::{Method, Uri};
use huskarl::authorizer::HttpAuthorizer;
use huskarl::cache::TokenSource;
use huskarl::core::time::{Clock, PlatformClock, PlatformTimer};
use middle::Authorizer;

use crate::libraries::{huskarl as rival, middle as third, oauth2, ours};
use crate::row;
use crate::server::{Answer, Server};
use crate::table;

const THREADS: [u32; 5] = [1, 2, 4, 8, 16];

/// Nanoseconds per call, median and least of many batches. A batch is short, so that what else the machine does falls on few of them.
fn nanoseconds(calls: impl Fn(u32)) -> (f64, f64) {
    const CALLS: u32 = 5_000;
    let mut batches: Vec<f64> = (0..1_001)
        .map(|_| {
            let start = Instant::now();
            calls(CALLS);
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    batches.sort_unstable_by(f64::total_cmp);
    (batches[500], batches[0])
}

/// Measures `calls`, which makes as many calls as it is told.
fn measure(library: &str, call_name: &str, clock: &str, calls: impl Fn(u32) + Sync) -> Vec<String> {
    let (median, least) = nanoseconds(&calls);
    let allocations = allocation_counter::measure(|| calls(1_000)).count_total as f64 / 1_000.0;
    let mut row = row![library, call_name, clock, format!("{median:.1}"), format!("{least:.1}"), allocations];
    row.extend(THREADS.map(|threads| format!("{:.1}", calls_per_microsecond(threads, &calls))));
    row
}

/// Millions of calls per second, of all threads together; the median of five times.
fn calls_per_microsecond(threads: u32, calls: &(impl Fn(u32) + Sync)) -> f64 {
    const CALLS: u32 = 2_000_000;
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Barrier::new(threads as usize + 1);
            let (started, finished) = std::thread::scope(|scope| {
                let running: Vec<_> = (0..threads)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            calls(CALLS / threads);
                            Instant::now()
                        })
                    })
                    .collect();
                // Taken before the threads may go.
                let started = Instant::now();
                start.wait();
                let finished = running.into_iter().filter_map(|thread| thread.join().ok()).max();
                (started, finished.expect("no panic"))
            });
            f64::from(CALLS) / (finished - started).as_secs_f64() / 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times[2]
}

/// As many calls one after the other, awaited in one task that never has to wait.
macro_rules! awaited {
    ($call:expr) => {
        |calls: u32| {
            let task = async {
                for _ in 0..calls {
                    black_box($call.await.expect("a token"));
                }
            };
            task.now_or_never().expect("a token that is held");
        }
    };
}

/// As many calls one after the other.
macro_rules! called {
    ($call:expr) => {
        |calls: u32| {
            for _ in 0..calls {
                let _ = black_box($call);
            }
        }
    };
}

fn ours(client: &Client, clock: &str, rows: &mut Vec<Vec<String>>) {
    client.authorize().now_or_never().expect("an HTTP client that answers at once").expect("a token");
    rows.push(measure(ours::NAME, "authorize().await", clock, awaited!(client.authorize())));
    rows.push(measure(ours::NAME, "token().await", clock, awaited!(client.token())));
    rows.push(measure(ours::NAME, "access_token()", clock, called!(client.access_token())));
    rows.push(measure(ours::NAME, "headers()", clock, called!(client.headers())));
}

fn huskarl(clock: impl Clock + 'static, clock_name: &str, rows: &mut Vec<Vec<String>>) {
    let cache = std::sync::Arc::new(rival::cache("https://auth.example/token", rival::Instant, clock, PlatformTimer, None));
    cache.token().now_or_never().expect("an HTTP client that answers at once").expect("a token");
    rows.push(measure(rival::NAME, "cache.token().await", clock_name, awaited!(cache.token())));
    let authorizer = HttpAuthorizer::builder().cache(std::sync::Arc::clone(&cache)).build();
    let resource = Uri::from_static("https://api.example/orders");
    rows.push(measure(rival::NAME, "get_headers().await", clock_name, awaited!(authorizer.get_headers(&Method::GET, &resource))));
}

/// Number 5. The runtime is middle's, whose token comes over HTTP and is kept by a task.
pub(crate) fn table(server: &Server, runtime: &tokio::runtime::Runtime) {
    let mut rows = Vec::new();
    ours(&ours::builder(ours::Instant).clock(ours::Fixed::new()).build().expect("a client"), "injected", &mut rows);
    huskarl(rival::Fixed(jiff::Timestamp::UNIX_EPOCH), "injected", &mut rows);
    ours(&ours::builder(ours::Instant).build().expect("a client"), "wall and monotonic", &mut rows);
    huskarl(PlatformClock, "wall", &mut rows);
    server.script(Answer::Token(Duration::from_secs(3_600)), false);
    let authorizer = runtime.block_on(third::build(server.token_endpoint())).expect("a token");
    rows.push(measure(third::NAME, "authorization_header()", "monotonic", called!(authorizer.authorization_header())));
    let mut none = row![oauth2::NAME, "n/a: keeps no token"];
    none.resize(6 + THREADS.len(), "n/a".to_owned());
    rows.push(none);
    let (wall, _) = nanoseconds(called!(std::time::SystemTime::now()));
    let (monotonic, _) = nanoseconds(called!(Instant::now()));
    table::print(
        "5. The hot path",
        &format!(
            "One thread: nanoseconds per call, median and least of 1,001 batches; allocations per call. 1 to 16 threads on one client: million calls per \
             second, all threads together. Reading the clocks alone: wall {wall:.1} ns, monotonic {monotonic:.1} ns."
        ),
        &["library", "call", "clock", "ns", "least", "allocations", "1", "2", "4", "8", "16"],
        &rows,
    );
}
