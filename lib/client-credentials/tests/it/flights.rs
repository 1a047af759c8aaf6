//! One request for all who wait, whoever leaves.

use std::future::Future as _;
use std::time::Duration;

use client_credentials::{Client, ErrorKind, Event, TokenRequest};

use crate::support::{Does, World, poll, refuses, token};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_cancelled_caller_loses_nothing() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut leader = Box::pin(client.token());
    assert!(poll(&mut leader).is_pending());
    let mut others: Vec<_> = (0..9).map(|_| Box::pin(client.token())).collect();
    for other in &mut others {
        assert!(poll(other).is_pending());
    }
    drop(leader);
    assert_eq!(world.server.under_way(), 1);
    world.server.release(token("t-1", 3600));
    for other in others {
        assert_eq!(world.run(other).unwrap().access_token(), "t-1");
    }
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn whoever_is_polled_drives_the_request() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut first = Box::pin(client.token());
    let mut second = Box::pin(client.token());
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    world.server.release(token("t-1", 3600));
    // The first one is alive, but nobody polls it.
    assert_eq!(world.run(second).unwrap().access_token(), "t-1");
    drop(first);
}

#[test]
fn when_all_leave_the_request_is_given_up() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut calls: Vec<_> = (0..3).map(|_| Box::pin(client.token())).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    assert_eq!(world.server.under_way(), 1);
    drop(calls);
    assert_eq!(world.server.under_way(), 0);
    assert!(!client.status().authorizing && client.last_error().is_none());
    // Nothing of it is left for the next one.
    world.server.then([token("t-2", 3600)]);
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2");
}

#[test]
fn a_failure_is_shared_and_remembered() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut calls: Vec<_> = (0..100).map(|_| Box::pin(client.token())).collect();
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    world.server.release(refuses(400, "invalid_scope"));
    for call in calls {
        let error = world.run(call).unwrap_err();
        assert_eq!(error.oauth().unwrap().code(), "invalid_scope");
        assert!(!error.is_remembered());
    }
    let error = world.run(client.token()).unwrap_err();
    assert!(error.is_remembered() && error.retry_at().is_some());
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn a_panic_poisons_nothing() {
    let world = World::new([Does::Panics, token("t-1", 3600)]);
    let client = world.client();
    let mut calls: Vec<_> = (0..3).map(|_| Box::pin(client.token())).collect();
    let mut errors = Vec::new();
    for call in &mut calls {
        let std::task::Poll::Ready(Err(error)) = poll(call) else { panic!("it has ended") };
        errors.push(error);
    }
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Panicked));
    drop(calls);
    assert_eq!(client.last_error().unwrap().kind(), ErrorKind::Panicked);
    assert!(world.run(client.token()).unwrap_err().is_remembered(), "nor is it tried in a loop");
    world.clock.advance(5 * SECOND);
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
}

#[test]
fn waiting_for_authorizing_keeps_the_client_alive() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    let authorizing = client.authorizing().unwrap();
    drop(call);
    drop(client);
    world.server.release(token("t-1", 3600));
    assert_eq!(world.run(authorizing).unwrap().access_token(), "t-1");
}

#[test]
fn authorizing_brings_no_token_back_that_was_forgotten() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    let authorizing = client.authorizing().unwrap();
    world.server.release(token("t-1", 3600));
    world.run(call).unwrap();
    client.sign_out();
    assert_eq!(world.run(authorizing).unwrap_err().kind(), client_credentials::ErrorKind::SignedOut);
}

#[test]
fn a_refresh_in_the_background_ends_with_the_client() {
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(3000 * SECOND);
    world.run(client.token()).unwrap();
    world.tasks.run();
    assert_eq!(world.server.under_way(), 1);
    drop(client);
    assert_eq!(world.server.under_way(), 0);
    world.tasks.run();
    assert_eq!(world.tasks.len(), 0);
}

#[test]
fn a_background_task_that_is_lost_is_started_again() {
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(3000 * SECOND);
    world.run(client.token()).unwrap();
    assert_eq!(world.tasks.len(), 1);
    world.tasks.drop_all();
    world.run(client.token()).unwrap();
    assert_eq!(world.tasks.len(), 0, "not for every call");
    world.clock.advance(SECOND);
    world.run(client.token()).unwrap();
    assert_eq!(world.tasks.len(), 1);
}

