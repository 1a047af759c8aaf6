//! Whether the search finds what people mean: cases whose answers are known, with floors.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::{cargo, root, run};

/// A corpus written by hand, with cases that other searches were asked for.
const OWN: &str = "crates/search/relevance/corpus.ndjson";
/// A corpus of 226,993 packages with cases, where somebody has put it beside the repository.
const LARGE: &str = "../shared/relevance/corpus.ndjson.gz";

const OWN_FLOORS: [&str; 9] =
    ["topics=0.95", "success=1", "places=1", "known=0.98", "exact=1", "spaced=1", "joined=1", "typo=0.95", "prefix=0.95"];
const LARGE_FLOORS: [&str; 9] =
    ["topics=0.48", "success=0.92", "known=0.96", "exact=0.98", "spaced=0.98", "joined=0.98", "unscoped=0.98", "typo=0.97", "prefix=0.87"];

/// Scores the corpora that are there and fails when a floor is not reached; `--corpus FILE` scores another, without floors.
pub(crate) fn relevance(options: &[&str]) -> anyhow::Result<()> {
    run(&mut cargo(&["build", "--release", "--package", "search", "--example", "relevance"]))?;
    let program = root().join("target/release/examples/relevance");
    match options {
        ["--corpus", corpus, more @ ..] => run(Command::new(program).arg(corpus).args(more)),
        [] | ["-v"] => score(&program, options),
        _ => bail!("usage: cargo xtask relevance [--corpus FILE] [-v]"),
    }
}

/// The same with what the tests have built.
pub(crate) fn check() -> anyhow::Result<()> {
    score(&root().join("target/debug/examples/relevance"), &[])
}

fn score(program: &Path, options: &[&str]) -> anyhow::Result<()> {
    for (corpus, floors) in [(OWN, OWN_FLOORS), (LARGE, LARGE_FLOORS)] {
        if !root().join(corpus).exists() {
            println!("{corpus} is not there, so it is not scored");
            continue;
        }
        let mut command = Command::new(program);
        command.current_dir(root()).arg(corpus).args(options);
        run(command.args(floors.iter().flat_map(|floor| ["--floor", floor])))?;
    }
    Ok(())
}
