//! Time that passes when a test says so.

use std::fmt;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use crate::{BoxFuture, Clock, Now};

/// A clock for [`ClientBuilder::clock`](crate::ClientBuilder::clock) that stands still until it is moved. Clones are the same clock.
///
/// ```
/// use client_credentials::testkit::VirtualClock;
/// use client_credentials::Clock;
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().monotonic - before.monotonic, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<State>>);

struct State {
    now: Now,
    sleepers: Vec<(Duration, Waker)>,
    /// From which length on a sleep is a limit, and not a pause; none: nothing leaps.
    limits_from: Option<Duration>,
    pauses: Vec<Duration>,
}

impl VirtualClock {
    /// When it begins: 2026-01-01T00:00:00Z, in seconds since 1970.
    pub const START: u64 = 1_767_225_600;

    /// Stands still.
    #[must_use]
    pub fn new() -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(Self::START);
        let now = Now { wall, monotonic: Duration::from_secs(1_000) };
        Self(Arc::new(Mutex::new(State { now, sleepers: Vec::new(), limits_from: None, pauses: Vec::new() })))
    }

    /// Leaps over every pause, so that a client with a real server waits for nothing: a sleep that is shorter than `limits_from` ends at once,
    /// and that much later it is. A longer one is a limit, such as the 10 seconds of an attempt, and ends only when the test moves the clock so
    /// far.
    #[must_use]
    pub fn leaping(limits_from: Duration) -> Self {
        let clock = Self::new();
        clock.lock().limits_from = Some(limits_from);
        clock
    }

    /// Moves both clocks.
    pub fn advance(&self, by: Duration) {
        self.step(by, by);
    }

    /// Moves each clock by its own time: the wall clock alone, as when a machine slept.
    pub fn step(&self, wall: Duration, monotonic: Duration) {
        self.change(|now| {
            now.wall += wall;
            now.monotonic += monotonic;
        });
    }

    /// Sets the time of day back.
    pub fn set_back(&self, by: Duration) {
        self.change(|now| now.wall -= by);
    }

    fn change(&self, change: impl FnOnce(&mut Now)) {
        let mut state = self.lock();
        change(&mut state.now);
        let now = state.now.monotonic;
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut state.sleepers).into_iter().partition(|(at, _)| *at <= now);
        state.sleepers = waiting;
        drop(state);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Time until the next sleeper wakes, if anybody sleeps.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let state = self.lock();
        state.sleepers.iter().map(|(at, _)| at.saturating_sub(state.now.monotonic)).min()
    }

    /// The pauses that were leapt over, in their order.
    #[must_use]
    pub fn pauses(&self) -> Vec<Duration> {
        self.lock().pauses.clone()
    }

    /// Waits for a future that waits for nothing but this clock, and leaps to the next sleeper whenever everything sleeps.
    ///
    /// # Panics
    /// When nobody sleeps and nothing is ready, so that it would never end; or when it does not end in 10,000 leaps.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
                return result;
            }
            let next = self.next().expect("somebody sleeps, or nothing will ever happen");
            self.advance(next);
        }
        panic!("it never ends");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("VirtualClock").field(&self.now()).finish()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Now {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let mut state = self.lock();
        let is_pause = state.limits_from.is_some_and(|limit| duration < limit);
        let Some(at) = state.now.monotonic.checked_add(duration) else { return Box::pin(pending()) };
        if is_pause {
            state.pauses.push(duration);
            drop(state);
            self.advance(duration);
            return Box::pin(ready(()));
        }
        drop(state);
        Box::pin(poll_fn(move |context| {
            let mut state = clock.lock();
            if state.now.monotonic >= at {
                return Poll::Ready(());
            }
            state.sleepers.push((at, context.waker().clone()));
            Poll::Pending
        }))
    }
}
