//! One package, or one version of it.

use ::search::Like;
use markup::{Month, month_chart};
use model::{Advisory, DistTag, Manifest, PackageName, Source, State, types_package};
use serde::Serialize;
use store::{Known, KnownAdvisories, RenderedReadme, StoredPackage, StoredReadme};
use utoipa::ToSchema;

use crate::chart::{ChartSource, released};
use crate::home::in_order;
use crate::search::rfc3339;
use crate::statistics::Needed;
use crate::{Catalog, DownloadCount, Error, SearchHit, Statistics};

/// Similar packages on a page.
const SIMILAR: usize = 6;

/// What there is at a package's address.
#[derive(Debug, Clone, PartialEq)]
pub enum PackageAnswer {
    /// No such name is known.
    Unknown,
    /// The package is known, this version is not.
    NoSuchVersion {
        /// When the registry last told all versions, RFC 3339; missing when it never did.
        observed: Option<String>,
        /// The version shown first.
        latest: Option<String>,
    },
    /// A tag stood in the place of the version, which is this one.
    Tag(String),
    /// The package.
    Page(Box<PackagePage>),
}

/// A package as its page shows it. What is not known is left out; times are RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PackagePage {
    /// The name.
    pub name: String,
    /// `active`, `unpublished` or `security-holding`.
    #[schema(value_type = String)]
    pub state: State,
    /// Where the newest words come from: `data-set`, `search-hit` or `packument`.
    #[schema(value_type = String)]
    pub source: Source,
    /// When they were seen.
    pub observed: String,
    /// When the registry last said that the details are so; missing when it was not asked yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details_observed: Option<String>,
    /// The version shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether that is the version shown first.
    pub is_latest: bool,
    /// When that version was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When the name was first published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When anything about the package changed last, also an owner or a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Keywords.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// SPDX expression or whatever the author wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Where to report bugs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bugs: Option<String>,
    /// Web address of its repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Who published the version shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The users who may publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<String>,
    /// Why the version shown should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Recent downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
    /// Downloads in the months of which there are snapshots, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<MonthCount>,
    /// The package's numbers.
    pub statistics: Statistics,
    /// What the version shown says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// The package that declares its types, where it brings none itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types_package: Option<String>,
    /// Tags and the versions they name, `latest` first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dist_tags: Vec<DistTag>,
    /// All versions, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionRow>,
    /// Present when every version was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublished: Option<UnpublishedPackage>,
    /// Packages like this one, as far as names, keywords and descriptions tell; best first. Only with the version shown first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<SearchHit>,
    /// Whether there is a README.
    pub readme_state: ReadmeState,
    /// The README of the version shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readme: Option<Readme>,
    /// Its known vulnerabilities, for one's own use only; missing when nobody asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisories: Option<PackageAdvisories>,
    /// What of its chart is at hand, see [`Catalog::chart_of_page`].
    #[serde(skip)]
    pub source_of_chart: ChartSource,
}

/// A package's known vulnerabilities.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PackageAdvisories {
    /// When the registry was asked.
    pub checked: String,
    /// How many versions it was asked about, the newest; of others it said nothing.
    pub versions: u64,
    /// How many the version shown has.
    pub affecting: usize,
    /// Those of any version, first those of the version shown, then the worst first.
    pub advisories: Vec<ListedAdvisory>,
}

/// A known vulnerability.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedAdvisory {
    /// What it is.
    #[serde(flatten)]
    pub advisory: Advisory,
    /// Whether the version shown has it; missing where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affects: Option<bool>,
}

impl PackageAdvisories {
    fn of(known: KnownAdvisories, version: Option<&str>) -> Self {
        let listed = |advisory: Advisory| ListedAdvisory { affects: version.and_then(|version| advisory.affects(version)), advisory };
        let mut advisories: Vec<ListedAdvisory> = known.advisories.into_iter().map(listed).collect();
        advisories.sort_by_key(|listed| match listed.affects {
            Some(true) => 0,
            None => 1,
            Some(false) => 2,
        });
        Self {
            checked: rfc3339(known.checked_at),
            affecting: advisories.iter().filter(|listed| listed.affects == Some(true)).count(),
            versions: known.versions,
            advisories,
        }
    }
}

/// Downloads in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MonthCount {
    /// As `2026-03`.
    pub month: String,
    /// Downloads.
    pub downloads: u64,
}

