//! When a token is served, refreshed and given up.

use std::time::{Duration, SystemTime};

use client_credentials::{Event, Freshness, UnknownExpiry};

use crate::support::{Does, World, json, poll, refuses, token};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_short_lifetime_does_not_loop() {
    for lifetime in [2, 10, 20, 39, 40] {
        let world = World::new([token("t-1", lifetime)]);
        let client = world.client();
        for _ in 0..100 {
            world.run(client.token()).unwrap();
        }
        assert_eq!(world.server.requests(), 1, "{lifetime}");
        let plan = client.access_token().unwrap().plan();
        assert_eq!(plan.stale_at.unwrap().duration_since(plan.issued).unwrap(), Duration::from_secs(lifetime) / 2);
    }
}

#[test]
fn a_token_is_refreshed_behind_its_callers() {
    let world = World::new([token("t-1", 3600), token("t-2", 3600)]);
    let client = world.client();
    let mut events = client.subscribe();
    world.run(client.token()).unwrap();
    let plan = client.access_token().unwrap().plan();
    let part = plan.refresh_at.unwrap().duration_since(plan.issued).unwrap().as_secs_f64() / 3580.0;
    assert!((0.7..=0.8).contains(&part), "{part}");
    world.clock.advance(2500 * SECOND);
    world.run(client.token()).unwrap();
    assert_eq!(world.tasks.len(), 0);
    world.clock.advance(400 * SECOND);
    // No caller waits, and one task is enough.
    for _ in 0..10 {
        let mut call = Box::pin(client.token());
        assert!(matches!(poll(&mut call), std::task::Poll::Ready(Ok(token)) if token.access_token() == "t-1"));
    }
    assert_eq!((world.tasks.len(), world.server.requests()), (1, 1));
    world.tasks.run();
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2");
    assert!(matches!(events.try_next(), Some(Event::Fetched { .. })));
    assert!(matches!(events.try_next(), Some(Event::Refreshed { .. })));
}

#[test]
fn refreshes_of_many_do_not_come_together() {
    let moments: Vec<SystemTime> = (0..100)
        .map(|_| {
            let world = World::new([token("t-1", 3600)]);
            let client = world.client();
            world.run(client.token()).unwrap().plan().refresh_at.unwrap()
        })
        .collect();
    let first = moments.iter().min().unwrap();
    let spread = moments.iter().max().unwrap().duration_since(*first).unwrap();
    assert!(spread > 200 * SECOND, "{spread:?} of at most 358 s");
}

