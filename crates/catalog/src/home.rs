//! The front page: what is popular, rising and new, and some packages by chance.

use std::sync::Arc;

use ::search::{Query, Wanted};
use serde::Serialize;
use store::{Known, TrendList};
use utoipa::ToSchema;

use crate::search::rfc3339;
use crate::{Catalog, Error, SearchHit, TrendPackage};

/// Packages in each list.
const LISTED: usize = 10;
/// Random packages are among this many of the most popular.
const CHANCE: u64 = 50_000;
/// The lists stay the same for so long, in seconds.
const LASTS: i64 = 60;

/// The front page's lists.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HomePage {
    /// How many packages are stored.
    pub packages: u64,
    /// Of how many the registry's own document was read.
    pub details: u64,
    /// The most downloaded, the first of the list of trends; before that is made, the first of the index.
    pub popular: Vec<TrendPackage>,
    /// What was counted for it, and for what rises: `30 days to 2026-11-21`, or `snapshot 2026-03`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<String>,
    /// Those whose downloads grew most, the first of the list of trends.
    pub rising: Vec<TrendPackage>,
    /// What the counts were compared with: `the 30 days before`, or `snapshot 2026-01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<String>,
    /// Some that appeared between two lists of names.
    pub appeared: Vec<Appeared>,
    /// Some by chance, among the 50,000 most popular; others every minute.
    pub random: Vec<SearchHit>,
}

/// A package that is new.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Appeared {
    /// The package.
    pub package: SearchHit,
    /// Date of the list of names that did not have it, RFC 3339.
    pub not_before: String,
    /// Date of the list that has it.
    pub not_after: String,
}

impl Catalog {
    /// The front page at this moment, in seconds since 1970. It is made once a minute.
    pub async fn home(&self, now: i64) -> Result<Arc<HomePage>, Error> {
        let minute = now.div_euclid(LASTS);
        // Held while it is made, so that it is made once for all who ask.
        let mut kept = self.home.lock().await;
        if let Some((made, page)) = kept.as_ref()
            && *made == minute
        {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(self.make_home(minute.cast_unsigned()).await?);
        *kept = Some((minute, Arc::clone(&page)));
        Ok(page)
    }

    async fn make_home(&self, seed: u64) -> Result<HomePage, Error> {
        let hit = |known| SearchHit::new(known, false, 0.0);
        let rising = self.trends(TrendList::Rising, None).await?;
        let numbers: Vec<u64> = (0..LISTED as u64).map(|number| scatter(seed ^ (number << 40))).collect();
        let appeared = self.store.some_appearances(&numbers).await?;
        let popular = self.trends(TrendList::Popular, None).await?;
        let basis = popular.as_ref().filter(|page| page.counted.is_some());
        let (first, random) = self.popular_and_random(seed).await?;
        let most = match basis {
            Some(page) => page.packages.iter().take(LISTED).cloned().collect(),
            None => self.hits(&first).await?.into_iter().map(TrendPackage::uncounted).collect(),
        };
        Ok(HomePage {
            packages: self.store.count().await?,
            details: self.store.count_details().await?,
            popular: most,
            counted: basis.and_then(|page| page.counted.clone()),
            compared: basis.and_then(|page| page.compared.clone()),
            rising: rising.iter().flat_map(|page| &page.packages).take(LISTED).cloned().collect(),
            appeared: appeared
                .into_iter()
                .map(|(known, when)| Appeared {
                    package: hit(known),
                    not_before: rfc3339(when.not_before),
                    not_after: rfc3339(when.not_after),
                })
                .collect(),
            random: self.hits(&random).await?,
        })
    }

    /// Ids of the most popular packages, and of some others by chance.
    async fn popular_and_random(&self, seed: u64) -> Result<(Vec<i64>, Vec<i64>), Error> {
        let Some(index) = self.index() else { return Ok(Default::default()) };
        let found = tokio::task::spawn_blocking(move || {
            let ids = |from, size| {
                Ok::<_, Error>(
                    index.search(&Query::default(), Wanted::page(from, size))??.hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>(),
                )
            };
            let among = index.count().clamp(1, CHANCE);
            let mut random = Vec::new();
            for number in 0..LISTED as u64 / 2 {
                let place = scatter(seed ^ (number << 40)) % among;
                random.extend(ids(place as usize, 1)?.into_iter().filter(|id| !random.contains(id)).collect::<Vec<_>>());
            }
            Ok((ids(0, LISTED)?, random))
        });
        found.await.map_err(|_| Error::Task)?
    }

    /// Packages by id, in this order.
    pub(crate) async fn hits(&self, ids: &[i64]) -> Result<Vec<SearchHit>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(in_order(self.store.by_ids(ids).await?, ids))
    }
}

/// Packages in the order of these ids.
pub(crate) fn in_order(mut known: Vec<Known>, ids: &[i64]) -> Vec<SearchHit> {
    known.sort_by_key(|known| ids.iter().position(|id| *id == known.id));
    known.into_iter().map(|known| SearchHit::new(known, false, 0.0)).collect()
}

/// A number that looks like chance, the same for the same seed (the finaliser of splitmix64).
fn scatter(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
