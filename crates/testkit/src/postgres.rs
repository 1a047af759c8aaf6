//! Fresh PostgreSQL databases on the server that the test command started.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Names the server, as `postgres://postgres@127.0.0.1:PORT`; `cargo xtask test` sets it.
const SERVER: &str = "PKGSTATS_TEST_POSTGRES";

/// The address of an empty database, or `None`, said loudly, where no server was started.
///
/// # Panics
/// When the server does not answer, or in CI when there is none.
pub async fn fresh_database() -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let Some(server) = std::env::var_os(SERVER).and_then(|server| server.into_string().ok()) else {
        assert!(std::env::var_os("CI").is_none(), "{SERVER} must be set in CI");
        // The test runner shows it only with --nocapture, so the name of the test says it too.
        #[expect(clippy::print_stderr, reason = "a skipped half of a test must be seen")]
        {
            eprintln!("SKIPPED on PostgreSQL: {SERVER} is not set; run `cargo xtask test`");
        }
        return None;
    };
    let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.expect("a running PostgreSQL");
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.expect("a new database");
    Some(format!("{server}/{name}"))
}
