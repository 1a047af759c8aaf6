//! What badges say.

use markup::{BadgeColour, short_count};
use model::{Day, PackageName, Sum, Sums};

use crate::user::LAG;
use crate::{Catalog, DownloadCount, Error};

/// A badge that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadgeRequest {
    /// Downloads of a package.
    Downloads(BadgePeriod, PackageName),
    /// Downloads of all packages of a user together.
    User(BadgePeriod, String),
    /// The version that is installed.
    Version(PackageName),
    /// The place among all packages, by downloads.
    Rank(PackageName),
    /// How the downloads of 30 days differ from those of the 30 before.
    Trend(PackageName),
}

/// Up to the newest counted day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadgePeriod {
    /// One day.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl BadgePeriod {
    /// Reads `day`, `week`, `month` and `year`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Day, Self::Week, Self::Month, Self::Year].into_iter().find(|period| period.name() == text)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn of(self, sums: &Sums) -> Sum {
        match self {
            Self::Day => sums.days_1,
            Self::Week => sums.days_7,
            Self::Month => sums.days_30,
            Self::Year => sums.days_365,
        }
    }
}

/// What a badge says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadgeText {
    /// What it is about.
    pub label: String,
    /// What is known; `None` when nothing is.
    pub value: Option<String>,
    /// The colour that suits it.
    pub colour: BadgeColour,
}

/// Counts that end so many days ago say nothing of now.
const STALE: i32 = 14;

impl Catalog {
    /// What a badge says; `None` when no such package is stored, or no package of such a user.
    pub async fn badge(&self, request: &BadgeRequest, today: Day) -> Result<Option<BadgeText>, Error> {
        let text = |label: &str, value: Option<String>, colour| Ok(Some(BadgeText { label: label.to_owned(), value, colour }));
        let name = match request {
            BadgeRequest::User(period, user) => return self.user_badge(*period, user, today).await,
            BadgeRequest::Downloads(_, name) | BadgeRequest::Version(name) | BadgeRequest::Rank(name) | BadgeRequest::Trend(name) => name,
        };
        let Some(known) = self.store.by_name(name).await? else { return Ok(None) };
        match request {
            BadgeRequest::Version(_) => {
                let version = known.summary.and_then(|summary| summary.version);
                return text("npm", version.map(|version| format!("v{version}")), BadgeColour::Blue);
            }
            BadgeRequest::Rank(_) => {
                let rank = self.store.ranks(&[known.id]).await?.remove(&known.id);
                return text("downloads rank", rank.map(|rank| format!("#{}", grouped(rank))), BadgeColour::Purple);
            }
            _ => {}
        }
        let sums = self.store.download_sums(&[known.id]).await?.remove(&known.id).filter(|sums| sums.as_of >= today - STALE);
        match request {
            BadgeRequest::Trend(_) => {
                let growth = sums.and_then(|sums| sums.growth_30());
                let (value, colour) = growth.map_or((None, BadgeColour::Grey), |growth| {
                    let percent = (growth * 100.0).round();
                    let colour = if percent < 0.0 { BadgeColour::Orange } else { BadgeColour::Green };
                    (Some(format!("{percent:+.0}% in 30 days").replace('-', "−")), colour)
                });
                text("trend", value, colour)
            }
            BadgeRequest::Downloads(period, _) => {
                let mut value = sums.as_ref().and_then(|sums| amount(period.of(sums), *period));
                // Before the days are read there may be a published count of a month.
                if let (None, BadgePeriod::Month, Some(downloads)) = (&value, period, known.downloads) {
                    let count = DownloadCount::from(downloads);
                    value = count.monthly.map(|monthly| format!("{} ({})", short_count(monthly), count.as_of));
                }
                text("downloads", value, BadgeColour::Teal)
            }
            BadgeRequest::User(..) | BadgeRequest::Version(_) | BadgeRequest::Rank(_) => Ok(None),
        }
    }

    async fn user_badge(&self, period: BadgePeriod, user: &str, today: Day) -> Result<Option<BadgeText>, Error> {
        let packages = self.store.packages_of(user).await?;
        if packages.is_empty() {
            return Ok(None);
        }
        let ids: Vec<i64> = packages.iter().map(|package| package.id).collect();
        let mut sums = self.store.download_sums(&ids).await?;
        // Counts of about the same day only are added up.
        let newest = sums.values().map(|sums| sums.as_of).max().unwrap_or_default();
        sums.retain(|_, sums| sums.as_of >= newest - LAG && sums.as_of >= today - STALE && period.of(sums).known > 0);
        let total = sums.values().map(|sums| period.of(sums).downloads).fold(0, u64::saturating_add);
        let of = if sums.len() < ids.len() { format!(" ({} of {} packages)", sums.len(), ids.len()) } else { String::new() };
        let value = (!sums.is_empty()).then(|| format!("{} a {}{of}", short_count(total), period.name()));
        Ok(Some(BadgeText { label: format!("@{user} downloads"), value, colour: BadgeColour::Teal }))
    }
}

/// `8.5M a week`, with how much of it is known when that is not all.
fn amount(sum: Sum, period: BadgePeriod) -> Option<String> {
    if sum.known == 0 {
        return None;
    }
    let missing = if sum.is_complete() { String::new() } else { format!(" ({} of {} days)", sum.known, sum.days) };
    Some(format!("{} a {}{missing}", short_count(sum.downloads), period.name()))
}

/// `1,234`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_say_what_they_cover() {
        let sum = Sum { downloads: 8_525_448, days: 7, known: 7, holes: 0 };
        assert_eq!(amount(sum, BadgePeriod::Week).as_deref(), Some("8.5M a week"));
        assert_eq!(amount(Sum { known: 6, holes: 1, ..sum }, BadgePeriod::Week).as_deref(), Some("8.5M a week"));
        assert_eq!(amount(Sum { known: 5, ..sum }, BadgePeriod::Week).as_deref(), Some("8.5M a week (5 of 7 days)"));
        assert_eq!(amount(Sum { known: 0, ..sum }, BadgePeriod::Week), None);
    }
}
