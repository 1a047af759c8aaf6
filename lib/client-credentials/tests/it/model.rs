//! The flight under many orders of events: its source is compiled here above shuttle's locks.

#[path = "../../src/flight.rs"]
mod flight;
/// What the library has from the standard library.
mod sync {
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
}

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::thread;

use flight::{Flight, Waiter};

/// An answer that comes from another thread.
#[derive(Default)]
struct Answer {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Answer {
    fn come(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A flight whose work is over when the answer has come; counts how often it was polled at the same time, and whether it was dropped.
struct World {
    flight: Arc<Flight<u32>>,
    answer: Arc<Answer>,
    dropped: Arc<AtomicBool>,
}

fn world() -> World {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let answer = Arc::new(Answer { state: Mutex::new((false, None)) });
    let dropped = Arc::new(AtomicBool::new(false));
    let at_once = AtomicUsize::new(0);
    let (its_answer, its_drop) = (Arc::clone(&answer), Dropped(Arc::clone(&dropped)));
    let work = poll_fn(move |context| {
        let _ = &its_drop;
        assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "polled by two at once");
        let mut state = its_answer.state.lock().unwrap();
        let polled = if state.0 {
            Poll::Ready(7)
        } else {
            state.1 = Some(context.waker().clone());
            Poll::Pending
        };
        drop(state);
        at_once.fetch_sub(1, Ordering::SeqCst);
        polled
    });
    World { flight: Flight::new(Box::pin(work), Box::new(|| 0), 0), answer, dropped }
}

fn check(threads: impl Fn() + Send + Sync + 'static) {
    let threads = Arc::new(threads);
    let same = Arc::clone(&threads);
    // Few changes of thread at the worst moments find most; any order at all finds the rest.
    shuttle::check_pct(move || same(), 3_000, 4);
    shuttle::check_random(move || threads(), 3_000);
}

fn poll_once(waiter: &mut Waiter<u32>) -> Poll<u32> {
    Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn every_waiter_is_woken() {
    check(|| {
        let World { flight, answer, .. } = world();
        let waiters: Vec<_> = (0..2).map(|_| flight.join().unwrap()).collect();
        let threads: Vec<_> = waiters.into_iter().map(|waiter| thread::spawn(move || assert_eq!(block_on(waiter), 7))).collect();
        answer.come();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(flight.join().is_none() && !flight.is_under_way());
    });
}

#[test]
fn a_waiter_who_leaves_takes_nothing_along() {
    check(|| {
        let World { flight, answer, .. } = world();
        let (mut leaves, stays) = (flight.join().unwrap(), flight.join().unwrap());
        let leaving = thread::spawn(move || {
            // Perhaps just the one who drives it.
            let _ = poll_once(&mut leaves);
        });
        let coming = thread::spawn(move || answer.come());
        assert_eq!(block_on(stays), 7);
        leaving.join().unwrap();
        coming.join().unwrap();
    });
}

#[test]
fn a_waiter_whom_nobody_polls_holds_up_nobody() {
    check(|| {
        let World { flight, answer, .. } = world();
        let (mut idle, waits) = (flight.join().unwrap(), flight.join().unwrap());
        let _ = poll_once(&mut idle);
        let coming = thread::spawn(move || answer.come());
        assert_eq!(block_on(waits), 7);
        coming.join().unwrap();
        drop(idle);
    });
}

#[test]
fn the_work_is_dropped_with_its_last_waiter() {
    check(|| {
        let World { flight, dropped, .. } = world();
        let waiters = [flight.join().unwrap(), flight.join().unwrap()];
        let threads = waiters.map(|mut waiter| {
            thread::spawn(move || {
                let _ = poll_once(&mut waiter);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(dropped.load(Ordering::SeqCst));
        assert!(flight.join().is_none() && !flight.is_under_way());
    });
}

#[test]
fn joining_while_the_last_one_leaves_is_all_or_nothing() {
    check(|| {
        let World { flight, answer, dropped } = world();
        let mut last = flight.join().unwrap();
        let leaving = thread::spawn(move || {
            let _ = poll_once(&mut last);
        });
        let joined = flight.join();
        let was_joined = joined.is_some();
        answer.come();
        if let Some(waiter) = joined {
            assert_eq!(block_on(waiter), 7);
        }
        leaving.join().unwrap();
        assert!(was_joined || dropped.load(Ordering::SeqCst) || !flight.is_under_way());
    });
}

#[test]
fn ending_it_from_outside_settles_it_for_all() {
    check(|| {
        let World { flight, answer, dropped } = world();
        let waiters = [flight.join().unwrap(), flight.join().unwrap()];
        let [first, second] = waiters.map(|waiter| thread::spawn(move || block_on(waiter)));
        let ended = {
            let flight = Arc::clone(&flight);
            thread::spawn(move || flight.finish(9))
        };
        answer.come();
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        ended.join().unwrap();
        assert_eq!(first, second, "all get the same");
        assert!(first == 7 || first == 9);
        assert!(dropped.load(Ordering::SeqCst));
    });
}
