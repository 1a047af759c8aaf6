//! The README shows what the library really prints, and names what there is.

use std::time::Duration;

use crate::support::{World, json, token};

const README: &str = include_str!("../../README.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");

/// Whether the README has this, however its lines are broken.
#[track_caller]
fn shows(text: &str) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(README).contains(&words(text)), "the README does not show: {text}");
}

#[test]
fn errors() {
    let world = World::new([
        json(400, r#"{"error":"invalid_request","error_description":"only forms are supported"}"#),
        json(401, r#"{"error":"invalid_client","error_description":"client authentication failed"}"#),
    ]);
    let client = world.client();
    shows(&world.run(client.authorize()).unwrap_err().to_string());
    let (line, _) =
        client.status().to_string().split_once(" failed").map(|(line, rest)| (format!("{line} failed …"), rest.to_owned())).unwrap();
    shows(&line);
}

#[test]
fn status() {
    let world = World::new([token("t-1", 3600)]);
    let client = world.client();
    world.run(client.authorize()).unwrap();
    shows(&client.status().to_string());
}

#[test]
fn numbers_that_are_defaults() {
    let (freshness, retry, cooldown) =
        (client_credentials::Freshness::default(), client_credentials::Retry::default(), client_credentials::Cooldown::default());
    let seconds = Duration::from_secs;
    assert_eq!((freshness.skew, freshness.refresh_after, freshness.jitter), (seconds(20), 0.8, 0.1));
    assert_eq!((retry.retries, retry.first), (2, Duration::from_millis(200)));
    assert_eq!((cooldown.transient, cooldown.transient_longest), (seconds(1), seconds(60)));
    assert_eq!((cooldown.rejected, cooldown.rejected_longest), (seconds(60), seconds(15 * 60)));
    assert_eq!((cooldown.short, cooldown.medium, cooldown.long), (seconds(5), seconds(30), seconds(5 * 60)));
}

#[test]
fn features_rust_and_examples() {
    let (_, rest) = MANIFEST.split_once("[features]\n").expect("features");
    let (features, _) = rest.split_once("\n[").expect("another section");
    let defaults = features.lines().find_map(|line| line.strip_prefix("default = ")).expect("defaults");
    let names: Vec<&str> =
        features.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "default") {
        let is_default = if defaults.contains(&format!("\"{name}\"")) { "yes" } else { "no" };
        shows(&format!("| `{name}` | {is_default} |"));
    }
    shows(&format!("It needs Rust {} or newer", env!("CARGO_PKG_RUST_VERSION")));
    for entry in std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        shows(&format!("`{}`", entry.unwrap().path().file_stem().unwrap().to_str().unwrap()));
    }
}
