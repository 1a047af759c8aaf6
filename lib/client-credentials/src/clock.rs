//! Time, and background work, as values that are passed in.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use crate::BoxFuture;

/// A moment on two clocks. Neither is right alone: the monotonic one stands still while a machine sleeps, the wall clock jumps
/// when it is set. A token has expired when either says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time of day.
    pub wall: SystemTime,
    /// Time since any fixed moment; it never goes back.
    pub monotonic: Duration,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) wall: SystemTime,
    pub(crate) monotonic: Duration,
}

impl Deadline {
    pub(crate) fn after(start: Now, delay: Duration) -> Self {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(250_000_000_000);
        Self { wall: start.wall.checked_add(delay).unwrap_or(far), monotonic: start.monotonic.saturating_add(delay) }
    }

    /// When either clock says so.
    pub(crate) fn is_over(self, now: Now) -> bool {
        now.monotonic >= self.monotonic || now.wall >= self.wall
    }

    /// The time until either clock says so.
    pub(crate) fn left(self, now: Now) -> Duration {
        let wall = self.wall.duration_since(now.wall).unwrap_or_default();
        self.monotonic.saturating_sub(now.monotonic).min(wall)
    }
}

/// Tells the time and waits. [`SystemClock`] unless the builder gets another one.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Now;
    /// Ready after this time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Now {
        T::now(self)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        T::sleep(self, duration)
    }
}

/// The result, if it is there in time.
pub(crate) async fn within<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut sleep = clock.sleep(time);
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// The machine's clocks. Needs no async runtime: a thread of the crate `futures-timer` waits for all.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock; everybody else is given a `Clock`")]
    fn now(&self) -> Now {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        Now { wall: SystemTime::now(), monotonic: ORIGIN.get_or_init(Instant::now).elapsed() }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(futures_timer::Delay::new(duration))
    }
}

/// Runs refreshes in the background. With the feature `tokio` there is one; without any, tokens are refreshed when somebody waits.
///
/// A task has to be polled for as long as it is kept: a token request belongs to whoever polls it, and an HTTP client may bind it to the
/// runtime that polled it first.
pub trait Spawn: Send + Sync + 'static {
    /// Starts a task. It may be dropped at any moment, for example when the runtime ends; nothing is lost then.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

impl<T: Spawn + ?Sized> Spawn for Arc<T> {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        T::spawn(self, task);
    }
}

/// Starts tasks on the Tokio runtime of whoever calls; where there is none, there is no refresh in the background.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokioSpawn;

#[cfg(feature = "tokio")]
impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(task);
        }
    }
}
