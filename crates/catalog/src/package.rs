//! One package, or one version of it.

use ::search::Like;
use markup::{Month, month_chart};
use model::{DistTag, Manifest, PackageName, Source, State};
use serde::Serialize;
use store::{Known, RenderedReadme, SnapshotCount, StoredDetails, StoredReadme};
use utoipa::ToSchema;

use crate::search::rfc3339;
use crate::statistics::types_name;
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
    pub fn chart(&self) -> Option<String> {
        let months: Vec<Month<'_>> = self.months.iter().map(|month| Month { label: &month.month, count: Some(month.downloads) }).collect();
        (months.len() >= 2).then(|| month_chart("months", &format!("Downloads of {} a month", self.name), &months))
    }
}

impl Catalog {
    /// The package of this very name, or one version of it, by version or tag.
    pub async fn package(&self, name: &PackageName, version: Option<&str>) -> Result<PackageAnswer, Error> {
        let Some((known, months)) = self.store.package(name).await? else { return Ok(PackageAnswer::Unknown) };
        let details = self.store.details(known.id).await?;
        let Some(version) = version else {
            let similar = self.similar(&known).await?;
            let mut page = self.page(known, months, details, true).await?;
            page.similar = similar;
            return Ok(PackageAnswer::Page(Box::new(page)));
        };
        let latest = known.summary.as_ref().and_then(|summary| summary.version.clone());
        let Some(mut stored) = details else {
            if latest.as_deref() == Some(version) {
                return Ok(PackageAnswer::Page(Box::new(self.page(known, months, None, true).await?)));
            }
            return Ok(PackageAnswer::NoSuchVersion { observed: None, latest });
        };
        if stored.details.unpublished.is_some() {
            return Ok(PackageAnswer::Page(Box::new(self.page(known, months, Some(stored), true).await?)));
        }
        let observed = Some(rfc3339(stored.observed_at));
        let Some(place) = stored.details.versions.iter().position(|line| line.version == version) else {
            let tagged = stored.details.dist_tags.iter().find(|tag| tag.tag == version).map(|tag| tag.version.clone());
            let exists = |tagged: &String| stored.details.versions.iter().any(|line| line.version == *tagged);
            return Ok(tagged.filter(exists).map_or(PackageAnswer::NoSuchVersion { observed, latest }, PackageAnswer::Tag));
        };
        let is_latest = stored.details.latest == Some(place);
        if !is_latest {
            match self.store.manifest(known.id, place).await? {
                Some((manifest, readme)) => (stored.latest, stored.readme) = (Some(manifest), readme),
                None => return Ok(PackageAnswer::NoSuchVersion { observed, latest }),
            }
        }
        Ok(PackageAnswer::Page(Box::new(self.page(known, months, Some(stored), is_latest).await?)))
    }

    /// A page of what is stored; the manifest in `details` is that of the version shown.
    async fn page(
        &self,
        known: Known,
        months: Vec<SnapshotCount>,
        details: Option<StoredDetails>,
        is_latest: bool,
    ) -> Result<PackagePage, Error> {
        let statistics = self.statistics(&known).await?;
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
        };
        let Some(stored) = details else { return Ok(page) };
        let details = stored.details;
        page.details_observed = Some(rfc3339(stored.observed_at));
        page.created = details.created_at.map(rfc3339);
        page.modified = details.modified_at.map(rfc3339);
        page.unpublished =
            details.unpublished.map(|unpublished| UnpublishedPackage { at: unpublished.at.map(rfc3339), versions: unpublished.versions });
        if let Some(manifest) = stored.latest {
            if !manifest.has_types && !page.name.starts_with("@types/") {
                page.types_package = self.types_package(&page.name)?;
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
        Ok(page)
    }

    /// Packages like another, by the words they have in common.
    async fn similar(&self, known: &Known) -> Result<Vec<SearchHit>, Error> {
        let Some(index) = self.index().filter(|_| known.state == State::Active) else { return Ok(Vec::new()) };
        let summary = known.summary.as_ref();
        let like = Like {
            id: known.id,
            name: &known.name,
            description: summary.and_then(|summary| summary.description.as_deref()),
            keywords: summary.map_or(&[], |summary| &summary.keywords),
        };
        let ids = index.similar(like, SIMILAR)?;
        self.hits(&ids).await
    }

    /// `@types/…` of a package, if there is such a package: `@babel/core` has its types in `@types/babel__core`.
    fn types_package(&self, name: &str) -> Result<Option<String>, Error> {
        let Some(index) = self.index() else { return Ok(None) };
        let types = types_name(name);
        Ok(index.id_of(&types)?.map(|_| types))
    }
}

impl From<RenderedReadme> for Readme {
    fn from(readme: RenderedReadme) -> Self {
        let heading = |heading: store::ReadmeHeading| Heading { level: heading.level, id: heading.id, text: heading.text };
        Self { html: readme.html, contents: readme.contents.into_iter().map(heading).collect(), cut: readme.cut }
    }
}
