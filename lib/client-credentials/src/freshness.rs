//! When a token is used, refreshed and given up.

use std::time::Duration;

/// When tokens are refreshed.
///
/// ```text
/// issued ──────────────► refresh at ─────► stale at ────► expires at
///   served at once        served at once,   callers wait   never served
///                         refreshed behind  for a new one
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Freshness {
    /// How long before its expiry a token is stale: 20 seconds, but never more than half of its lifetime.
    pub skew: Duration,
    /// After which part of the time until it is stale a token is refreshed in the background: 0.8.
    pub refresh_after: f64,
    /// By which part of that time at most the refresh comes earlier, drawn anew for every token, so that many machines that
    /// started together do not ask together: 0.1.
    pub jitter: f64,
    /// What to do when the answer has no `expires_in`, or one that cannot be read. Assumes five minutes.
    pub missing_expiry: UnknownExpiry,
    /// What to do when `expires_in` is zero or negative, or is over before the answer has arrived. Such a token is not kept.
    pub zero_expiry: UnknownExpiry,
    /// Whether a token that is stale but has not expired is served when no new one can be had. It is.
    pub serve_stale: bool,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            skew: Duration::from_secs(20),
            refresh_after: 0.8,
            jitter: 0.1,
            missing_expiry: UnknownExpiry::Assume(Duration::from_secs(300)),
            zero_expiry: UnknownExpiry::NotKept,
            serve_stale: true,
        }
    }
}

/// What to do with a token of which the server does not say how long it is valid (`expires_in` is only recommended, RFC 6749,
/// section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownExpiry {
    /// It is valid for this time.
    Assume(Duration),
    /// It serves those who waited for it; the next caller leads to a new one, at most one a second.
    NotKept,
    /// It is valid until a resource server refuses it, or until [`sign_out`](crate::Client::sign_out).
    Forever,
}

/// How often one flight asks again, and after which pauses: after no answer, 408, 425, 429, and 5xx but for 501 and 505; once after a 400,
/// 401, 403, 404 or 405 that has no word of OAuth, since something in between may have hiccups. A refresh in the background asks once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// Attempts after the first one: 2.
    pub retries: u32,
    /// Longest pause before the first of them: 200 ms. Pauses are drawn between zero and this ("full jitter"), and double. A server's
    /// `Retry-After` is waited for besides.
    pub first: Duration,
    /// Longest pause at all: 5 s. When a server's `Retry-After` is longer than the [deadline](crate::ClientBuilder::deadline)
    /// allows, there is no further attempt.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { retries: 2, first: Duration::from_millis(200), longest: Duration::from_secs(5) }
    }
}

impl Retry {
    /// One attempt and no other.
    #[must_use]
    pub fn none() -> Self {
        Self { retries: 0, ..Self::default() }
    }

    /// The same with another number of attempts after the first one.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }
}

/// How long a failure is remembered. Meanwhile nobody asks the token endpoint, and callers get the remembered error (or the token,
/// while it has not expired). `Retry-After` makes it longer, up to an hour.
///
/// A change of a secret that is read from a file, the environment or a provider ends the memory of a refused client, and
/// [`reset`](crate::Client::reset) ends any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cooldown {
    /// No answer, or one that says "later": 1 s, doubling with every further failure up to 60 s.
    pub transient: Duration,
    /// The most of the above.
    pub transient_longest: Duration,
    /// A refused client (`invalid_client`, `unauthorized_client`, `unsupported_grant_type`, `invalid_grant`): 60 s, doubling up to
    /// 15 minutes, since failed logins are counted and locked out.
    pub rejected: Duration,
    /// The most of the above.
    pub rejected_longest: Duration,
    /// A refused request (`invalid_scope`, `invalid_target`) or an answer that makes no sense: 5 s.
    pub short: Duration,
    /// An answer that does not come from an authorization server, a certificate that is not trusted: 30 s.
    pub medium: Duration,
    /// What will not mend itself, such as a redirect or an unknown token type: 5 minutes.
    pub long: Duration,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self {
            transient: Duration::from_secs(1),
            transient_longest: Duration::from_secs(60),
            rejected: Duration::from_secs(60),
            rejected_longest: Duration::from_secs(15 * 60),
            short: Duration::from_secs(5),
            medium: Duration::from_secs(30),
            long: Duration::from_secs(5 * 60),
        }
    }
}

impl Cooldown {
    /// No failure is remembered: every caller after one leads to another request.
    #[must_use]
    pub fn off() -> Self {
        let none = Duration::ZERO;
        Self { transient: none, transient_longest: none, rejected: none, rejected_longest: none, short: none, medium: none, long: none }
    }
}

/// How long a kind of failure is remembered; the durations are in [`Cooldown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CooldownClass {
    Transient,
    Rejected,
    Short,
    Medium,
    Long,
}

impl Cooldown {
    /// `failures`: how many came one after the other, this one included.
    pub(crate) fn duration(&self, class: CooldownClass, failures: u32, background: bool) -> Duration {
        let doubled = |first: Duration, longest: Duration| first.saturating_mul(1 << (failures.clamp(1, 20) - 1)).min(longest);
        match class {
            // In the background there is time: the old token is still served.
            CooldownClass::Transient if background => doubled(self.transient.saturating_mul(5), self.transient_longest),
            CooldownClass::Transient => doubled(self.transient, self.transient_longest),
            CooldownClass::Rejected => doubled(self.rejected, self.rejected_longest),
            CooldownClass::Short => self.short,
            CooldownClass::Medium => self.medium,
            CooldownClass::Long => self.long,
        }
    }
}

/// A number between zero and one, for pauses and refreshes that must not happen everywhere at once. Not for secrets.
pub(crate) fn draw(now: crate::Now) -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // The keys differ between processes and calls, the time also after a fork.
    let hash = RandomState::new().hash_one((now.monotonic, now.wall));
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