#[test]
fn a_server_that_says_when_to_refresh_is_followed() {
    let world = World::new([json(200, r#"{"access_token":"t","token_type":"Bearer","expires_in":86400,"refresh_in":43200}"#)]);
    let client = world.client();
    let plan = world.run(client.token()).unwrap().plan();
    let refresh = plan.refresh_at.unwrap().duration_since(plan.issued).unwrap();
    assert!((38_880 * SECOND..=43_200 * SECOND).contains(&refresh), "{refresh:?}");
}

#[test]
fn in_the_last_seconds_callers_wait_and_get_the_old_token_when_there_is_no_new_one() {
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.client();
    let mut events = client.subscribe();
    world.run(client.token()).unwrap();
    world.clock.advance(3585 * SECOND);
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    world.server.release(refuses(400, "invalid_scope"));
    assert_eq!(world.run(call).unwrap().access_token(), "t-1");
    assert_eq!(client.error().as_deref(), Some("invalid_scope"));
    // The failure is remembered, and the token served meanwhile; told once.
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    assert_eq!(world.server.requests(), 2);
    assert!(matches!(events.try_next(), Some(Event::Fetched { .. })));
    assert!(matches!(events.try_next(), Some(Event::Failed { .. })));
    let Some(Event::ServedStale { until, .. }) = events.try_next() else { panic!("told") };
    assert_eq!(until, client.expires());
    assert!(events.try_next().is_none());
    // Until it expires.
    world.clock.advance(15 * SECOND);
    world.server.then([refuses(400, "invalid_scope")]);
    assert!(world.run(client.token()).is_err());
}

#[test]
fn serving_stale_tokens_can_be_refused() {
    let world = World::new([token("t-1", 3600), refuses(400, "invalid_scope")]);
    let mut freshness = Freshness::default();
    freshness.serve_stale = false;
    let client = world.builder().freshness(freshness).build().unwrap();
    world.run(client.token()).unwrap();
    world.clock.advance(3585 * SECOND);
    assert!(world.run(client.token()).is_err());
}

#[test]
fn a_token_has_expired_when_either_clock_says_so() {
    let check = |step: fn(&World), expected: bool| {
        let world = World::new([token("t-1", 3600), refuses(400, "invalid_scope")]);
        let client = world.client();
        world.run(client.token()).unwrap();
        step(&world);
        assert_eq!(client.authorized(), expected);
        assert_eq!(world.run(client.token()).is_ok(), expected);
    };
    // The machine slept for two hours, and its monotonic clock with it.
    check(|world| world.clock.step(7200 * SECOND, Duration::ZERO), false);
    // Somebody set the clock back, and two hours went by.
    check(
        |world| {
            world.clock.set_back(7200 * SECOND);
            world.clock.advance(7200 * SECOND);
        },
        false,
    );
    check(|world| world.clock.set_back(3600 * SECOND), true);
    check(|world| world.clock.step(24 * 3600 * SECOND, SECOND), false);
}

#[test]
fn a_token_that_has_expired_on_arrival_leads_to_no_loop() {
    for expires_in in ["0", "-5"] {
        let body = format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":{expires_in}}}"#);
        let world = World::new([json(200, &body)]);
        let client = world.client();
        let began = world.clock.clone();
        let start = client_credentials::Clock::now(&began).monotonic;
        for _ in 0..10 {
            assert_eq!(world.run(client.token()).unwrap().access_token(), "t");
        }
        let taken = client_credentials::Clock::now(&began).monotonic - start;
        assert_eq!(world.server.requests(), 10, "it is asked for anew");
        assert!(taken >= 9 * SECOND, "but not more than once a second: {taken:?}");
    }
}

#[test]
fn what_the_network_took_counts() {
    // Valid for five seconds, of which the answer took eight.
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    assert!(poll(&mut call).is_pending());
    world.clock.advance(8 * SECOND);
    world.server.release(token("t-1", 5));
    assert_eq!(world.run(call).unwrap().access_token(), "t-1", "who waited is served");
    assert!(client.expires().is_none());
    world.clock.advance(SECOND);
    assert!(!client.authorized());
    // The lifetime counts from when the request was sent.
    let world = World::new([Does::Waits]);
    let client = world.client();
    let mut call = Box::pin(client.token());
    let sent = client_credentials::Clock::now(&world.clock).wall;
    assert!(poll(&mut call).is_pending());
    world.clock.advance(8 * SECOND);
    world.server.release(token("t-1", 3600));
    world.run(call).unwrap();
    assert_eq!(client.expires(), Some(sent + 3600 * SECOND));
}

#[test]
fn a_missing_expiry_follows_the_policy() {
    let body = json(200, r#"{"access_token":"t","token_type":"Bearer"}"#);
    let check = |policy: UnknownExpiry, after: u64, requests: usize| {
        let world = World::new([body.clone()]);
        let mut freshness = Freshness::default();
        freshness.missing_expiry = policy;
        let client = world.builder().freshness(freshness).build().unwrap();
        world.run(client.token()).unwrap();
        world.clock.advance(Duration::from_secs(after));
        world.run(client.token()).unwrap();
        assert_eq!(world.server.requests(), requests, "{policy:?} after {after} s");
    };
    check(UnknownExpiry::Assume(300 * SECOND), 279, 1);
    check(UnknownExpiry::Assume(300 * SECOND), 280, 2);
    check(UnknownExpiry::NotKept, 0, 2);
    check(UnknownExpiry::Forever, 10 * 365 * 24 * 3600, 1);
}

#[test]
fn no_token_is_served_with_less_than_the_skew_left() {
    let world = World::new([token("t", 60)]);
    let client = world.client();
    let millisecond = Duration::from_millis(1);
    world.run(client.token()).unwrap();
    world.clock.advance(39 * SECOND);
    for _ in 0..3_000 {
        world.clock.advance(millisecond);
        let token = world.run(client.token()).unwrap();
        let left = token.expires_at().unwrap().duration_since(client_credentials::Clock::now(&world.clock).wall).unwrap();
        assert!(left > 20 * SECOND, "{left:?}");
    }
}

#[test]
fn an_outage_of_five_minutes_fails_no_caller() {
    let world = World::new([token("t-1", 3600), Does::Fails(client_credentials::TransportErrorKind::Connect)]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(2864 * SECOND);
    for _ in 0..3_000 {
        world.run(client.token()).unwrap();
        world.tasks.run();
        world.clock.advance(Duration::from_millis(100));
    }
    let outage = world.server.requests() - 1;
    assert!((5..=10).contains(&outage), "{outage} requests");
    world.server.then([token("t-2", 3600)]);
    world.clock.advance(60 * SECOND);
    world.run(client.token()).unwrap();
    world.tasks.run();
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2");
}

#[test]
fn a_hanging_server_does_not_keep_a_valid_token_from_its_callers() {
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.client();
    world.run(client.token()).unwrap();
    world.clock.advance(3585 * SECOND);
    let before = client_credentials::Clock::now(&world.clock).monotonic;
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    let taken = client_credentials::Clock::now(&world.clock).monotonic - before;
    assert_eq!(taken, 7500 * SECOND / 1000, "half of what was left");
    // The request goes on.
    assert_eq!((world.server.under_way(), world.tasks.len()), (1, 1));
    world.server.release(token("t-2", 3600));
    world.tasks.run();
    assert_eq!(world.run(client.token()).unwrap().access_token(), "t-2");
}

#[test]
fn where_nothing_runs_in_the_background_a_hanging_server_is_asked_once_a_second() {
    /// As the Tokio feature outside a runtime.
    struct Nowhere;
    impl client_credentials::Spawn for Nowhere {
        fn spawn(&self, _task: client_credentials::BoxFuture<'static, ()>) {}
    }
    let world = World::new([token("t-1", 3600), Does::Waits]);
    let client = world.builder().spawn(Nowhere).build().unwrap();
    world.run(client.token()).unwrap();
    world.clock.advance(3585 * SECOND);
    for _ in 0..200 {
        assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
        world.clock.advance(SECOND / 100);
    }
    assert!(world.server.requests() <= 1 + 5, "{} requests", world.server.requests() - 1);
}

#[test]
fn nobody_can_want_refreshes_all_the_time() {
    for refresh_in in ["0.4", "0", "1", "-3", "1e999"] {
        let body = format!(r#"{{"access_token":"t","token_type":"Bearer","expires_in":3600,"refresh_in":{refresh_in}}}"#);
        let world = World::new([json(200, &body)]);
        let client = world.client();
        for _ in 0..3000 {
            world.run(client.token()).unwrap();
            world.tasks.run();
            world.clock.advance(SECOND / 10);
        }
        assert!(world.server.requests() <= 2, "{refresh_in}: {}", world.server.requests());
    }
    let world = World::new([]);
    for (refresh_after, jitter) in [(0.0, 0.0), (0.1, 0.1), (1.1, 0.1), (f64::NAN, 0.1), (0.8, f64::NAN), (0.8, -0.1)] {
        let mut freshness = Freshness::default();
        freshness.refresh_after = refresh_after;
        freshness.jitter = jitter;
        assert!(world.builder().freshness(freshness).build().is_err(), "{refresh_after} {jitter}");
    }
}

#[test]
fn a_slow_server_of_short_tokens_is_asked_once_a_second() {
    let world = World::new([Does::Waits]);
    let client = world.client();
    let start = client_credentials::Clock::now(&world.clock).monotonic;
    for _ in 0..20 {
        let mut call = Box::pin(client.token());
        if poll(&mut call).is_ready() {
            continue;
        }
        while world.server.under_way() == 0 {
            world.clock.advance(SECOND / 10);
            let _ = poll(&mut call);
        }
        world.clock.advance(SECOND * 6 / 10);
        world.server.release(token("t-1", 1));
        world.run(call).unwrap();
    }
    let taken = client_credentials::Clock::now(&world.clock).monotonic - start;
    assert!(taken.as_secs() as usize + 1 >= world.server.requests(), "{} in {taken:?}", world.server.requests());
    // A lifetime of nothing is none at all.
    let world = World::new([json(200, r#"{"access_token":"t","token_type":"Bearer"}"#)]);
    let mut freshness = Freshness::default();
    freshness.missing_expiry = UnknownExpiry::Assume(Duration::ZERO);
    let client = world.builder().freshness(freshness).build().unwrap();
    assert_eq!(world.run(client.authorize()).unwrap().headers()["authorization"], "Bearer t");
}

#[test]
fn a_token_is_not_brought_back_by_who_saw_it_before_it_was_forgotten() {
    /// Signs out, or refreshes, between the look at the token and the thought about it.
    struct Meddling {
        clock: crate::support::VirtualClock,
        meddle: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }
    impl client_credentials::Clock for Meddling {
        fn now(&self) -> client_credentials::Now {
            let meddle = self.meddle.lock().unwrap().take();
            if let Some(meddle) = meddle {
                meddle();
            }
            self.clock.now()
        }

        fn sleep(&self, duration: Duration) -> client_credentials::BoxFuture<'static, ()> {
            self.clock.sleep(duration)
        }
    }
    let world = World::new([token("t-1", 3600), token("t-2", 3600)]);
    let clock = std::sync::Arc::new(Meddling { clock: world.clock.clone(), meddle: std::sync::Mutex::default() });
    let client = world.builder().clock(std::sync::Arc::clone(&clock)).build().unwrap();
    world.run(client.token()).unwrap();
    world.clock.advance(3000 * SECOND);
    let same = client.clone();
    *clock.meddle.lock().unwrap() = Some(Box::new(move || same.sign_out()));
    world.run(client.token()).unwrap();
    world.tasks.run();
    assert!(!client.authorized(), "nobody has asked since");
    assert_eq!(world.server.requests(), 1);
}
