//! Reading users: page by page, until the registry has no more or refuses.

use serde_json::{Value, json};
use store::User;
use sync::Reading;
use testkit::{Fault, hurry};

use crate::NOW;
use crate::reading::{Reads, name, reads};

/// So many hits that name the user, from a number on.
fn hits(from: usize, count: usize, user: &str) -> Vec<Value> {
    (from..from + count)
        .map(|number| json!({"package": {"name": format!("p{number:04}"), "version": "1.0.0", "maintainers": [{"username": "other"}, {"username": user}]}}))
        .collect()
}

async fn user(reads: &Reads, user: &str) -> User {
    reads.reader.context.store.user(user).await.expect("read").expect("asked")
}

async fn count(reads: &Reads, user: &str) -> usize {
    reads.reader.context.store.packages_of(user).await.expect("read").len()
}

fn refused() -> Fault {
    Fault::Status(429, vec![("retry-after", "0".to_owned())], "<html>error 1015</html>".to_owned())
}

#[tokio::test]
async fn six_hundred_packages_in_three_pages() {
    let reads = reads().await;
    reads.registry.set_user("jane", hits(0, 600, "jane"));
    let hurry = hurry();
    assert_eq!(reads.reader.read_user("jane").await.expect("read"), Reading::Stored);
    drop(hurry);
    assert_eq!(user(&reads, "jane").await, User { name: "jane".to_owned(), asked_at: NOW, total: Some(600), listed: 600, problem: None });
    assert_eq!((count(&reads, "jane").await, reads.registry.requests().len()), (600, 3));
    let store = &reads.reader.context.store;
    assert_eq!(store.awaited_packages(NOW, 1_000).await.expect("read").len(), 600);
}

#[tokio::test]
async fn a_refusal_midway_keeps_what_came_before() {
    let reads = reads().await;
    reads.registry.set_user("jane", hits(0, 600, "jane"));
    // The second page is refused, then the third.
    let page = |from: usize| format!("/-/v1/search?text=maintainer%3Ajane&size=250&from={from}");
    let hurry = hurry();
    for (from, listed) in [(250, 250), (500, 500)] {
        reads.registry.fail(&page(from), [refused()]);
        assert_eq!(reads.reader.read_user("jane").await.expect("read"), Reading::Stored);
        let stored = user(&reads, "jane").await;
        assert_eq!((stored.total, stored.listed), (Some(600), listed));
        assert!(stored.problem.expect("a problem").contains("less often"));
        assert_eq!(count(&reads, "jane").await as i64, listed);
    }
    // Refused at once: what is known stays, and the problem is said.
    reads.registry.fail_search([refused()]);
    reads.reader.read_user("jane").await.expect("read");
    let stored = user(&reads, "jane").await;
    assert_eq!((stored.total, stored.listed, stored.problem.is_some()), (Some(600), 500, true));
    // Then all of it.
    reads.reader.read_user("jane").await.expect("read");
    drop(hurry);
    let stored = user(&reads, "jane").await;
    assert_eq!((stored.listed, stored.problem), (600, None));
}

#[tokio::test]
async fn only_the_maintainers_decide() {
    let reads = reads().await;
    let mut all = hits(0, 3, "jane");
    all.extend(hits(3, 2, "jane2"));
    all.push(json!({"package": {"name": "@jane/scoped", "publisher": {"username": "jane"}, "author": {"name": "jane"}}}));
    all.push(json!({"package": {"name": "jane", "description": "jane", "keywords": ["jane"]}}));
    all.push(json!({"package": null}));
    reads.registry.set_user("jane", all);
    reads.reader.read_user("jane").await.expect("read");
    let stored = user(&reads, "jane").await;
    assert_eq!((stored.total, stored.listed, stored.problem.is_some()), (None, 3, true), "a total that counts others says nothing");
    assert_eq!(count(&reads, "jane").await, 3);
    assert!(reads.reader.context.store.by_name(&name("jane")).await.expect("read").is_none(), "others are not stored");
    // A user without packages.
    reads.reader.read_user("nobody").await.expect("read");
    let stored = user(&reads, "nobody").await;
    assert_eq!((stored.total, stored.listed, stored.problem), (Some(0), 0, None));
}

#[tokio::test]
async fn registries_that_cannot_tell() {
    for (fault, words) in [
        (Fault::Status(404, vec![], "{}".to_owned()), "cannot tell"),
        (Fault::Status(405, vec![], "{}".to_owned()), "cannot tell"),
        (Fault::Status(200, vec![], "<html></html>".to_owned()), "something else"),
        (Fault::Status(200, vec![], r#"{"name":"a"}"#.to_owned()), "something else"),
        (
            Fault::Status(400, vec![], r#"{"error":"The 'text' parameter is wrong","code":"ERR_TEXT_LENGTH"}"#.to_owned()),
            "parameter is wrong",
        ),
        (Fault::Status(500, vec![], String::new()), "500"),
        (Fault::Cut(3), "could not be read"),
    ] {
        let reads = reads().await;
        reads.registry.set_user("jane", hits(0, 3, "jane"));
        let shown = format!("{fault:?}");
        reads.registry.fail_search([fault]);
        assert_eq!(reads.reader.read_user("jane").await.expect("read"), Reading::Stored);
        let stored = user(&reads, "jane").await;
        assert_eq!((stored.total, stored.listed), (None, 0), "{shown}");
        let problem = stored.problem.expect("a problem");
        assert!(problem.contains(words), "{shown}: {problem}");
    }
}

/// Rows move from page to page while they are read, and are counted once.
#[tokio::test]
async fn rows_that_repeat() {
    let reads = reads().await;
    let mut all = hits(0, 260, "jane");
    all.extend(hits(200, 60, "jane"));
    reads.registry.set_user("jane", all);
    let hurry = hurry();
    reads.reader.read_user("jane").await.expect("read");
    drop(hurry);
    let stored = user(&reads, "jane").await;
    assert_eq!((stored.total, stored.listed, count(&reads, "jane").await), (Some(320), 260, 260));
}
