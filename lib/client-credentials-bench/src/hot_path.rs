//! Number 5: what a call costs while there is a token.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
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

/// One way to ask for a token that is held.
struct Call {
    library: &'static str,
    name: &'static str,
    clock: &'static str,
    /// Makes as many calls as it is told.
    calls: Box<dyn Fn(u32) + Sync>,
    /// Nanoseconds per call, of every batch.
    batches: Vec<f64>,
    /// Million calls per second with so many [`THREADS`], the best of all rounds.
    scaling: [f64; THREADS.len()],
}

impl Call {
    fn new(library: &'static str, name: &'static str, clock: &'static str, calls: impl Fn(u32) + Sync + 'static) -> Self {
        Self { library, name, clock, calls: Box::new(calls), batches: Vec::new(), scaling: [0.0; THREADS.len()] }
    }

    /// A few batches on one thread. They are short, so that what else the machine does falls on few of them.
    fn measure(&mut self) {
        const CALLS: u32 = 5_000;
        for _ in 0..50 {
            let start = Instant::now();
            (self.calls)(CALLS);
            self.batches.push(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
        }
    }

    /// All threads together.
    fn measure_threads(&mut self) {
        const CALLS: u32 = 1_000_000;
        for (threads, best) in THREADS.into_iter().zip(&mut self.scaling) {
            let calls = &self.calls;
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
            *best = best.max(f64::from(CALLS) / (finished - started).as_secs_f64() / 1e6);
        }
    }

    /// The median and the least of all batches.
    fn nanoseconds(&mut self) -> (f64, f64) {
        self.batches.sort_unstable_by(f64::total_cmp);
        (self.batches[self.batches.len() / 2], self.batches[0])
    }

    fn row(&mut self) -> Vec<String> {
        let (median, least) = self.nanoseconds();
        let allocations = allocation_counter::measure(|| (self.calls)(1_000)).count_total as f64 / 1_000.0;
        let mut row = row![self.library, self.name, self.clock, format!("{least:.1}"), format!("{median:.1}"), allocations];
        row.extend(self.scaling.map(|millions| format!("{millions:.1}")));
        row
    }
}

/// As many calls one after the other, awaited in one task that never has to wait.
macro_rules! awaited {
    ($call:expr) => {
        move |calls: u32| {
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
        move |calls: u32| {
            for _ in 0..calls {
                let _ = black_box($call);
            }
        }
    };
}

fn ours(client: &Client, clock: &'static str) -> [Call; 4] {
    client.authorize().now_or_never().expect("an HTTP client that answers at once").expect("a token");
    let clients = [(); 4].map(|()| client.clone());
    let [authorize, token, access_token, headers] = clients;
    [
        Call::new(ours::NAME, "authorize().await", clock, awaited!(authorize.authorize())),
        Call::new(ours::NAME, "token().await", clock, awaited!(token.token())),
        Call::new(ours::NAME, "access_token()", clock, called!(access_token.access_token())),
        Call::new(ours::NAME, "headers()", clock, called!(headers.headers())),
    ]
}

fn huskarl(clock: impl Clock + 'static, clock_name: &'static str) -> [Call; 2] {
    let cache = Arc::new(rival::cache("https://auth.example/token", rival::Instant, clock, PlatformTimer, None));
    cache.token().now_or_never().expect("an HTTP client that answers at once").expect("a token");
    let authorizer = HttpAuthorizer::builder().cache(Arc::clone(&cache)).build();
    let resource = Uri::from_static("https://api.example/orders");
    [
        Call::new(rival::NAME, "cache.token().await", clock_name, awaited!(cache.token())),
        Call::new(rival::NAME, "get_headers().await", clock_name, awaited!(authorizer.get_headers(&Method::GET, &resource))),
    ]
}

/// Number 5. The runtime is middle's, whose token comes over HTTP and is kept by a task.
pub(crate) fn table(server: &Server, runtime: &tokio::runtime::Runtime) {
    let mut calls = Vec::new();
    calls.extend(ours(&ours::builder(ours::Instant).clock(ours::Fixed::new()).build().expect("a client"), "injected"));
    calls.extend(huskarl(rival::Fixed(jiff::Timestamp::UNIX_EPOCH), "injected"));
    calls.extend(ours(&ours::builder(ours::Instant).build().expect("a client"), "wall and monotonic"));
    calls.extend(huskarl(PlatformClock, "wall"));
    server.script(Answer::Token(Duration::from_secs(3_600)), false);
    let authorizer = runtime.block_on(third::build(server.token_endpoint())).expect("a token");
    calls.push(Call::new(third::NAME, "authorization_header()", "monotonic", called!(authorizer.authorization_header())));
    let mut wall = Call::new("", "", "", called!(std::time::SystemTime::now()));
    let mut monotonic = Call::new("", "", "", called!(Instant::now()));

    // In rounds, so that a while in which the machine is slower is one for all of them.
    for _ in 0..40 {
        calls.iter_mut().chain([&mut wall, &mut monotonic]).for_each(Call::measure);
    }
    for _ in 0..5 {
        calls.iter_mut().for_each(Call::measure_threads);
    }

    let mut rows: Vec<_> = calls.iter_mut().map(Call::row).collect();
    let mut none = row![oauth2::NAME, "n/a: keeps no token"];
    none.resize(6 + THREADS.len(), "n/a".to_owned());
    rows.push(none);
    let ((_, wall), (_, monotonic)) = (wall.nanoseconds(), monotonic.nanoseconds());
    table::print(
        "5. The hot path",
        &format!(
            "One thread: nanoseconds per call, the least and the median of 2,000 batches; allocations per call. 1 to 16 threads on one client: million calls \
             per second, all threads together, the best of five times. Reading the clocks alone: wall {wall:.1} ns, monotonic {monotonic:.1} ns at least."
        ),
        &["library", "call", "clock", "ns, least", "median", "allocations", "1", "2", "4", "8", "16"],
        &rows,
    );
}
