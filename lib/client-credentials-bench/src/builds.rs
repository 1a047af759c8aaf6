//! Number 13: how many crates each library brings, and how long they take to build.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::row;
use crate::table::{self, seconds};

/// What is built: a name, and the lines under `[dependencies]`.
const BUILDS: [(&str, &str); 12] = [
    ("client-credentials, no features (core)", "client-credentials = { path = 'OURS', default-features = false }"),
    ("client-credentials, `reqwest`", "client-credentials = { path = 'OURS', default-features = false, features = ['reqwest', 'tokio'] }"),
    ("client-credentials, default (`reqwest`, `rustls`, `tokio`)", "client-credentials = { path = 'OURS' }"),
    (
        "client-credentials, `jwt` alone (assertions and DPoP, no HTTP client)",
        "client-credentials = { path = 'OURS', default-features = false, features = ['jwt'] }",
    ),
    ("client-credentials, default and `jwt`", "client-credentials = { path = 'OURS', features = ['jwt'] }"),
    ("huskarl 0.11, no features", "huskarl = { version = '0.11', default-features = false }"),
    ("huskarl 0.11, default, huskarl-reqwest", "huskarl = '0.11'\nhuskarl-reqwest = '0.9'"),
    (
        "huskarl 0.11, default, huskarl-reqwest with `rustls-tls`",
        "huskarl = '0.11'\nhuskarl-reqwest = { version = '0.9', features = ['rustls-tls'] }",
    ),
    ("oauth2 5.0, no features", "oauth2 = { version = '5', default-features = false }"),
    ("oauth2 5.0, `reqwest`", "oauth2 = { version = '5', default-features = false, features = ['reqwest'] }"),
    ("oauth2 5.0, default (`reqwest`, `rustls-tls`)", "oauth2 = '5'"),
    ("middle 0.5, default (`rustls-tls`)", "middle = '0.5'"),
];

/// Counts and builds, each from nothing, with the versions of this program's lock file. `only`: how the names of what is built begin.
pub(crate) fn table(only: &str) -> std::io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = here.join("../client-credentials").canonicalize()?;
    let mut rows = Vec::new();
    for (name, dependencies) in BUILDS.into_iter().filter(|(name, _)| name.starts_with(only)) {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("src"))?;
        std::fs::write(folder.path().join("src/lib.rs"), "")?;
        std::fs::copy(here.join("Cargo.lock"), folder.path().join("Cargo.lock"))?;
        let dependencies = dependencies.replace("OURS", &ours.to_string_lossy());
        let manifest = format!("[workspace]\n[package]\nname = 'nothing-else'\nedition = '2024'\n[dependencies]\n{dependencies}\n");
        std::fs::write(folder.path().join("Cargo.toml"), manifest)?;
        let crates = crates(folder.path())?;
        rows.push(row![name, crates, seconds(build(folder.path())?)]);
    }
    table::print(
        "13. Crates and cold builds",
        "Unique names in `cargo tree -e normal`, the library among them. `cargo build` (profile dev) into an empty target folder, with everything downloaded.",
        &["what", "crates", "build"],
        &rows,
    );
    Ok(())
}

fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", folder.join("target")).stderr(Stdio::null());
    command
}

fn crates(folder: &Path) -> std::io::Result<usize> {
    let output = cargo(folder, &["tree", "-e", "normal", "--prefix", "none", "--format", "{p}"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !matches!(*name, "" | "nothing-else")).collect();
    if names.is_empty() { Err(std::io::Error::other("cargo tree said nothing")) } else { Ok(names.len()) }
}

fn build(folder: &Path) -> std::io::Result<Duration> {
    cargo(folder, &["fetch"]).status()?;
    let start = Instant::now();
    let status = cargo(folder, &["build", "--offline"]).status()?;
    if status.success() { Ok(start.elapsed()) } else { Err(std::io::Error::other("cargo build failed")) }
}
