//! The house rules that a program can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::bail;
use cargo_metadata::{DependencyKind, MetadataCommand};
use url::Url;

use crate::root;

/// Which crate may use which of ours, in its normal dependencies. Whoever is not named here may use none.
const EDGES: &[(&str, &[&str])] = &[
    ("registry", &["model"]),
    ("store", &["model"]),
    ("search", &["model"]),
    ("sync", &["registry", "store", "search", "markup", "model"]),
    ("markup", &["model"]),
    ("catalog", &["store", "search", "markup", "model"]),
    ("web", &["catalog", "sync", "markup", "model"]),
    ("pkgstats", &["model", "registry", "store", "search", "sync", "markup", "catalog", "web"]),
    ("testkit", &["model"]),
    ("xtask", &["testkit"]),
];

/// Libraries that belong to some crates alone.
const OWNED: &[(&str, &[&str])] =
    &[("sqlx", &["store"]), ("tantivy", &["search"]), ("axum", &["web"]), ("reqwest", &["registry", "client-credentials"])];

/// They may use any server or client.
const FREE: &[&str] = &["testkit", "xtask"];

/// Words that stand for unfinished work.
const UNFINISHED: &[&str] = &["todo!(", "unimplemented!(", concat!("FIX", "ME"), concat!("TO", "DO")];

/// Checks all rules and names every breach.
pub(crate) fn tidy() -> anyhow::Result<()> {
    let mut breaches = Vec::new();
    edges(&mut breaches)?;
    files(&mut breaches)?;
    if breaches.is_empty() {
        println!("tidy: all house rules are kept");
        return Ok(());
    }
    for breach in &breaches {
        eprintln!("tidy: {breach}");
    }
    bail!("{} house rules are broken", breaches.len());
}

fn edges(breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let folder = package.manifest_path.parent().and_then(|folder| folder.file_name());
        if folder != Some(name) {
            breaches.push(format!("the folder of the crate {name} has another name"));
        }
        let allowed = EDGES.iter().find(|(from, _)| *from == name).map_or(&[][..], |(_, to)| to);
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let normal = dependency.kind == DependencyKind::Normal;
            if normal && ours.contains(to) && !allowed.contains(&to) {
                breaches.push(format!("{name} may not depend on {to}"));
            }
            if let Some((_, owners)) = OWNED.iter().find(|(library, _)| *library == to)
                && !owners.contains(&name)
                && !FREE.contains(&name)
                // Tests of the web's own crate speak its language.
                && normal
            {
                breaches.push(format!("{name} may not depend on {to}, which belongs to {}", owners.join(" and ")));
            }
        }
        let manifest = fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{name} does not take the workspace's lints"));
        }
        let tests = Path::new(package.manifest_path.as_str()).with_file_name("tests");
        for entry in fs::read_dir(&tests).into_iter().flatten() {
            let entry = entry?;
            let path = entry.path();
            // Folders with a main.rs and single files are binaries; anything else is what they read.
            let is_binary = path.join("main.rs").exists() || path.extension().is_some_and(|end| end == "rs");
            if is_binary && entry.file_name() != "it" {
                breaches.push(format!("{name} has more than one integration binary: {}", path.display()));
            }
        }
    }
    Ok(())
}

fn files(breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let host = Url::parse(deno_npmrc::NPM_DEFAULT_REGISTRY)?.host_str().unwrap_or_default().to_owned();
    let output = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root()).output()?;
    for path in output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if line.contains(&host) {
                breaches.push(format!("{path}:{} names the registry's host; take it from deno_npmrc, or use registry.example", number + 1));
            }
            let is_code = Path::new(&path).extension().is_some_and(|end| end == "rs") && path != "xtask/src/tidy.rs";
            if is_code && UNFINISHED.iter().any(|word| line.contains(word)) {
                breaches.push(format!("{path}:{} has unfinished work", number + 1));
            }
        }
    }
    Ok(())
}