#[test]
fn every_request_has_a_token_of_its_own() {
    let world = World::new([token("t-1", 3600), token("t-2", 3600), token("t-3", 3600)]);
    let client = world.builder().scope("a").resources(["https://api.example"]).build().unwrap();
    let same = client.for_request(TokenRequest::new().scope("a")).unwrap();
    let reader = client.for_request(TokenRequest::new().scope("read write")).unwrap();
    let order_has_no_meaning = client.for_request(TokenRequest::new().scopes(["write", "read", "read"])).unwrap();
    let audience = client.for_request(TokenRequest::new().audience("else")).unwrap();
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    assert_eq!(world.run(same.token()).unwrap().access_token(), "t-1");
    assert_eq!(world.run(reader.token()).unwrap().access_token(), "t-2");
    assert_eq!(world.run(order_has_no_meaning.token()).unwrap().access_token(), "t-2");
    assert_eq!(world.run(audience.token()).unwrap().access_token(), "t-3");
    let bodies = world.server.bodies();
    assert!(bodies[1].contains(r#""scope":"read write""#) && bodies[1].contains("https://api.example"));
    assert!(bodies[2].contains(r#""audience":"else""#) && bodies[2].contains(r#""scope":"a""#));
    client.sign_out();
    assert!(!client.authorized() && !reader.authorized() && !audience.authorized());
}

#[test]
fn tokens_that_nobody_has_a_handle_on_are_bounded() {
    let world = World::new([token("t", 3600)]);
    let client = world.client();
    let held = client.for_request(TokenRequest::new().scope("held")).unwrap();
    world.run(held.token()).unwrap();
    let request = |index: usize| TokenRequest::new().scope(format!("s{index}"));
    for index in 0..1_100 {
        let handle = client.for_request(request(index)).unwrap();
        world.run(handle.token()).unwrap();
    }
    assert!(!client.for_request(request(0)).unwrap().authorized(), "the oldest had to go");
    assert!(client.for_request(request(1_099)).unwrap().authorized());
    assert!(client.for_request(TokenRequest::new().scope("held")).unwrap().authorized());
}

#[test]
fn a_failure_of_one_scope_is_not_a_failure_of_the_others() {
    let world = World::new([refuses(400, "invalid_scope"), token("t-1", 3600)]);
    let client = world.client();
    let other = client.for_request(TokenRequest::new().scope("other")).unwrap();
    world.run(other.token()).unwrap_err();
    world.run(client.token()).unwrap();
    // But a refused client is refused for all of them.
    let world = World::new([refuses(400, "unauthorized_client"), token("t-1", 3600)]);
    let client = world.client();
    let other = client.for_request(TokenRequest::new().scope("other")).unwrap();
    world.run(other.token()).unwrap_err();
    assert!(world.run(client.token()).unwrap_err().is_remembered());
    assert_eq!(world.server.requests(), 1);
}

#[test]
fn refresh_asks_although_there_is_a_token() {
    let world = World::new([token("t-1", 3600), token("t-2", 3600), refuses(400, "invalid_scope")]);
    let client = world.client();
    let mut events = client.subscribe();
    world.run(client.token()).unwrap();
    assert_eq!(world.run(client.refresh()).unwrap().access_token(), "t-2");
    assert_eq!(world.run(client.refresh()).unwrap_err().oauth().unwrap().code(), "invalid_scope");
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2", "the old one stays");
    assert!(matches!(events.try_next(), Some(Event::Fetched { .. })));
    assert!(matches!(events.try_next(), Some(Event::Refreshed { .. })));
    assert!(matches!(events.try_next(), Some(Event::Failed { .. })));
    assert!(events.try_next().is_none());
}

#[test]
fn events_end_with_the_client() {
    use futures_util::StreamExt as _;

    let world = World::new([token("t-1", 3600)]);
    let client: Client = world.client();
    let mut events = client.subscribe();
    client.sign_out();
    assert!(matches!(world.run(events.next()), Some(Event::SignedOut)));
    drop(client);
    assert!(world.run(events.next()).is_none());
}

#[test]
fn a_clock_that_panics_as_well_leaves_nobody_waiting() {
    struct Broken(crate::support::VirtualClock, std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl client_credentials::Clock for Broken {
        fn now(&self) -> client_credentials::Now {
            assert!(!self.1.load(std::sync::atomic::Ordering::Relaxed), "as the test wants it");
            self.0.now()
        }

        fn sleep(&self, duration: Duration) -> client_credentials::BoxFuture<'static, ()> {
            self.0.sleep(duration)
        }
    }
    let world = World::new([Does::Waits]);
    let is_broken = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
    let client = world.builder().clock(Broken(world.clock.clone(), std::sync::Arc::clone(&is_broken))).build().unwrap();
    let (mut first, mut second) = (Box::pin(client.token()), Box::pin(client.token()));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    is_broken.store(true, std::sync::atomic::Ordering::Relaxed);
    world.server.release(crate::support::json(200, "{}"));
    for call in [&mut first, &mut second] {
        let std::task::Poll::Ready(Err(error)) = poll(call) else { panic!("it has ended") };
        assert_eq!(error.kind(), ErrorKind::Panicked);
    }
}

#[test]
fn the_end_of_a_waker_may_be_the_end_of_another_waiter() {
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Wake, Waker};

    /// As in an executor whose wakers own their tasks.
    struct Task(Mutex<Option<client_credentials::Authorizing>>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            assert!(self.0.lock().unwrap().is_some());
        }
    }
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    let owner = Waker::from(Arc::new(Task(Mutex::new(client.authorizing()))));
    let mut other = Box::pin(client.token());
    assert!(other.as_mut().poll(&mut Context::from_waker(&owner)).is_pending());
    drop(owner);
    // The last clone of that waker goes here, and a waiter with it.
    assert!(poll(&mut other).is_pending());
    drop(other);
    world.server.release(token("t-1", 3600));
    assert_eq!(world.run(call).unwrap().access_token(), "t-1");
}
