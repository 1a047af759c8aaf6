//! `pkgstats completions`

use clap::CommandFactory;

use crate::args::{Cli, Completions};
use crate::{Outcome, output};

pub(crate) fn run(args: &Completions) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pkgstats", &mut text);
    output::raw(&text);
    Outcome::Ok
}
