//! Numbers 1 to 4: many callers at once, over real HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{FutureExt, TryFutureExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::libraries::{Ask, Contender, huskarl, middle, oauth2, ours};
use crate::row;
use crate::server::{Answer, Server};
use crate::table::{self, milliseconds, seconds};

const CALLERS: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// What a crowd of callers got.
struct Outcome {
    answered: u64,
    failed: u64,
    /// From a caller's call to its answer, in order.
    waits: Vec<Duration>,
    took: Duration,
}

/// All of them ask at once, each in a task of its own, until everybody has an answer or the limit is reached. They wait at a gate, which
/// opens for all of them, or for as many as may ask at a time.
async fn crowd(ask: &Ask, callers: usize, at_once: usize, limit: Duration) -> Outcome {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::new(OnceLock::new());
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (ask, gate, opened) = (ask.clone(), Arc::clone(&gate), Arc::clone(&opened));
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            // Whoever's turn comes with the gate's opening waits from then on, also while the others wake up.
            let start = if at_once < callers { Instant::now() } else { *opened.get().expect("an open gate") };
            let result = ask.ask().await;
            (start.elapsed(), result.is_ok())
        });
    }
    // Until they all stand at the gate.
    tokio::time::sleep(Duration::from_millis(200)).await;

    let mut outcome = Outcome { answered: 0, failed: 0, waits: Vec::with_capacity(callers), took: Duration::ZERO };
    let start = *opened.get_or_init(Instant::now);
    gate.add_permits(at_once.min(callers));
    let collect = async {
        while let Some(result) = tasks.join_next().await {
            let (wait, is_ok) = result.expect("no panic");
            outcome.answered += 1;
            outcome.failed += u64::from(!is_ok);
            outcome.waits.push(wait);
        }
    };
    tokio::time::timeout(limit, collect).await.ok();
    outcome.took = start.elapsed();
    tasks.shutdown().await;
    outcome.waits.sort_unstable();
    outcome
}

fn percentile(sorted: &[Duration], part: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}

/// One request of reqwest and nothing but a `Shared` around it: what the crowd itself costs.
fn floor() -> Contender {
    Contender {
        name: "(reqwest in a `Shared`)",
        at_once: usize::MAX,
        cold: |token_endpoint| {
            let http = reqwest::Client::builder().build().expect("an HTTP client");
            let request = http.post(token_endpoint).body("grant_type=client_credentials").send();
            let answer = request.and_then(reqwest::Response::bytes).map(|result| result.map(drop).map_err(|error| error.to_string()));
            let shared = answer.boxed().shared();
            let ask = Ask::new(move || shared.clone().boxed());
            std::future::ready(ask).boxed_local()
        },
    }
}

/// Number 1: a crowd of callers and no token.
pub(crate) async fn cold_start(server: &Server) {
    let everybody = [
        (ours::contender(), false, "Auto, server takes JSON"),
        (ours::contender(), true, "Auto, server takes forms only"),
        (ours::with_forms(), false, "form"),
        (huskarl::contender(), false, "form"),
        (middle::contender(), false, "form"),
        (oauth2::contender(), false, "form"),
        (floor(), false, "form"),
    ];
    // In rounds, so that a while in which the machine is slower is one for all of them.
    let mut measured = everybody.map(|_| Vec::new());
    for round in 0..9 {
        for ((contender, forms_only, _), measured) in everybody.iter().zip(&mut measured) {
            // Without a cache one run is ten thousand requests, and enough.
            if round > 0 && contender.at_once < CALLERS {
                continue;
            }
            server.script(Answer::Token(HOUR), *forms_only);
            let ask = (contender.cold)(server.token_endpoint()).await;
            let outcome = crowd(&ask, CALLERS, contender.at_once, Duration::from_secs(60)).await;
            let answers = server.delay() * if *forms_only { 2 } else { 1 };
            let added = percentile(&outcome.waits, 0.99).saturating_sub(answers);
            measured.push((added, outcome, server.counts()));
        }
    }
    let mut rows = Vec::new();
    for ((contender, _, format), mut measured) in everybody.into_iter().zip(measured) {
        measured.sort_unstable_by_key(|(added, ..)| *added);
        let most = measured.iter().map(|(.., counts)| counts.requests).max().unwrap_or(0);
        let (added, outcome, counts) = &measured[measured.len() / 2];
        rows.push(row![
            contender.name,
            format,
            most,
            format!("{} / {}", counts.json, counts.form),
            counts.most_at_once,
            outcome.failed,
            milliseconds(measured[0].0),
            milliseconds(*added),
            milliseconds(outcome.took),
        ]);
    }
    table::print(
        "1. 10,000 callers, no token",
        "Each caller is a task, and all start at the same moment. middle's `build()` is awaited through a `Shared` future. Requests: the most of nine runs (one run without a cache). Latency: of the fastest run and of the median one, beyond the server's 50 ms for each request that the format needs; the last row is what waking ten thousand tasks costs by itself.",
        &[
            "library",
            "body format",
            "requests",
            "JSON / form",
            "most at once",
            "failed callers",
            "p99 added, least",
            "median",
            "until all had it",
        ],
        &rows,
    );
}

