//! The program `pkgstats`. It alone reads arguments, environment, configuration files and the clock, and prints.

mod args;
mod chart;
mod commands;
mod config;
mod output;
mod readme;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::args::Cli;

/// How long unfinished work of other threads is waited for at the end.
const LINGER: Duration = Duration::from_secs(3);

/// What a command came to, besides failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    /// It ran, but not all is well.
    Failed,
    /// What was asked for does not exist.
    NotFound,
}

fn main() -> ExitCode {
    // Bad usage ends here with code 2.
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&anyhow::Error::new(error).context("the runtime could not be started"));
            return ExitCode::from(1);
        }
    };
    let result = runtime.block_on(commands::run(cli));
    runtime.shutdown_timeout(LINGER);
    match result {
        Ok(Outcome::Ok) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::NotFound) => ExitCode::from(3),
        Err(error) => {
            output::error(&error);
            ExitCode::from(1)
        }
    }
}
