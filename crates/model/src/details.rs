//! What is known of a package beyond its summary: its history.

use serde::{Deserialize, Serialize};

use crate::{Manifest, Observation};

/// A packument, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packument {
    /// What search shows.
    pub observation: Observation,
    /// The package's history.
    pub details: Details,
    /// Every version's manifest, in the order of [`Details::versions`].
    pub manifests: Vec<Manifest>,
    /// The README that came with the document.
    pub readme: Option<ReadmeText>,
}

/// The history of a package. Times are seconds since 1970, UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// When the name was first published.
    pub created_at: Option<i64>,
    /// When anything about the package changed last: also an owner, a tag, a deprecation.
    pub modified_at: Option<i64>,
    /// Present when every version was taken back.
    pub unpublished: Option<Unpublished>,
    /// `latest` first, the others by name. A tag may name a version that is gone.
    pub dist_tags: Vec<DistTag>,
    /// Place of the version shown first in `versions`.
    pub latest: Option<usize>,
    /// Newest first.
    pub versions: Vec<VersionLine>,
}

/// A package whose versions were all taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpublished {
    /// When: seconds since 1970, UTC.
    pub at: Option<i64>,
    /// The versions there were.
    pub versions: Vec<String>,
}

/// A tag and the version it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DistTag {
    /// As `latest` or `next`.
    pub tag: String,
    /// The version.
    pub version: String,
}

/// One version, as a list of versions shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLine {
    /// The version.
    #[serde(rename = "v")]
    pub version: String,
    /// When it was published: seconds since 1970, UTC.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<i64>,
    /// Why it should not be used any more.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Bytes when unpacked.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub unpacked_bytes: Option<u64>,
    /// Files in the tarball.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Who published it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

impl VersionLine {
    pub(crate) fn of(manifest: &Manifest, published_at: Option<i64>) -> Self {
        Self {
            version: manifest.version.clone(),
            published_at,
            deprecated: manifest.deprecated.clone(),
            unpacked_bytes: manifest.unpacked_bytes,
            files: manifest.files,
            publisher: manifest.publisher.clone(),
        }
    }
}

/// The source of a README.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadmeText {
    /// Its text.
    pub text: String,
    /// Its file name; markdown when missing.
    pub filename: Option<String>,
    /// Its end is missing.
    pub cut: bool,
}
