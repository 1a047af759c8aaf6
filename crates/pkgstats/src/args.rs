//! The command line. Every option has an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// npm packages, searched on a machine of your own.
///
/// Without a command it serves: on an empty data directory it starts at once and fills it in the background.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(flatten)]
    pub(crate) serve: Serve,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options that stand before or after the command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Where everything is kept [default: the platform's data directory]
    #[arg(long, global = true, env = "PKGSTATS_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// An SQLite file or a postgres:// address [default: an SQLite file in the data directory]
    #[arg(long, global = true, env = "PKGSTATS_DATABASE", hide_env_values = true, value_name = "PLACE")]
    pub(crate) database: Option<String>,
    /// The registry [default: what npm's own configuration says]
    #[arg(long, global = true, env = "PKGSTATS_REGISTRY", value_name = "URL")]
    pub(crate) registry: Option<String>,
    /// Ask nobody
    #[arg(long, global = true, env = "PKGSTATS_OFFLINE", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) offline: bool,
    /// Print JSON
    #[arg(long, global = true, env = "PKGSTATS_JSON", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) json: bool,
    /// What is logged, as `info` or `sync=debug,info` [default: info for serve, warn otherwise]
    #[arg(long, global = true, env = "PKGSTATS_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How it is logged
    #[arg(long, global = true, env = "PKGSTATS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Serve {
    /// Where the web server listens [default: 127.0.0.1:3000]
    #[arg(long, env = "PKGSTATS_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Read the details of so many popular packages in the background, one a second, at most 100000 [default: 2000]
    #[arg(long, env = "PKGSTATS_DETAILS", value_name = "N")]
    pub(crate) details: Option<usize>,
}

impl Serve {
    /// What stands after the command, else what stands before it.
    pub(crate) fn or(self, top: Self) -> Self {
        Self { listen: self.listen.or(top.listen), details: self.details.or(top.details) }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Web server; also what runs without a command
    Serve(Serve),
    /// Read the published lists of all packages and build the search index; safe to stop and run again
    Fill(Fill),
    /// Read packages from NDJSON, plain or gzip: hits of npm's search API, or whole packuments
    Import(Import),
    /// Search packages
    Search(Search),
    /// Build the search index anew, beside the one in use
    Reindex,
    /// Look for damage
    Doctor,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Fill {
    /// Read the lists from tarballs in this folder, as `npm pack` makes them, instead of downloading them
    #[arg(long, env = "PKGSTATS_FROM", value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Only so many packages, the most downloaded ones
    #[arg(long, env = "PKGSTATS_LIMIT", value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Import {
    /// The file, or - for standard input
    pub(crate) file: PathBuf,
    /// When the lines were observed, as 2026-11-23T10:00:00Z [default: the file's time]
    #[arg(long, env = "PKGSTATS_OBSERVED_AT", value_name = "TIME")]
    pub(crate) observed_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Search {
    /// Free text with qualifiers: scope:NAME, keywords:A,B, maintainer:USER
    #[arg(required = true)]
    pub(crate) terms: Vec<String>,
    /// How many hits
    #[arg(long, env = "PKGSTATS_SIZE", default_value_t = 20, value_name = "N")]
    pub(crate) size: usize,
    /// How many hits to pass over
    #[arg(long, env = "PKGSTATS_SEARCH_FROM", default_value_t = 0, value_name = "N")]
    pub(crate) from: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after() {
        for line in [["pkgstats", "--json", "doctor"], ["pkgstats", "doctor", "--json"]] {
            assert!(Cli::try_parse_from(line).expect("valid").global.json, "{line:?}");
        }
        let cli = Cli::try_parse_from(["pkgstats", "--listen", "127.0.0.1:1"]).expect("valid");
        assert!(cli.command.is_none() && cli.serve.listen.is_some());
    }
}