/// A version in the list of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionRow {
    /// The version.
    pub version: String,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Tags that name it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Why it should not be used any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Bytes when unpacked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpacked_bytes: Option<u64>,
    /// Files in the tarball.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Who published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

/// A package whose versions were all taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnpublishedPackage {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The versions there were.
    pub versions: Vec<String>,
}

/// What is known of a README.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadmeState {
    /// Nobody has looked yet, or it could not be read.
    Unknown,
    /// The version has none.
    None,
    /// It is there.
    Rendered,
}

/// A README.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readme {
    /// Safe HTML, headings from `h3` down.
    pub html: String,
    /// Its headings.
    pub contents: Vec<Heading>,
    /// Its end is missing.
    pub cut: bool,
}

/// A heading of a README.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Heading {
    /// 3 the highest.
    pub level: u8,
    /// The id in the HTML.
    pub id: String,
    /// Its words.
    pub text: String,
}

impl PackagePage {
    /// Whether nothing but the name, and what lists tell about it, is known.
    #[must_use]
    pub fn is_only_listed(&self) -> bool {
        self.version.is_none() && self.description.is_none()
    }

    /// Downloads of the months as a picture, when there are at least two.
    #[must_use]
    pub fn month_chart(&self) -> Option<String> {
        let months: Vec<Month<'_>> = self.months.iter().map(|month| Month { label: &month.month, count: Some(month.downloads) }).collect();
        (months.len() >= 2).then(|| month_chart("months", &format!("Downloads of {} a month", self.name), &months))
    }
}

impl Catalog {
    /// The package of this very name, or one version of it, by version or tag. At most three statements, one more for a version that is
    /// not the latest.
    pub async fn package(&self, name: &PackageName, version: Option<&str>) -> Result<PackageAnswer, Error> {
        let Some(mut package) = self.store.package(name).await? else { return Ok(PackageAnswer::Unknown) };
        let mut is_latest = true;
        if let Some(version) = version {
            let latest = package.known.summary.as_ref().and_then(|summary| summary.version.clone());
            match &mut package.details {
                None if latest.as_deref() == Some(version) => {}
                None => return Ok(PackageAnswer::NoSuchVersion { observed: None, latest }),
                Some(stored) if stored.details.unpublished.is_some() => {}
                Some(stored) => {
                    let observed = Some(rfc3339(stored.observed_at));
                    let Some(place) = stored.details.versions.iter().position(|line| line.version == version) else {
                        let tagged = stored.details.dist_tags.iter().find(|tag| tag.tag == version).map(|tag| tag.version.clone());
                        let exists = |tagged: &String| stored.details.versions.iter().any(|line| line.version == *tagged);
                        return Ok(tagged.filter(exists).map_or(PackageAnswer::NoSuchVersion { observed, latest }, PackageAnswer::Tag));
                    };
                    is_latest = stored.details.latest == Some(place);
                    if !is_latest {
                        match self.store.manifest(package.known.id, place).await? {
                            Some((manifest, readme)) => (stored.latest, stored.readme) = (Some(manifest), readme),
                            None => return Ok(PackageAnswer::NoSuchVersion { observed, latest }),
                        }
                    }
                }
            }
        }
        let similar = if version.is_none() { self.similar(&package.known)? } else { Vec::new() };
        let names = Statistics::names(&package);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let neighbours = self.store.neighbours(&similar, &names, &Statistics::keywords(&package)).await?;
        let similar = in_order(neighbours.known, &similar);
        let peers = self.peers(package.known.id, &neighbours.popular).await?;
        let needed = Needed { named: neighbours.named, names_known_at: package.names_known_at, tells_advisories: self.tells_advisories };
        let advisories = package.advisories.clone().filter(|_| self.tells_advisories);
        let mut page = page(package, &needed, is_latest);
        page.statistics.peers = peers;
        page.similar = similar;
        page.advisories = advisories.map(|known| PackageAdvisories::of(known, page.version.as_deref()));
        Ok(PackageAnswer::Page(Box::new(page)))
    }

    /// Packages like another, by the words they have in common.
    fn similar(&self, known: &Known) -> Result<Vec<i64>, Error> {
        let Some(index) = self.index().filter(|_| known.state == State::Active) else { return Ok(Vec::new()) };
        let summary = known.summary.as_ref();
        let like = Like {
            id: known.id,
            name: &known.name,
            description: summary.and_then(|summary| summary.description.as_deref()),
            keywords: summary.map_or(&[], |summary| &summary.keywords),
        };
        Ok(index.similar(like, SIMILAR)?)
    }
}

