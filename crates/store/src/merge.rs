//! Which of two observations of a package is believed.
//!
//! A stronger source replaces a weaker one, and of the same source the newer replaces the older. A weaker source only fills what is
//! missing. Counts of downloads stand apart: there the newer count wins, wherever it comes from.

use model::{Observation, RecentDownloads, Source, State, Summary};

/// What is stored of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) source: Source,
    pub(crate) observed_at: i64,
    pub(crate) state: State,
    pub(crate) repository: Option<String>,
    pub(crate) summary: Option<Summary>,
    /// Recent downloads and when they were counted.
    pub(crate) downloads: Option<(RecentDownloads, i64)>,
}

pub(crate) fn merge(stored: Option<&Stored>, seen: &Observation) -> Stored {
    let counted = seen.downloads.map(|counts| (counts, seen.observed_at));
    let Some(stored) = stored else {
        return Stored {
            source: seen.source,
            observed_at: seen.observed_at,
            state: seen.state,
            repository: seen.repository.clone(),
            summary: seen.summary.clone(),
            downloads: counted,
        };
    };
    let believed = seen.source > stored.source || (seen.source == stored.source && seen.observed_at >= stored.observed_at);
    let downloads = match (stored.downloads, counted) {
        (Some(old), Some(new)) => Some(if new.1 >= old.1 { new } else { old }),
        (old, new) => new.or(old),
    };
    if !believed {
        let mut kept = stored.clone();
        kept.repository = kept.repository.or_else(|| seen.repository.clone());
        kept.summary = kept.summary.or_else(|| seen.summary.clone());
        kept.downloads = downloads;
        return kept;
    }
    // A packument has everything, so what it does not have is gone; the others leave things out.
    let whole = seen.source == Source::Packument;
    Stored {
        source: seen.source,
        observed_at: seen.observed_at,
        state: seen.state,
        repository: seen.repository.clone().or_else(|| if whole { None } else { stored.repository.clone() }),
        summary: seen.summary.clone().or_else(|| if whole { None } else { stored.summary.clone() }),
        downloads,
    }
}

#[cfg(test)]
mod tests {
    use model::PackageName;

    use super::*;

    fn seen(source: Source, observed_at: i64, description: Option<&str>, repository: Option<&str>, monthly: Option<u64>) -> Observation {
        Observation {
            name: PackageName::parse("a").expect("a name"),
            source,
            observed_at,
            state: State::Active,
            repository: repository.map(str::to_owned),
            summary: description.map(|text| Summary { description: Some(text.to_owned()), ..Summary::default() }),
            downloads: monthly.map(|monthly| RecentDownloads { weekly: None, monthly: Some(monthly) }),
        }
    }

    /// Description, repository and monthly downloads after both observations, in order.
    fn after(first: &Observation, second: &Observation) -> (Option<String>, Option<String>, Option<u64>) {
        let stored = merge(Some(&merge(None, first)), second);
        (stored.summary.and_then(|summary| summary.description), stored.repository, stored.downloads.and_then(|(counts, _)| counts.monthly))
    }

    fn is(actual: (Option<String>, Option<String>, Option<u64>), expected: (Option<&str>, Option<&str>, Option<u64>)) {
        assert_eq!((actual.0.as_deref(), actual.1.as_deref(), actual.2), expected);
    }

    #[test]
    fn who_is_believed() {
        use Source::{DataSet, Packument, SearchHit};
        let set = seen(DataSet, 30, None, Some("set"), None);
        let hit = seen(SearchHit, 20, Some("hit"), None, Some(7));
        let document = seen(Packument, 10, Some("document"), Some("document"), None);
        is(after(&set, &hit), (Some("hit"), Some("set"), Some(7)));
        is(after(&hit, &set), (Some("hit"), Some("set"), Some(7)));
        is(after(&document, &hit), (Some("document"), Some("document"), Some(7)));
        is(after(&hit, &document), (Some("document"), Some("document"), Some(7)));
        let older = seen(SearchHit, 19, Some("older"), Some("older"), Some(6));
        is(after(&hit, &older), (Some("hit"), Some("older"), Some(7)));
        is(after(&older, &hit), (Some("hit"), Some("older"), Some(7)));
        let bare = seen(Packument, 11, None, None, None);
        is(after(&document, &bare), (None, None, None));
    }
}
