//! `pkgstats import`

use std::io::{Read, copy, stdin};
use std::path::PathBuf;

use anyhow::Context as _;
use sync::{Error, ImageKey, ImportOptions, ImportReport, Outcome as Done, Work};

use crate::args::{Global, Import};
use crate::output::count;
use crate::{Outcome, config, output};

pub(crate) async fn run(global: &Global, args: Import) -> anyhow::Result<Outcome> {
    let context = config::context(global).await?;
    let from_stdin = args.file.as_os_str() == "-";
    let path = if from_stdin { PathBuf::from("standard input") } else { std::path::absolute(&args.file)? };
    let open = || -> anyhow::Result<Box<dyn Read + Send>> {
        if from_stdin {
            return Ok(Box::new(stdin()));
        }
        Ok(Box::new(std::fs::File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?))
    };
    let input = open()?;
    let observed_at = match args.observed_at {
        Some(time) => time.as_second(),
        None if from_stdin => context.clock.now(),
        None => {
            let modified = std::fs::metadata(&path)
                .and_then(|metadata| metadata.modified())
                .with_context(|| format!("{} has no time", path.display()))?;
            jiff::Timestamp::try_from(modified)?.as_second()
        }
    };
    let key = ImageKey::load(&context.store).await?;
    let spool = context.tmp().join(format!("import-{}.ndjson", std::process::id()));
    let said = |number: u64, why: &str| output::remark(&format!("line {number}: {why}"));
    // Whoever gets the input, reads it: this process, or the server from a copy when it comes through a pipe.
    let input = std::cell::Cell::new(Some(input));
    let result: anyhow::Result<(ImportReport, Vec<(u64, String)>)> = super::write(
        &context,
        "import",
        async |context| {
            let input = input.take().unwrap_or_else(|| Box::new(std::io::empty()));
            let options = ImportOptions { input, name: path.clone(), observed_at, key, bad_line: Box::new(said) };
            Ok((sync::import(context, options).await?, Vec::new()))
        },
        async || {
            if !from_stdin {
                return Ok(Work::Import { file: path.clone(), observed_at });
            }
            let failed = |source| Error::Io { path: spool.clone(), source };
            std::fs::create_dir_all(context.tmp()).map_err(failed)?;
            let mut file = std::fs::File::create(&spool).map_err(failed)?;
            if let Some(mut input) = input.take() {
                // Standard input may stay open for ever; this command can still be stopped.
                tokio::task::spawn_blocking(move || copy(&mut input, &mut file)).await?.map_err(failed)?;
            }
            Ok(Work::Import { file: spool.clone(), observed_at })
        },
        |outcome| if let Done::Import { report, bad } = outcome { Some((report, bad)) } else { None },
    )
    .await;
    if spool.exists() {
        std::fs::remove_file(&spool).with_context(|| format!("{} cannot be deleted", spool.display()))?;
    }
    context.store.close().await;
    let (report, bad) = result?;
    bad.iter().for_each(|(number, why)| said(*number, why));
    if global.json {
        output::json(&report)?;
    } else {
        output::line(&format!(
            "{} lines: {} packages new, {} changed, {} unchanged, {} lines bad",
            count(report.lines),
            count(report.added),
            count(report.changed),
            count(report.unchanged),
            count(report.bad)
        ));
    }
    Ok(if report.bad == 0 { Outcome::Ok } else { Outcome::Failed })
}
