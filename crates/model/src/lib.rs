//! Plain data and pure rules about npm packages.
//!
//! Values in, values out: no IO, no async, no clock. Every other crate speaks in these types.

mod advisory;
mod counts;
mod day;
mod details;
mod fact;
mod manifest;
mod name;
mod observation;
mod packument;
mod popularity;
mod problem;
mod repair;
mod repository;
mod search_hit;
mod series;
mod target;
mod tolerant;

pub use advisory::{AdvisoriesError, Advisory, Severity, parse_advisories};
pub use counts::{Counted, CountedVersions, CountsError, parse_bulk_range, parse_range, parse_versions};
pub use day::{Day, DayRange, InvalidDay, Step};
pub use details::{Details, DistTag, Packument, ReadmeText, Unpublished, VersionLine};
pub use fact::{Fact, Facts};
pub use manifest::{Dependency, InstallScript, Manifest, is_version};
pub use name::{InvalidName, PackageName, types_package};
pub use observation::{Observation, RecentDownloads, Source, State, Summary};
pub use packument::parse_packument;
pub use popularity::{Bucket, Popularity};
pub use problem::{Checked, CheckedDependency, Problem, attention, is_behind, major_of, newest_allowed, problems};
pub use repository::{browse_url, directory};
pub use search_hit::{HitPage, Record, RecordError, parse_hit_page, parse_record};
pub use series::{DayCount, Period, Series, Sum, Sums};
pub use target::{Target, is_user_name, parse_target};
