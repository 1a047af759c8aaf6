//! The programs in `examples` that need servers: one for each front end, with a token of oidc-provider, which `cargo xtask test` starts.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use client_credentials::testkit::{Answer, Reply, Server};
use serde_json::Value;

use crate::grpc::{Refused, grpc_server};

/// Where cargo puts them, when it builds all that is tested.
fn example(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().join("examples").join(name)
}

/// What it prints.
async fn run(name: &'static str, token_endpoint: &str, api: &str) -> String {
    let mut command = Command::new(example(name));
    command.envs([("TOKEN_ENDPOINT", token_endpoint), ("CLIENT_ID", "orders-post"), ("CLIENT_SECRET", "p@ss/+ :%&="), ("API", api)]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("{name} cannot be run ({error}): test the whole package, which builds it"));
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_front_end_with_a_token_of_oidc_provider() {
    let Some(endpoints) = std::env::var_os("CLIENT_CREDENTIALS_TEST_PEERS").and_then(|endpoints| endpoints.into_string().ok()) else {
        assert!(std::env::var_os("CI").is_none(), "CLIENT_CREDENTIALS_TEST_PEERS must be set in CI");
        #[expect(clippy::print_stderr, reason = "a test that was not run must be seen")]
        {
            eprintln!("SKIPPED with oidc-provider: CLIENT_CREDENTIALS_TEST_PEERS is not set; run `cargo xtask test`");
        }
        return;
    };
    let endpoints: Value = serde_json::from_str(&endpoints).unwrap();
    let endpoint = endpoints["oidc-provider"].as_str().expect("oidc-provider is among the servers");
    let tokens = |seen: &[String]| {
        let [token] = seen else { panic!("{seen:?}") };
        assert!(token.len() > 20, "{token}");
    };
    for name in ["reqwest_middleware", "tower_layer"] {
        let api = Server::always(Answer::made(|request| {
            Reply::new(if request.header("authorization").is_some_and(|value| value.starts_with("Bearer ")) { 200 } else { 401 })
                .body("three orders")
        }));
        assert_eq!(run(name, endpoint, &format!("{}/orders", api.origin())).await, "200 OK: three orders\n");
        tokens(&api.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect::<Vec<_>>());
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let api = grpc_server(Refused::default(), Arc::clone(&seen)).await;
    let printed = run("tonic_interceptor", endpoint, &api.to_string()).await;
    let seen = seen.lock().unwrap().clone();
    tokens(&seen);
    assert!(seen[0].starts_with("/grpc.health.v1.Health/Check "), "{seen:?}");
    assert!(printed.ends_with(&format!(" with {}\n", seen[0].trim_start_matches("/grpc.health.v1.Health/Check "))), "{printed}");
}
