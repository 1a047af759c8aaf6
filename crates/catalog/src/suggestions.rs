//! What is offered while somebody types.

use ::search::{Suggested, SuggestionLimits, qualified};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Catalog, DownloadCount, Error};

/// What somebody who types may mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SuggestionsPage {
    /// The text that was typed.
    pub text: String,
    /// Packages, best first.
    pub packages: Vec<SuggestedPackage>,
    /// Users who may publish packages.
    pub users: Vec<SuggestedName>,
    /// Scopes, without `@`.
    pub scopes: Vec<SuggestedName>,
    /// Keywords.
    pub keywords: Vec<SuggestedName>,
}

/// A package that may be meant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuggestedPackage {
    /// The name.
    pub name: String,
    /// Its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its latest version is deprecated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Recent downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<DownloadCount>,
}

/// A user, a scope or a keyword that may be meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuggestedName {
    /// Its name.
    pub name: String,
    /// How many packages are known to have it.
    pub packages: u64,
    /// The text that searches for what was typed and this.
    pub query: String,
}

impl SuggestedName {
    fn new(one: Suggested, qualifier: &str, before: &str) -> Self {
        let whole = qualified(qualifier, &one.name);
        let query = if before.ends_with([':', ',']) {
            let value = whole.split_once(':').map_or("", |(_, value)| value);
            format!("{before}{value}")
        } else {
            format!("{before}{whole}")
        };
        Self { name: one.name, packages: one.packages, query }
    }
}

impl Catalog {
    /// What may be meant by a text that is being typed: so many packages, and so many users, scopes and keywords at the most.
    pub async fn suggestions(&self, text: &str, packages: usize, others: usize) -> Result<SuggestionsPage, Error> {
        let index = self.index().ok_or(Error::NoIndex)?;
        let asked = text.to_owned();
        let limits = SuggestionLimits { packages, others };
        let found = tokio::task::spawn_blocking(move || index.suggest(&asked, limits)).await.map_err(|_| Error::Task)??;
        let before = found.before;
        let named =
            |list: Vec<Suggested>, qualifier: &str| list.into_iter().map(|one| SuggestedName::new(one, qualifier, &before)).collect();
        let hits = self.hits(&found.packages).await?.into_iter().map(|hit| SuggestedPackage {
            name: hit.name,
            description: hit.description,
            deprecated: hit.deprecated.is_some(),
            downloads: hit.downloads,
        });
        Ok(SuggestionsPage {
            text: text.to_owned(),
            packages: hits.collect(),
            users: named(found.users, "maintainer"),
            scopes: named(found.scopes, "scope"),
            keywords: named(found.keywords, "keywords"),
        })
    }
}
