//! What happens inside, as a stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use futures_core::Stream;

use crate::{Error, Plan, TokenRequest};

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
