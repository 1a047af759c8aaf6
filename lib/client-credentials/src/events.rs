//! What happens inside, as a stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use http::StatusCode;

use crate::{BodyFormat, Error, ErrorKind, Plan, TokenRequest};

/// Is told at once what happens, for metrics; see [`ClientBuilder::observer`](crate::ClientBuilder::observer).
///
/// It is called by whoever drives the request or calls the client, outside all locks, so it has to be quick: count, and return. A panic in it
/// is caught, and nothing becomes of it. A token that is served from memory is no event, since that path is to cost nothing.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use client_credentials::{Attempt, Client, Event, Observer};
///
/// #[derive(Default)]
/// struct Counters {
///     requests: AtomicU64,
///     failures: AtomicU64,
/// }
///
/// impl Observer for Counters {
///     fn attempt(&self, _attempt: &Attempt) {
///         self.requests.fetch_add(1, Ordering::Relaxed);
///     }
///
///     fn event(&self, event: &Event) {
///         if matches!(event, Event::Failed { .. }) {
///             self.failures.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # fn main() -> Result<(), client_credentials::Error> {
/// let counters = std::sync::Arc::new(Counters::default());
/// # #[cfg(feature = "reqwest")]
/// let client = Client::builder("https://auth.example/token", "my-id", "my-secret").observer(counters.clone()).build()?;
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A token request was answered, or failed. One that was given up, because nobody waited any more, is not told.
    fn attempt(&self, attempt: &Attempt) {
        let _ = attempt;
    }

    /// What [`Client::subscribe`](crate::Client::subscribe) tells as well.
    fn event(&self, event: &Event) {
        let _ = event;
    }
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn attempt(&self, attempt: &Attempt) {
        T::attempt(self, attempt);
    }

    fn event(&self, event: &Event) {
        T::event(self, event);
    }
}

/// One token request, and what came of it. It has neither secret nor token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Which one it was of those for the same token, from 1.
    pub number: u32,
    /// What was asked for.
    pub request: TokenRequest,
    /// Host of the token endpoint, with the port if that was said.
    pub host: String,
    /// Name of the client authentication method, as in [`Answer::method`](crate::Answer::method).
    pub method: &'static str,
    /// [`BodyFormat::Json`] or [`BodyFormat::Form`].
    pub format: BodyFormat,
    /// HTTP status, if there was an answer.
    pub status: Option<StatusCode>,
    /// Why there is no token; none when there is one.
    pub failure: Option<Failure>,
    /// From when it was written until its answer was read.
    pub duration: Duration,
}

/// Why an [`Attempt`] led to no token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What kind it is. Its [`name`](ErrorKind::name) is fit for a label.
    pub kind: ErrorKind,
    /// `error` of the server's answer (RFC 6749, section 5.2). A server may send what it likes: see that a label has few values.
    pub code: Option<String>,
    /// What happened, for people.
    pub text: String,
}

/// Something that happened to a client. `request` tells its tokens apart: what was asked for, as
/// [`Client::for_request`](crate::Client::for_request) made it of its argument and the configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// There was no usable token, and now there is one.
    #[non_exhaustive]
    Fetched {
        /// What it is for.
        request: TokenRequest,
        /// Its times.
        plan: Plan,
    },
    /// A token that was still valid was replaced.
    #[non_exhaustive]
    Refreshed {
        /// What it is for.
        request: TokenRequest,
        /// The times of the new one.
        plan: Plan,
    },
    /// A new token could not be had, and callers get the stale one. Told once for each failure.
    #[non_exhaustive]
    ServedStale {
        /// What it is for.
        request: TokenRequest,
        /// When it expires.
        until: Option<SystemTime>,
    },
    /// A flight ended without a token.
    #[non_exhaustive]
    Failed {
        /// What it was to be for.
        request: TokenRequest,
        /// Why.
        error: Error,
    },
    /// A token was dropped because a resource server had refused it.
    #[non_exhaustive]
    Invalidated {
        /// What it was for.
        request: TokenRequest,
    },
    /// A token was revoked at the authorization server, and dropped.
    #[non_exhaustive]
    Revoked {
        /// What it was for.
        request: TokenRequest,
    },
    /// Everything was forgotten.
    SignedOut,
}

impl Event {
    /// `fetched`, `refreshed`, `served_stale`, `failed`, `invalidated`, `revoked` or `signed_out`: a label for counters.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fetched { .. } => "fetched",
            Self::Refreshed { .. } => "refreshed",
            Self::ServedStale { .. } => "served_stale",
            Self::Failed { .. } => "failed",
            Self::Invalidated { .. } => "invalidated",
            Self::Revoked { .. } => "revoked",
            Self::SignedOut => "signed_out",
        }
    }
}

/// Events that wait in a slow subscription; older ones make room for newer ones.
const MOST: usize = 256;

/// What has happened since [`Client::subscribe`](crate::Client::subscribe). It ends when the client is gone.
#[derive(Debug)]
pub struct Events(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Events {
    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        lock(&self.0).events.pop_front()
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let waker = context.waker().clone();
        let mut queue = lock(&self.0);
        let (polled, before) = match queue.events.pop_front() {
            Some(event) => (Poll::Ready(Some(event)), None),
            None if queue.is_closed => (Poll::Ready(None), None),
            None => (Poll::Pending, queue.waker.replace(waker)),
        };
        // Outside the lock, since nobody knows what the end of a waker does.
        drop(queue);
        drop(before);
        polled
    }
}

/// Hands events to all who subscribed.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    subscriptions: Mutex<Vec<Weak<Mutex<Queue>>>>,
    has_subscriptions: AtomicBool,
}

impl Hub {
    pub(crate) fn subscribe(&self) -> Events {
        let queue = Arc::default();
        lock(&self.subscriptions).push(Arc::downgrade(&queue));
        self.has_subscriptions.store(true, Ordering::Release);
        Events(queue)
    }

    pub(crate) fn tell(&self, event: &Event) {
        if !self.has_subscriptions.load(Ordering::Acquire) {
            return;
        }
        self.each(|queue| {
            if queue.events.len() == MOST {
                queue.events.pop_front();
            }
            queue.events.push_back(event.clone());
        });
    }

    pub(crate) fn close(&self) {
        self.each(|queue| queue.is_closed = true);
    }

    fn each(&self, change: impl Fn(&mut Queue)) {
        let mut wakers = Vec::new();
        lock(&self.subscriptions).retain(|queue| {
            let Some(queue) = queue.upgrade() else {
                return false;
            };
            let mut queue = lock(&queue);
            change(&mut queue);
            wakers.extend(queue.waker.take());
            true
        });
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