/// A page of what is stored; the manifest in the details is that of the version shown.
fn page(package: StoredPackage, needed: &Needed, is_latest: bool) -> PackagePage {
    let statistics = Statistics::of(&package, needed);
    let StoredPackage { known, months, details, days, .. } = package;
    let versions = details.as_ref().map_or(&[][..], |stored| &stored.details.versions);
    let source_of_chart = ChartSource::of_package(known.id, known.name.clone(), days, released(versions));
    let summary = known.summary.unwrap_or_default();
    let mut page = PackagePage {
        name: known.name,
        state: known.state,
        source: known.source,
        observed: rfc3339(known.observed_at),
        details_observed: None,
        version: summary.version,
        is_latest,
        published: summary.published_at.map(rfc3339),
        created: None,
        modified: None,
        description: summary.description,
        keywords: summary.keywords,
        license: summary.license,
        homepage: summary.homepage,
        bugs: summary.bugs,
        repository: known.repository,
        publisher: summary.publisher,
        maintainers: summary.maintainers,
        deprecated: summary.deprecated,
        downloads: known.downloads.map(DownloadCount::from),
        months: months.into_iter().map(|month| MonthCount { month: month.month, downloads: month.count }).collect(),
        statistics,
        manifest: None,
        types_package: None,
        dist_tags: Vec::new(),
        versions: Vec::new(),
        unpublished: None,
        similar: Vec::new(),
        readme_state: ReadmeState::Unknown,
        readme: None,
        advisories: None,
        source_of_chart,
    };
    let Some(stored) = details else { return page };
    let details = stored.details;
    page.details_observed = Some(rfc3339(stored.observed_at));
    page.created = details.created_at.map(rfc3339);
    page.modified = details.modified_at.map(rfc3339);
    page.unpublished =
        details.unpublished.map(|unpublished| UnpublishedPackage { at: unpublished.at.map(rfc3339), versions: unpublished.versions });
    if let Some(manifest) = stored.latest {
        if !manifest.has_types && !page.name.starts_with("@types/") {
            page.types_package = Some(types_package(&page.name)).filter(|name| needed.named.contains_key(name));
        }
        let line = details.versions.iter().find(|line| line.version == manifest.version);
        page.published = line.and_then(|line| line.published_at).map(rfc3339);
        page.version = Some(manifest.version.clone());
        // The package's own words are those of its latest version; any other speaks for itself.
        if !is_latest {
            page.description.clone_from(&manifest.description);
            page.license.clone_from(&manifest.license);
            page.homepage.clone_from(&manifest.homepage);
            page.bugs.clone_from(&manifest.bugs);
            page.keywords.clone_from(&manifest.keywords);
            page.publisher.clone_from(&manifest.publisher);
            page.deprecated.clone_from(&manifest.deprecated);
            page.repository = manifest.repository.clone().or(page.repository);
        }
        page.manifest = Some(manifest);
    }
    (page.readme_state, page.readme) = match stored.readme {
        None => (ReadmeState::Unknown, None),
        Some(StoredReadme::None) => (ReadmeState::None, None),
        Some(StoredReadme::Rendered(readme)) => (ReadmeState::Rendered, Some(readme.into())),
    };
    let mut tags: std::collections::HashMap<&str, Vec<String>> = std::collections::HashMap::new();
    for tag in &details.dist_tags {
        tags.entry(&tag.version).or_default().push(tag.tag.clone());
    }
    let row = |line: model::VersionLine| VersionRow {
        tags: tags.remove(line.version.as_str()).unwrap_or_default(),
        version: line.version,
        published: line.published_at.map(rfc3339),
        deprecated: line.deprecated,
        unpacked_bytes: line.unpacked_bytes,
        files: line.files,
        publisher: line.publisher,
    };
    page.versions = details.versions.into_iter().map(row).collect();
    page.dist_tags = details.dist_tags;
    page
}

impl From<RenderedReadme> for Readme {
    fn from(readme: RenderedReadme) -> Self {
        let heading = |heading: store::ReadmeHeading| Heading { level: heading.level, id: heading.id, text: heading.text };
        Self { html: readme.html, contents: readme.contents.into_iter().map(heading).collect(), cut: readme.cut }
    }
}
