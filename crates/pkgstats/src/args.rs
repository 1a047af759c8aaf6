//! The command line. Every option has an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use catalog::UserSort;
use clap::{Args, Parser, Subcommand, ValueEnum};
use model::{Day, PackageName, Step, Target, is_user_name, parse_target};

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
    /// A server with npm's downloads API. npm's own is asked about packages of npm's own registry only [default: api.npmjs.org]
    #[arg(long, global = true, env = "PKGSTATS_DOWNLOADS_URL", value_name = "URL")]
    pub(crate) downloads_url: Option<String>,
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
    /// Ask for the daily downloads of so many popular packages, beside those that are looked at, one request in two seconds; 0 asks
    /// for none at all [default: 10000]
    #[arg(long, env = "PKGSTATS_DOWNLOADS", value_name = "N")]
    pub(crate) downloads: Option<usize>,
    /// Answer /metrics on this address, for Prometheus [default: nowhere]
    #[arg(long, env = "PKGSTATS_METRICS_LISTEN", value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Whom to tell of known vulnerabilities, which are for one's own use: whoever asks from this machine, or nobody [default: own]
    #[arg(long, env = "PKGSTATS_ADVISORIES", value_name = "WHOM")]
    pub(crate) advisories: Option<Advisories>,
}

/// Whom a server tells of known vulnerabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Advisories {
    /// Whoever asks from this machine, when it listens on a loopback address
    Own,
    /// Nobody
    Never,
}

