//! Any order of calls, cancellations, answers, sign-outs, refusals and jumps of the clocks.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use client_credentials::{Client, Clock, Error, ErrorKind, Retry, Token};
use proptest::prelude::*;

use crate::support::{Does, World, json, poll, refuses};

#[derive(Clone, Copy, Debug)]
enum Step {
    Call,
    Poll(usize),
    Cancel(usize),
    /// The server answers the request that waits: with a token of so many seconds, or not.
    Token(u64),
    Refuse,
    Fail,
    SignOut,
    /// A resource server refuses the token that is held.
    Invalidate,
    Refresh,
    Advance(u64),
    /// The machine sleeps.
    Suspend(u64),
    SetBack(u64),
    Background,
    LoseBackground,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Call),
        8 => (0..8_usize).prop_map(Step::Poll),
        3 => (0..8_usize).prop_map(Step::Cancel),
        5 => prop_oneof![Just(0), Just(1), 2..100_u64, Just(3600)].prop_map(Step::Token),
        1 => Just(Step::Refuse),
        2 => Just(Step::Fail),
        1 => Just(Step::SignOut),
        2 => Just(Step::Invalidate),
        1 => Just(Step::Refresh),
        5 => prop_oneof![0..5_u64, 5..100_u64, Just(3600)].prop_map(Step::Advance),
        1 => (1..7200_u64).prop_map(Step::Suspend),
        1 => (1..7200_u64).prop_map(Step::SetBack),
        3 => Just(Step::Background),
        1 => Just(Step::LoseBackground),
        1 => Just(Step::Reset),
    ]
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<Token, Error>> + 'a>>;

/// What is true of every token that a caller gets.
fn served(world: &World, token: &Token, era: usize) {
    let now = world.clock.now();
    // Tokens are named after how often everything had been forgotten when they were issued.
    assert!(token.access_token().starts_with(&format!("t-{era}-")), "{} after sign-out {era}", token.access_token());
    if let Some(expires) = token.expires_at() {
        assert!(expires > now.wall, "expired");
    }
}

fn run(steps: &[Step]) {
    let world = World::new([Does::Waits]);
    let client: Client = world.builder().retry(Retry::none()).build().unwrap();
    let mut calls: Vec<(Call<'_>, usize)> = Vec::new();
    let mut era = 0;
    let mut minted = 0;
    for &step in steps {
        let mut polled = None;
        match step {
            Step::Call => calls.push((Box::pin(client.token()), era)),
            Step::Refresh => calls.push((Box::pin(client.refresh()), era)),
            Step::Poll(index) if !calls.is_empty() => polled = Some(index % calls.len()),
            Step::Cancel(index) if !calls.is_empty() => drop(calls.swap_remove(index % calls.len())),
            Step::Token(seconds) => {
                minted += 1;
                let body = format!(r#"{{"access_token":"t-{era}-{minted}","token_type":"Bearer","expires_in":{seconds}}}"#);
                if world.server.under_way() > 0 {
                    world.server.release(json(200, &body));
                }
            }
            Step::Refuse if world.server.under_way() > 0 => world.server.release(refuses(401, "unauthorized_client")),
            Step::Fail if world.server.under_way() > 0 => world.server.release(json(503, "")),
            Step::SignOut => {
                client.sign_out();
                world.server.forget_release();
                era += 1;
                assert!(!client.authorized() && client.headers().is_empty() && client.last_error().is_none());
                assert_eq!(world.server.under_way(), 0, "given up");
            }
            Step::Invalidate => {
                if let Some(token) = client.access_token() {
                    let _ = client.invalidate(&token);
                }
            }
            Step::Advance(seconds) => world.clock.advance(Duration::from_secs(seconds)),
            Step::Suspend(seconds) => world.clock.step(Duration::from_secs(seconds), Duration::ZERO),
            Step::SetBack(seconds) => world.clock.set_back(Duration::from_secs(seconds)),
            Step::Background => world.tasks.run(),
            Step::LoseBackground => world.tasks.drop_all(),
            Step::Reset => client.reset(),
            _ => {}
        }
        if let Some(index) = polled {
            if let Poll::Ready(result) = poll(&mut calls[index].0) {
                let (_, its_era) = calls.swap_remove(index);
                match result {
                    Ok(token) => {
                        // Who began to wait before everything was forgotten may get the error of that, but no token of before.
                        if token.expires_at().is_some() {
                            served(&world, &token, era);
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::SignedOut => assert!(its_era < era || its_era == era && era > 0),
                    Err(error) => assert!(
                        matches!(error.kind(), ErrorKind::OAuth | ErrorKind::Http | ErrorKind::Transport | ErrorKind::Timeout),
                        "{error}"
                    ),
                }
            }
        }
        assert!(world.server.most_under_way() <= 1, "two requests at once");
        let status = client.status();
        assert_eq!(status.authorized, client.authorized());
        if let Some(token) = client.access_token() {
            served(&world, &token, era);
        }
    }
    // Whatever happened, a server that answers is enough.
    drop(calls);
    world.tasks.drop_all();
    client.reset();
    world.server.forget_release();
    world.server.then([json(200, &format!(r#"{{"access_token":"t-{era}-last","token_type":"Bearer","expires_in":3600}}"#))]);
    world.clock.advance(Duration::from_secs(4000));
    assert_eq!(world.run(client.token()).unwrap().access_token(), format!("t-{era}-last"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_bad_happens(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}
