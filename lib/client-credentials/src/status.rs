//! What is known at this moment, for people who look.

use std::fmt;
use std::time::SystemTime;

use crate::{BodyFormat, Error, Plan};

/// A snapshot of a client, from [`Client::status`](crate::Client::status). Its [`fmt::Display`] says in one line what a caller would get
/// now, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// When it was taken.
    pub at: SystemTime,
    /// Whether there is a token that has not expired.
    pub authorized: bool,
    /// Whether a token request is under way.
    pub authorizing: bool,
    /// The times of that token: issued, refresh at, stale at, expires at.
    pub plan: Option<Plan>,
    /// Why the last request failed; none since it succeeded.
    pub last_error: Option<Error>,
    /// Until when the token endpoint is not asked because of that.
    pub cooling_until: Option<SystemTime>,
    /// The body format that has worked, or was set.
    pub body_format: BodyFormat,
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |moment: SystemTime| match moment.duration_since(self.at) {
            Ok(left) => format!("in {} s", left.as_secs()),
            Err(over) => format!("{} s ago", over.duration().as_secs()),
        };
        match (self.authorized, self.plan) {
            (true, Some(Plan { expires_at: Some(expires), stale_at: Some(stale), .. })) if stale > self.at => {
                write!(formatter, "authorized: the token is stale {} and expires {}", seconds(stale), seconds(expires))?;
            }
            (true, Some(Plan { expires_at: Some(expires), .. })) => {
                write!(formatter, "authorized with a stale token, which expires {}", seconds(expires))?;
            }
            (true, _) => formatter.write_str("authorized; when the token expires is not known")?,
            (false, _) => formatter.write_str("not authorized")?,
        }
        if self.authorizing {
            formatter.write_str("; a token request is under way")?;
        }
        match (&self.last_error, self.cooling_until) {
            (Some(error), Some(until)) => write!(formatter, "; the next request is {}, because: {error}", seconds(until)),
            (Some(error), None) => write!(formatter, "; the last request failed: {error}"),
            (None, _) => Ok(()),
        }
    }
}
