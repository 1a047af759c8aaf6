//! A client of a server that says the same to every request, on clocks that move when everybody sleeps.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use client_credentials::{BoxFuture, Client, ClientBuilder, Clock, HttpClient, Limits, Now, TransportError};
use http::{Request, Response};

/// Has a letter of every kind that is written differently in a form, in JSON and in a header.
pub(crate) const SECRET: &str = r#"c4nary +/%"\~"#;

/// Something that a server may send.
pub(crate) type Answer = dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync;

/// The server and the clocks of one client.
#[derive(Clone)]
pub(crate) struct World {
    answer: Arc<Answer>,
    state: Arc<Mutex<State>>,
}

struct State {
    now: Now,
    sleepers: Vec<(Duration, Waker)>,
    requests: u32,
}

impl World {
    pub(crate) fn new(answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        // 2026-01-01T00:00:00Z.
        let now = Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600), monotonic: Duration::from_secs(1_000) };
        let state = State { now, sleepers: Vec::new(), requests: 0 };
        Self { answer: Arc::new(answer), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder("https://auth.example/token", "my-id", SECRET).http_client(self.clone()).clock(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> u32 {
        self.state().requests
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now = Now { wall: state.now.wall + by, monotonic: state.now.monotonic + by };
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        // Who is still early goes to sleep again.
        sleepers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Waits for the future, and moves the clocks whenever everybody sleeps.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result;
            }
            let state = self.state();
            let next = state.sleepers.iter().map(|(at, _)| at.saturating_sub(state.now.monotonic)).min();
            drop(state);
            self.advance(next.expect("somebody sleeps, or it would wait for ever"));
        }
        panic!("it never ends");
    }
}

impl HttpClient for World {
    fn send(&self, request: Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.state().requests += 1;
        let response = (self.answer)(&request);
        Box::pin(async move { Ok(response) })
    }
}

impl Clock for World {
    fn now(&self) -> Now {
        self.state().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let world = self.clone();
        let at = self.now().monotonic.saturating_add(duration);
        Box::pin(poll_fn(move |context| {
            let mut state = world.state();
            if state.now.monotonic >= at {
                return Poll::Ready(());
            }
            state.sleepers.push((at, context.waker().clone()));
            Poll::Pending
        }))
    }
}
