//! Reading a user's packages: the registry's search for `maintainer:NAME`, page by page, until it has no more or refuses.

use std::collections::HashSet;
use std::time::Duration;

use model::parse_hit_page;
use store::User;

use crate::details::Reader;
use crate::{Error, Reading};

/// Hits a page, the most that npm gives.
const PAGE: usize = 250;
/// npm refuses offsets above this.
const MAX_FROM: usize = 10_000;
/// npm refuses ten requests in a burst; one in a second and a half it answers.
const PAUSE: Duration = Duration::from_millis(1_500);

impl Reader {
    /// Asks the registry for all packages that name the user as a maintainer, and stores what it says. What came before a refusal stays.
    pub async fn read_user(&self, name: &str) -> Result<Reading, Error> {
        let store = &self.context.store;
        let (mut listed, mut total, mut problem) = (HashSet::new(), None, None);
        let mut strangers = 0;
        let mut from = 0;
        loop {
            let now = self.context.clock.now();
            let answer = self.client.search(&format!("maintainer:{name}"), from, PAGE).await;
            let page = match answer.map(|body| parse_hit_page(&body, now)) {
                Ok(Ok(page)) => page,
                Ok(Err(_)) => {
                    problem = Some("the registry's search answered something else".to_owned());
                    break;
                }
                Err(error) if error.is_not_found() => {
                    problem = Some("this registry has no search, so it cannot tell".to_owned());
                    break;
                }
                Err(error) if error.is_rate_limited() => {
                    problem = Some("the registry wants to be asked less often".to_owned());
                    break;
                }
                Err(error) => {
                    problem = Some(error.to_string());
                    break;
                }
            };
            let is_theirs = |seen: &&model::Observation| {
                seen.summary.as_ref().is_some_and(|summary| summary.maintainers.iter().any(|user| user == name))
            };
            total = page.total.or(total);
            strangers += page.rows.saturating_sub(page.hits.iter().filter(is_theirs).count());
            // Search engines find more than was asked for; only the maintainers decide.
            let theirs: Vec<_> = page.hits.iter().filter(is_theirs).cloned().collect();
            store.apply(&theirs).await?;
            listed.extend(theirs.into_iter().map(|seen| seen.name));
            from += PAGE;
            if page.rows < PAGE {
                break;
            }
            if from > MAX_FROM {
                problem = Some("the registry lists no more than the first ten thousand".to_owned());
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        // Search engines find more than was asked for; only the maintainers decide, so a total that counts others says nothing.
        if strangers > 0 {
            total = None;
            problem = problem
                .or(Some("this registry's search finds packages of others as well, so it cannot tell how many there are".to_owned()));
        }
        // Of an attempt that found nothing, the older and better knowledge stays.
        if listed.is_empty()
            && problem.is_some()
            && let Some(before) = store.user(name).await?
        {
            store.put_user(&User { asked_at: self.context.clock.now(), problem, ..before }).await?;
            return Ok(Reading::Stored);
        }
        let user = User {
            name: name.to_owned(),
            asked_at: self.context.clock.now(),
            total: total.map(u64::cast_signed),
            listed: listed.len() as i64,
            problem,
        };
        store.put_user(&user).await?;
        Ok(Reading::Stored)
    }
}
