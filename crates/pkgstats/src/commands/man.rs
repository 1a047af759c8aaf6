//! `pkgstats man`

use anyhow::Context as _;
use clap::CommandFactory;

use crate::args::{Cli, Man};
use crate::{Outcome, output};

pub(crate) fn run(args: &Man) -> anyhow::Result<Outcome> {
    let Some(folder) = &args.out else {
        let mut text = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut text)?;
        output::raw(&text);
        return Ok(Outcome::Ok);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .with_context(|| format!("the manual pages cannot be written into {}", folder.display()))?;
    output::line(&format!("manual pages are in {}", folder.display()));
    Ok(Outcome::Ok)
}
