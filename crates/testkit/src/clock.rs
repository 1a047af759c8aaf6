//! Time that passes quickly, and futures that are given up at a chosen moment.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

/// While it lives, tokio's clock runs some ten times as fast as time does. Waits that are meant for people are over at once, and
/// yet what takes real time, as answers from loopback do, does not run into every timeout: that is what tokio's own way of skipping
/// from timer to timer would lead to.
#[derive(Debug)]
pub struct Hurry {
    driver: JoinHandle<()>,
    /// Its other end is waited for by a task for as long as this lives, because tokio skips no time while such a task runs.
    _hold: mpsc::Sender<()>,
}

/// Makes time pass quickly, on a runtime of one thread.
#[must_use]
pub fn hurry() -> Hurry {
    let (hold, end) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || {
        // Ends with an error, when the other end is dropped.
        let _ = end.recv();
    });
    tokio::time::pause();
    let driver = tokio::spawn(async {
        loop {
            let slept = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(2))).await;
            if slept.is_err() {
                return;
            }
            tokio::time::advance(Duration::from_millis(20)).await;
        }
    });
    Hurry { driver, _hold: hold }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        self.driver.abort();
        if !std::thread::panicking() {
            tokio::time::resume();
        }
    }
}

/// Runs a future until it has been looked at so many times, and gives it up in the middle of whatever it does: `None` unless it had ended.
pub async fn at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// A clock that stands still until somebody moves it, for whoever asks and whoever answers alike. Cheap to clone.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<AtomicI64>);

impl VirtualClock {
    /// Stands at this moment: seconds since 1970, UTC.
    #[must_use]
    pub fn at(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds * 1_000)))
    }

    /// Seconds since 1970, UTC.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.milliseconds().div_euclid(1_000)
    }

    /// Milliseconds since 1970, UTC.
    #[must_use]
    pub fn milliseconds(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}