impl Serve {
    /// What stands after the command, else what stands before it.
    pub(crate) fn or(self, top: Self) -> Self {
        Self {
            listen: self.listen.or(top.listen),
            details: self.details.or(top.details),
            downloads: self.downloads.or(top.downloads),
            metrics_listen: self.metrics_listen.or(top.metrics_listen),
            advisories: self.advisories.or(top.advisories),
        }
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
    /// Show a package: versions, downloads, dependencies, README
    Show(Show),
    /// Show everything a user maintains, and what to work on
    User(User),
    /// Show up to ten packages side by side
    Compare(Compare),
    /// Write downloads, a user's packages, comparisons or trends as CSV or NDJSON
    Export(Export),
    /// Build the search index anew, beside the one in use
    Reindex,
    /// Look for damage
    Doctor,
    /// Print what a shell needs to complete commands and options
    Completions(Completions),
    /// Print the manual page, for `man -l -`
    Man(Man),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Fill {
    /// Read the lists from tarballs in this folder, as `npm pack` makes them, instead of downloading them
    #[arg(long, env = "PKGSTATS_FROM", value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// Only so many packages, the most downloaded ones
    #[arg(long, env = "PKGSTATS_LIMIT", value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Then read the details of so many popular packages from the registry, one a second, at most 100000
    #[arg(long, env = "PKGSTATS_DETAILS", default_value_t = 0, value_name = "N")]
    pub(crate) details: usize,
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
    /// Words, "phrases" and qualifiers, as in the box of the web page: scope:NAME, keywords:A,B, downloads:>1k; after -- also -WORD
    #[arg(required = true)]
    pub(crate) terms: Vec<String>,
    /// The order, as sort:WORD in the text
    #[arg(long, env = "PKGSTATS_SEARCH_SORT", value_name = "WORD")]
    pub(crate) sort: Option<String>,
    /// Say what every score is the product of
    #[arg(long, env = "PKGSTATS_EXPLAIN", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) explain: bool,
    /// Count what the packages found have in common: keywords, licenses, types and so on
    #[arg(long, env = "PKGSTATS_FACETS", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) facets: bool,
    /// How many hits
    #[arg(long, env = "PKGSTATS_SIZE", default_value_t = 20, value_name = "N")]
    pub(crate) size: usize,
    /// How many hits to pass over
    #[arg(long, env = "PKGSTATS_SEARCH_FROM", default_value_t = 0, value_name = "N")]
    pub(crate) from: usize,
}

/// A package, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: PackageName,
    /// A version or a tag.
    pub(crate) version: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Show {
    /// The package, as react, react@18.2.0, react@next, pkg:react, or npm's address of it
    #[arg(value_parser = package, value_name = "NAME[@VERSION]")]
    pub(crate) package: Package,
    /// Print the README instead
    #[arg(long, env = "PKGSTATS_README", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) readme: bool,
    /// Name every dependency with its range, every tag and every keyword
    #[arg(long, env = "PKGSTATS_ALL", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) all: bool,
    /// List every version, not the last ten only
    #[arg(long, env = "PKGSTATS_VERSIONS", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) versions: bool,
    /// Ask the registry even when the details are stored
    #[arg(long, env = "PKGSTATS_REFRESH", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) refresh: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct User {
    /// The user, as sindresorhus, @sindresorhus, ~sindresorhus, or npm's address of them
    #[arg(value_parser = user, value_name = "NAME")]
    pub(crate) name: String,
    /// The order of the packages
    #[arg(long, env = "PKGSTATS_SORT", value_enum, default_value_t = Sort::Downloads)]
    pub(crate) sort: Sort,
    /// How many packages
    #[arg(long, env = "PKGSTATS_USER_SIZE", default_value_t = 50, value_name = "N")]
    pub(crate) size: usize,
    /// How many packages to pass over
    #[arg(long, env = "PKGSTATS_USER_FROM", default_value_t = 0, value_name = "N")]
    pub(crate) from: usize,
    /// Ask the registry even when it was asked within the last day
    #[arg(long, env = "PKGSTATS_REFRESH", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) refresh: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Compare {
    /// The packages
    #[arg(required = true, num_args = 1..=catalog::MAX_COMPARED, value_parser = package_name, value_name = "NAME")]
    pub(crate) names: Vec<PackageName>,
    /// Ask the registry for those whose details are not stored
    #[arg(long, env = "PKGSTATS_REFRESH", num_args = 0..=1, default_missing_value = "true", default_value_t = false, require_equals = true, value_name = "BOOL")]
    pub(crate) refresh: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Export {
    /// How: CSV, or one JSON object a line; --json is the same as ndjson
    #[arg(long, global = true, env = "PKGSTATS_FORMAT", value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,
    #[command(subcommand)]
    pub(crate) what: ExportWhat,
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// RFC 4180, with a header; what is not known is empty.
    Csv,
    /// One JSON object a line; what is not known is left out.
    Ndjson,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ExportWhat {
    /// Downloads of packages by day, week, month or year
    Downloads {
        /// The packages
        #[arg(required = true, value_parser = package_name, value_name = "NAME")]
        names: Vec<PackageName>,
        /// The first day, as 2026-11-01 [default: the first that is counted]
        #[arg(long, env = "PKGSTATS_FROM_DAY", value_parser = day, value_name = "DAY")]
        from: Option<Day>,
        /// The last day [default: the newest that is counted]
        #[arg(long, env = "PKGSTATS_TO_DAY", value_parser = day, value_name = "DAY")]
        to: Option<Day>,
        /// The length of the periods
        #[arg(long, env = "PKGSTATS_STEP", value_enum, default_value_t = ExportStep::Day)]
        step: ExportStep,
    },
    /// All packages of a user
    User {
        /// The user
        #[arg(value_parser = user, value_name = "NAME")]
        name: String,
    },
    /// Packages side by side
    Compare {
        /// The packages
        #[arg(required = true, num_args = 1..=catalog::MAX_COMPARED, value_parser = package_name, value_name = "NAME")]
        names: Vec<PackageName>,
    },
    /// The packages that are most popular, rise, fall or are new
    Trends {
        /// The list
        #[arg(value_parser = ["popular", "rising", "falling", "newest"])]
        list: String,
        /// Only packages with this keyword
        #[arg(long, env = "PKGSTATS_KEYWORD", value_name = "WORD")]
        keyword: Option<String>,
    },
}

/// How long periods are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportStep {
    /// A day.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

impl From<ExportStep> for Step {
    fn from(step: ExportStep) -> Self {
        match step {
            ExportStep::Day => Self::Day,
            ExportStep::Week => Self::Week,
            ExportStep::Month => Self::Month,
            ExportStep::Year => Self::Year,
        }
    }
}

/// The order of a user's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Most downloaded first.
    Downloads,
    /// By name.
    Name,
    /// Latest published first.
    Published,
    /// Most downloaded in 7 days first.
    Week,
    /// Most downloaded in 365 days first.
    Year,
    /// What grew most in 30 days first.
    Change,
    /// What most packages need first.
    Dependents,
    /// What needs attention most first.
    Attention,
}

impl From<Sort> for UserSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Downloads => Self::Downloads,
            Sort::Name => Self::Name,
            Sort::Published => Self::Published,
            Sort::Week => Self::Week,
            Sort::Year => Self::Year,
            Sort::Change => Self::Change,
            Sort::Dependents => Self::Dependents,
            Sort::Attention => Self::Attention,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Man {
    /// Write the pages of all commands into this folder instead
    #[arg(long, env = "PKGSTATS_OUT", value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// A bare word names a package here, never a text to search for.
fn package(text: &str) -> Result<Package, String> {
    let found = match parse_target(text) {
        Target::Text(text) => parse_target(&format!("pkg:{text}")),
        found => found,
    };
    match found {
        Target::Package { name, version } => Ok(Package { name, version }),
        Target::User(user) => Err(format!("this is a user; `pkgstats user {user}` shows what they maintain")),
        Target::Text(_) => Err("this is no name of a package; `pkgstats search` finds packages by words".to_owned()),
    }
}

fn package_name(text: &str) -> Result<PackageName, String> {
    match package(text)? {
        Package { name, version: None } => Ok(name),
        Package { name, version: Some(version) } => Err(format!("this is the version {version}; whole packages are meant here, as {name}")),
    }
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).map_err(|error| error.to_string())
}

fn user(text: &str) -> Result<String, String> {
    match parse_target(text) {
        Target::User(user) => Ok(user),
        Target::Text(text) if is_user_name(&text) => Ok(text),
        Target::Package { name, .. } => Err(format!("this is a package; `pkgstats show {name}` shows it")),
        Target::Text(_) => Err("this is no name of a user".to_owned()),
    }
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

    #[test]
    fn what_is_shown() {
        let check = |text: &str, expected: Result<(&str, Option<&str>), &str>| match (package(text), expected) {
            (Ok(found), Ok((name, version))) => assert_eq!((found.name.as_str(), found.version.as_deref()), (name, version), "{text}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
            (found, expected) => panic!("{text}: {found:?}, not {expected:?}"),
        };
        check("react", Ok(("react", None)));
        check("JSONStream", Ok(("JSONStream", None)));
        check("react@my-tag", Ok(("react", Some("my-tag"))));
        check("pkg:react@18.2.0", Ok(("react", Some("18.2.0"))));
        check("@types/node@20.1.0", Ok(("@types/node", Some("20.1.0"))));
        check("https://www.npmjs.com/package/@types/node/v/20.1.0", Ok(("@types/node", Some("20.1.0"))));
        check("@jane", Err("pkgstats user jane"));
        check("date picker", Err("pkgstats search"));
        check("", Err("no name"));
        assert_eq!(package_name("pkg:react").map(|name| name.to_string()), Ok("react".to_owned()));
        assert!(package_name("react@18.2.0").is_err_and(|why| why.contains("18.2.0")));
        assert!(day("2026-11-21").is_ok() && day("21.11.2026").is_err());
        assert_eq!(user("@jane").as_deref(), Ok("jane"));
        assert_eq!(user("~jane").as_deref(), Ok("jane"));
        assert_eq!(user("jane").as_deref(), Ok("jane"));
        assert_eq!(user("https://www.npmjs.com/~jane").as_deref(), Ok("jane"));
        assert!(user("@types/node").is_err_and(|why| why.contains("pkgstats show @types/node")));
        assert!(user("jane doe").is_err());
    }
}
