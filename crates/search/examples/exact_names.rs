//! Whether every package is found by its exact name: all names of a list go through the parser and the exact stage of the search.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use search::{Index, Query};

const USAGE: &str = "usage: exact_names INDEX NAMES
  INDEX   the folder `index` of a data directory
  NAMES   a file with a name on every line";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [index, names] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(Path::new(index), Path::new(names)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("exact_names: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many names are not found.
fn run(index: &Path, names: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let index = Index::open(index)?.ok_or("there is no index in this folder")?;
    let began = Instant::now();
    let (mut asked, mut missed) = (0_u64, 0_u64);
    for name in BufReader::new(File::open(names)?).lines() {
        let name = name?;
        let query = Query::parse(&name, 0)?;
        let is_found = query.text == name && query.filters.is_empty() && index.id_of(&query.text)?.is_some();
        asked += 1;
        if !is_found {
            missed += 1;
            println!("{name:?} is not found; it is read as {query}");
        }
    }
    println!("{missed} of {asked} names are not found by the parser and the exact stage, in {:.1} s", began.elapsed().as_secs_f64());
    Ok(missed)
}
