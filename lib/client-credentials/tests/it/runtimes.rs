//! On Tokio, on plain threads, and where there is neither.

use std::future::Future as _;
use std::task::{Context, Waker};
use std::time::Duration;

use client_credentials::{Client, HttpClient};

use crate::support::{Does, Server, World, token};

const SECOND: Duration = Duration::from_secs(1);

#[cfg(feature = "tokio")]
#[tokio::test]
async fn tokio_refreshes_behind_its_callers() {
    let world = World::new([token("t-1", 3600), token("t-2", 3600)]);
    let client = Client::builder("https://auth.example/token", "my-id", "my-secret")
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build()
        .unwrap();
    assert_eq!(client.token().await.unwrap().access_token(), "t-1");
    world.clock.advance(3000 * SECOND);
    assert_eq!(client.token().await.unwrap().access_token(), "t-1");
    tokio::task::yield_now().await;
    assert_eq!(client.token().await.unwrap().access_token(), "t-2");
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_callers_on_many_threads_are_one_request() {
    let server = Server::new([Does::Waits]);
    let client = Client::builder("https://auth.example/token", "my-id", "my-secret").http_client(server.clone()).build().unwrap();
    let calls: Vec<_> = (0..10_000)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.token().await.map(|token| token.access_token().to_owned()) })
        })
        .collect();
    while server.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    server.release(token("t-1", 3600));
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "t-1");
    }
    assert_eq!(server.requests(), 1);
}

#[test]
fn a_call_outlives_the_runtime_that_began_it() {
    let server = Server::new([Does::Waits]);
    let client = Client::builder("https://auth.example/token", "my-id", "my-secret").http_client(server.clone()).build().unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut call = Box::pin(client.token());
    let first = runtime();
    first.block_on(async {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    drop(first);
    server.release(token("t-1", 3600));
    assert_eq!(runtime().block_on(call).unwrap().access_token(), "t-1");
    assert_eq!(server.requests(), 1);
}

#[cfg(feature = "reqwest")]
#[test]
fn reqwest_without_a_runtime_is_an_error_that_says_so() {
    let world = World::new([]);
    let client = Client::builder("https://127.0.0.1:9/token", "my-id", "my-secret").build().unwrap();
    let error = world.run(client.token()).unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}

#[cfg(feature = "blocking")]
#[test]
fn threads_share_one_request_and_one_failure() {
    let world = World::new([Does::Waits]);
    let client =
        Client::builder("https://auth.example/token", "my-id", "my-secret").http_client(world.server.clone()).build_blocking().unwrap();
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || client.token().map(|token| token.access_token().to_owned()))
        })
        .collect();
    while world.server.under_way() == 0 {
        std::thread::yield_now();
    }
    assert!(client.status().authorizing);
    world.server.release(token("t-1", 3600));
    for thread in threads {
        assert_eq!(thread.join().unwrap().unwrap(), "t-1");
    }
    assert_eq!(world.server.requests(), 1);
    assert_eq!(client.authorize().unwrap().headers()["authorization"], "Bearer t-1");
    assert!(client.authorized() && client.expires().is_some() && client.authorizing().is_none());
    client.sign_out();
    assert!(!client.authorized());
    world.server.then([crate::support::refuses(400, "invalid_scope")]);
    assert_eq!(client.authorize().unwrap_err().oauth().unwrap().code(), "invalid_scope");
    assert_eq!(client.error().as_deref(), Some("invalid_scope"));
    assert!(client.token().unwrap_err().is_remembered());
    assert!(client.user_info().is_err());
}

#[cfg(feature = "blocking")]
#[test]
fn threads_refresh_behind_their_callers() {
    let world = World::new([token("t-1", 3600), token("t-2", 3600)]);
    let client = Client::builder("https://auth.example/token", "my-id", "my-secret")
        .http_client(world.server.clone())
        .clock(world.clock.clone())
        .build_blocking()
        .unwrap();
    client.authorize().unwrap();
    world.clock.advance(3000 * SECOND);
    assert_eq!(client.token().unwrap().access_token(), "t-1");
    while client.access_token().unwrap().access_token() != "t-2" {
        std::thread::yield_now();
    }
    assert_eq!(world.server.requests(), 2);
}

#[cfg(feature = "blocking")]
#[test]
fn a_thread_does_not_wait_for_a_server_that_hangs() {
    use std::io::Read as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::builder(format!("http://{address}/token"), "my-id", "my-secret")
        .allow_http_on_loopback()
        .clock(World::new([]).clock)
        .build_blocking()
        .unwrap();
    // Its clock stands still, so that what ends the wait is signing out, not time.
    let caller = std::thread::spawn({
        let client = client.clone();
        move || client.token()
    });
    let (mut connection, _) = listener.accept().unwrap();
    client.sign_out();
    assert_eq!(caller.join().unwrap().unwrap_err().kind(), client_credentials::ErrorKind::SignedOut);
    // The request had not ended by itself.
    let mut request = [0; 4096];
    while connection.read(&mut request).unwrap() == request.len() {}
    connection.set_nonblocking(true).unwrap();
    assert_eq!(connection.read(&mut request).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_callers_own_parts_may_be_shared() {
    let server: std::sync::Arc<dyn HttpClient> = std::sync::Arc::new(Server::new([token("t-1", 3600)]));
    let world = World::new([]);
    for _ in 0..2 {
        let client = world.builder().http_client(std::sync::Arc::clone(&server)).build().unwrap();
        assert_eq!(world.run(client.token()).unwrap().access_token(), "t-1");
    }
}
