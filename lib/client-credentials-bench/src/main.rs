//! client-credentials side by side with huskarl, oauth2 and middle: one table per number.
//!
//! `cargo run --release -- [NUMBER…] [--builds] [--only NAME] [--limit SECONDS]`; without numbers all of them are measured, except for 13,
//! which takes minutes and is asked for with `--builds`; of those only what begins with a name that is given.

use std::time::Duration;

mod builds;
mod herd;
mod hot_path;
mod libraries;
mod server;
mod simulations;
mod table;
mod virtual_time;

use server::Server;

struct Options {
    numbers: Vec<u32>,
    builds: bool,
    /// Beginning of the names of what is built.
    only: String,
    limit: Duration,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Self { numbers: Vec::new(), builds: false, only: String::new(), limit: Duration::from_secs(20) };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--builds" => options.builds = true,
                "--only" => options.only = arguments.next().ok_or("--only wants a name")?,
                "--limit" => {
                    let seconds = arguments.next().and_then(|text| text.parse().ok()).ok_or("--limit wants a number of seconds")?;
                    options.limit = Duration::from_secs(seconds);
                }
                number => options.numbers.push(number.parse().map_err(|_| format!("{number} is no number of a table"))?),
            }
        }
        Ok(options)
    }

    fn wants(&self, number: u32) -> bool {
        self.numbers.contains(&number) || (self.numbers.is_empty() && !self.builds)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::read()?;
    let server = Server::start(Duration::from_millis(50))?;
    let runtime = tokio::runtime::Runtime::new()?;
    println!("{}", machine());

    // The crowds are those of a task, not of the thread that blocks on the runtime.
    let crowds = async |number| match number {
        1 => herd::cold_start(&server).await,
        2 => herd::outage_at_start(&server, options.limit).await,
        _ => herd::leader_leaves(&server).await,
    };
    for number in [1, 2, 3].into_iter().filter(|number| options.wants(*number)) {
        runtime.block_on(crowds(number));
    }
    if options.wants(4) {
        herd::all_leave(&server);
    }
    if options.wants(5) {
        hot_path::table(&server, &runtime);
    }
    if options.wants(6) {
        simulations::expiry_boundary();
    }
    if options.wants(7) {
        simulations::outage_at_refresh();
    }
    if options.wants(8) {
        simulations::fleet(&server, &runtime);
    }
    if options.wants(9) {
        simulations::wrong_audience();
    }
    if options.wants(11) {
        simulations::suspend();
    }
    if options.builds || options.numbers.contains(&13) {
        builds::table(&options.only)?;
    }
    Ok(())
}

/// When and on what it is measured.
fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {model}, {cores} cores, release build", jiff::Timestamp::now().strftime("%Y-%m-%d"))
}