/// Number 2: the same while the server answers with an error, and what a few callers afterwards lead to.
pub(crate) async fn outage_at_start(server: &Server, limit: Duration) {
    for (answer, heading) in [
        (Answer::Unavailable, "2a. 10,000 callers against 503"),
        (Answer::InvalidClient, "2b. 10,000 callers with a wrong secret (401 `invalid_client`)"),
    ] {
        let mut rows = Vec::new();
        for contender in [ours::contender(), ours::with_forms(), huskarl::contender(), middle::contender(), oauth2::contender()] {
            server.script(answer, false);
            let ask = (contender.cold)(server.token_endpoint()).await;
            let outcome = crowd(&ask, CALLERS, contender.at_once, limit).await;
            let first = server.counts().requests;
            let all = outcome.answered == CALLERS as u64;
            let took = if all {
                seconds(outcome.took)
            } else {
                let needed = outcome.took.mul_f64(CALLERS as f64 / outcome.answered.max(1) as f64);
                format!("stopped after {}; all would take {}", seconds(outcome.took), seconds(needed))
            };

            server.script(answer, false);
            for _ in 0..20 {
                // Nothing of middle is left after a failed `build()`: its caller builds anew.
                if contender.name == middle::NAME {
                    middle::build(server.token_endpoint()).await.err();
                } else {
                    ask.ask().await.err();
                }
            }
            rows.push(row![contender.name, first, outcome.answered, took, server.counts().requests]);
        }
        table::print(
            heading,
            "Afterwards 20 callers, one after the other.",
            &["library", "requests", "callers answered", "took", "requests of 20 callers afterwards"],
            &rows,
        );
    }
}

/// Number 3: the caller whose call led to the request goes away, nine others wait.
pub(crate) async fn leader_leaves(server: &Server) {
    let mut rows = Vec::new();
    for contender in [ours::contender(), ours::with_forms(), huskarl::contender(), oauth2::contender()] {
        server.script(Answer::Token(HOUR), false);
        let ask = (contender.cold)(server.token_endpoint()).await;
        let leader = tokio::spawn(ask.ask());
        server.until_running(1).await;
        let others: Vec<_> = (0..9).map(|_| tokio::spawn(ask.ask())).collect();
        tokio::time::sleep(server.delay() / 2).await;
        leader.abort();
        let got = join_all(others).await.into_iter().filter(|result| matches!(result, Ok(Ok(())))).count();
        let counts = server.counts();
        rows.push(row![contender.name, counts.requests, counts.aborted.len(), got]);
    }
    rows.push(row![middle::NAME, "n/a", "n/a", "n/a"]);
    table::print(
        "3. The first caller leaves in the middle of the request, nine wait",
        "middle has no callers before there is a token.",
        &["library", "requests", "of them thrown away", "waiters served"],
        &rows,
    );
}

/// Number 4: all callers leave in the middle of the request.
pub(crate) fn all_leave(server: &Server) {
    let mut rows = Vec::new();
    for contender in [ours::contender(), huskarl::contender(), middle::contender(), oauth2::contender()] {
        server.script(Answer::Token(HOUR), false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (left, tasks) = runtime.block_on(async {
            let ask = (contender.cold)(server.token_endpoint()).await;
            let callers = join_all((0..10).map(|_| ask.ask()));
            // The ten are dropped when the server has their request. Of middle the client goes with them: it holds what they share.
            let kept = Some(ask).filter(|_| contender.name != middle::NAME);
            tokio::select! {
                _ = callers => {}
                () = server.until_running(1) => {}
            }
            let left = Instant::now();
            while server.counts().aborted.is_empty() && left.elapsed() < Duration::from_secs(2) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(kept);
            (left, tokio::runtime::Handle::current().metrics().num_alive_tasks())
        });
        let counts = server.counts();
        let seen = counts.aborted.iter().max().map_or("never".to_owned(), |at| milliseconds(at.saturating_duration_since(left)));
        let polls = match contender.name {
            ours::NAME => polls_until_dropped(|http| Box::new(ours::Callers::new(http))),
            huskarl::NAME => polls_until_dropped(|http| Box::new(huskarl::Callers::new(http))),
            _ => "n/a".to_owned(),
        };
        rows.push(row![contender.name, format!("{} of {}", counts.aborted.len(), counts.requests), seen, polls, tasks]);
    }
    table::print(
        "4. All ten callers leave in the middle of the request",
        "Polls: of anything, between the last caller's leaving and the end of the request, counted with an HTTP client that is handed in.",
        &["library", "requests ended early", "server saw it after", "polls until then", "tasks left"],
        &rows,
    );
}

/// A request that never ends, and how many of them there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endless(Arc<AtomicU64>);

struct InFlight(Arc<AtomicU64>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Endless {
    pub(crate) async fn request(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _request = InFlight(Arc::clone(&self.0));
        std::future::pending::<()>().await;
    }
}

/// Callers of one client that is given its HTTP client.
pub(crate) trait Callers {
    /// One more caller.
    fn call(&self) -> futures_util::future::BoxFuture<'_, ()>;
}

fn polls_until_dropped(callers: impl FnOnce(Endless) -> Box<dyn Callers>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let endless = Endless::default();
        let client = callers(endless.clone());
        let mut ten: Vec<_> = (0..10).map(|_| client.call()).collect();
        for caller in &mut ten {
            assert!(futures_util::poll!(caller).is_pending(), "the request does not end");
        }
        assert_eq!(endless.0.load(Ordering::SeqCst), 1, "one request for all");
        drop(ten);
        for polls in 0..100 {
            if endless.0.load(Ordering::SeqCst) == 0 {
                return polls.to_string();
            }
            tokio::task::yield_now().await;
        }
        "never".to_owned()
    })
}
