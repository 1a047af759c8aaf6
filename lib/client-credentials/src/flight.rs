//! One request for all who want its result.
//!
//! There is no leader: whoever waits may drive the request, and any of them may leave at any moment. The last one to leave takes
//! the request with them.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

// Not `crate::`, so that a test can put this file above locks that try every order of events.
use super::sync::{Mutex, MutexGuard};

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Work that is done once, for all its [`Waiter`]s.
pub(crate) struct Flight<T> {
    state: Mutex<State<T>>,
    /// What the waiters get when the work panics, and when that panics as well.
    panicked: Box<dyn Fn() -> T + Send + Sync>,
    last_resort: T,
}

struct State<T> {
    stage: Stage<T>,
    /// Whether the work wants to be polled. All who wait were woken since it became so.
    ready: bool,
    /// The wakers of those who wait, each at its own place; places that were left are taken again.
    waiters: Vec<Option<Waker>>,
    free: Vec<usize>,
}

enum Stage<T> {
    Waiting(Work<T>),
    /// One of the waiters polls the work just now.
    Polled,
    Done(T),
    /// All waiters left before there was a result.
    Abandoned,
}

impl<T> State<T> {
    /// Takes who is to be woken, so that it is done after the lock was given back.
    fn wakers(&mut self) -> Vec<Waker> {
        self.waiters.iter_mut().filter_map(Option::take).collect()
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    pub(crate) fn new(work: Work<T>, panicked: Box<dyn Fn() -> T + Send + Sync>, last_resort: T) -> Arc<Self> {
        let state = State { stage: Stage::Waiting(work), ready: true, waiters: Vec::new(), free: Vec::new() };
        Arc::new(Self { state: Mutex::new(state), panicked, last_resort })
    }

    /// One more who waits. `None` when all others have left, so that there is nothing to wait for, or when it is over.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Waiter<T>> {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Abandoned | Stage::Done(_)) {
            return None;
        }
        let place = state.free.pop().unwrap_or(state.waiters.len());
        if place == state.waiters.len() {
            state.waiters.push(None);
        }
        drop(state);
        Some(Waiter { flight: Arc::clone(self), place, is_over: false })
    }

    /// Ends it from outside with this result, unless there is one. The work is dropped.
    pub(crate) fn finish(&self, result: T) {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Done(_) | Stage::Abandoned) {
            return;
        }
        let before = std::mem::replace(&mut state.stage, Stage::Done(result));
        let wakers = state.wakers();
        drop(state);
        drop(before);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether there will still be a result.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.lock().stage, Stage::Waiting(_) | Stage::Polled)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole at any moment: nothing of others, not even a waker's end, runs while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the work once, unless somebody else does or nothing has happened to it.
    fn poll(self: &Arc<Self>, place: usize, context: &Context<'_>) -> Poll<T> {
        let waker = context.waker().clone();
        let mut state = self.lock();
        if let Stage::Done(result) = &state.stage {
            return Poll::Ready(result.clone());
        }
        let before = state.waiters[place].replace(waker);
        let work = match &state.stage {
            Stage::Waiting(_) if state.ready => match std::mem::replace(&mut state.stage, Stage::Polled) {
                Stage::Waiting(work) => Some(work),
                _ => None,
            },
            _ => None,
        };
        state.ready &= work.is_none();
        drop(state);
        drop(before);
        let Some(mut work) = work else {
            return Poll::Pending;
        };

        let waker = Waker::from(Arc::clone(self));
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(&waker))));
        let result = match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(result)) => Some(result),
            Err(_) => Some(catch_unwind(AssertUnwindSafe(|| (self.panicked)())).unwrap_or_else(|_| self.last_resort.clone())),
        };

        let mut state = self.lock();
        // Ended from outside meanwhile: that is the result.
        if let Stage::Done(settled) = &state.stage {
            let settled = settled.clone();
            drop(state);
            return Poll::Ready(settled);
        }
        let Some(result) = result else {
            state.stage = Stage::Waiting(work);
            // It was woken while it was polled; who looked in then saw that somebody else had it.
            let wakers = if state.ready { state.wakers() } else { Vec::new() };
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            return Poll::Pending;
        };
        state.stage = Stage::Done(result.clone());
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Poll::Ready(result)
    }

    fn leave(&self, place: usize) {
        let mut state = self.lock();
        let waker = state.waiters[place].take();
        state.free.push(place);
        let is_last = state.free.len() == state.waiters.len() && matches!(state.stage, Stage::Waiting(_));
        let abandoned = is_last.then(|| std::mem::replace(&mut state.stage, Stage::Abandoned));
        drop(state);
        drop((waker, abandoned));
    }
}

impl<T: Clone + Send + Sync + 'static> Wake for Flight<T> {
    fn wake(self: Arc<Self>) {
        let mut state = self.lock();
        state.ready = true;
        // All of them: nobody knows which of them will be polled again.
        let wakers = state.wakers();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<T> fmt::Debug for Flight<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Flight").finish_non_exhaustive()
    }
}

/// Waits for the result of a [`Flight`]. Dropping it loses nothing for the others.
#[derive(Debug)]
pub(crate) struct Waiter<T: Clone + Send + Sync + 'static> {
    flight: Arc<Flight<T>>,
    place: usize,
    /// Whether it has its result, so that there is nothing to leave.
    is_over: bool,
}

impl<T: Clone + Send + Sync + 'static> Future for Waiter<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let polled = self.flight.poll(self.place, context);
        self.is_over = polled.is_ready();
        polled
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Waiter<T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.flight.leave(self.place);
        }
    }
}
