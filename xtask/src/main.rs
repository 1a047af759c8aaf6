//! The project's own automation: `cargo xtask test | tidy | relevance | bench | kills`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bench;
mod peers;
mod relevance;
mod test;
mod tidy;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

const USAGE: &str = "usage: cargo xtask COMMAND
  test                    everything that is checked: format, lints, docs, house rules, tests on both databases
  tidy                    the house rules alone
  relevance [-v]          whether the search finds what people mean, -v with every miss; --corpus FILE scores another corpus
  bench --from DIR        fill, serve and search with the lists in DIR, measured; --data DIR keeps or reuses a filled directory,
                          --names FILE looks for 100,000 of its lines by their exact names
  kills [KILLS [NAMES]]   the fill killed at random moments, 20 times on lists of 200,000 names unless told otherwise";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::test(),
        ["tidy"] => tidy::tidy(),
        ["relevance", options @ ..] => relevance::relevance(options),
        ["bench", options @ ..] => bench::bench(options),
        ["kills", options @ ..] => kills(options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn kills(options: &[&str]) -> anyhow::Result<()> {
    let kills = options.first().copied().unwrap_or("20");
    let names = options.get(1).copied().unwrap_or("200000");
    let mut command = cargo(&["test", "--release", "--package", "pkgstats", "--test", "it", "killed_at_any_moment", "--", "--nocapture"]);
    run(command.env("PKGSTATS_TEST_KILLS", kills).env("PKGSTATS_TEST_NAMES", names))
}

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command, shown first, and fails when it does.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let words: Vec<String> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy().into_owned()).collect();
    let shown = words.join(" ");
    println!("$ {shown}");
    let status = command.status().with_context(|| format!("{shown} cannot be started"))?;
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}
