//! Tokens, kept in memory.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::answer::{ExpiresIn, TokenAnswer};
use crate::clock::Deadline;
use crate::freshness::draw;
use crate::{Freshness, Now, UnknownExpiry};

/// How a token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// By whoever has it (RFC 6750).
    Bearer,
    /// Only with a proof that the client has the key that it is bound to (RFC 9449). Every request needs a new proof:
    /// [`Client::headers_for`](crate::Client::headers_for).
    Dpop,
}

impl TokenType {
    /// As it stands in `token_type` and in the `Authorization` header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// An access token and its header. Cheap to clone; its memory is overwritten when the last clone is gone. Never printed: [`fmt::Debug`]
/// shows only its times.
#[derive(Clone)]
pub struct Token(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// `Bearer …` or `DPoP …`; the one place where the token lies.
    header: HeaderValue,
    kind: TokenType,
    scope: Option<String>,
    extra: Map<String, Value>,
    plan: Plan,
    refresh: Deadline,
    stale: Deadline,
    expired: Deadline,
    /// When it arrived, by the monotonic clock.
    pub(crate) arrived: Duration,
    /// Whether it serves more callers than those who waited for it.
    pub(crate) is_kept: bool,
}

/// The times of a token, by the wall clock. They count from the moment when the request was sent, since the server may have issued it
/// at any moment after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// When the request was sent.
    pub issued: SystemTime,
    /// From when on it is refreshed in the background.
    pub refresh_at: Option<SystemTime>,
    /// From when on callers wait for a new one: 20 seconds before it expires, or half of a short lifetime.
    pub stale_at: Option<SystemTime>,
    /// When it expires. `None`: the server did not say, and the [`Freshness`] policy does not either.
    pub expires_at: Option<SystemTime>,
}

/// Longer lifetimes are cut to this; a token of years is asked for anew sooner.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long a token serves that is not kept, since those who waited for it have to read it somewhere; and the shortest time between two
/// requests because of such tokens.
pub(crate) const NOT_KEPT: Duration = Duration::from_secs(1);

impl Token {
    /// `sent` and `arrived`: before the request and after the answer.
    pub(crate) fn new(
        answer: TokenAnswer,
        kind: TokenType,
        freshness: &Freshness,
        sent: Now,
        arrived: Now,
    ) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut header = Zeroizing::new(Vec::with_capacity(kind.name().len() + 1 + answer.access_token.len()));
        header.extend_from_slice(kind.name().as_bytes());
        header.push(b' ');
        header.extend_from_slice(answer.access_token.as_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(header))?;
        header.set_sensitive(true);

        let elapsed = arrived.monotonic.saturating_sub(sent.monotonic).max(arrived.wall.duration_since(sent.wall).unwrap_or_default());
        let unknown = match answer.expires_in {
            ExpiresIn::Unknown => Some(freshness.missing_expiry),
            ExpiresIn::Over => Some(freshness.zero_expiry),
            ExpiresIn::In(lifetime) if lifetime <= elapsed => Some(freshness.zero_expiry),
            ExpiresIn::In(_) => None,
        };
        let unknown = match unknown {
            // Nothing is assumed of a token that would be over already.
            Some(UnknownExpiry::Assume(lifetime)) if lifetime <= elapsed => Some(UnknownExpiry::NotKept),
            unknown => unknown,
        };
        let lifetime = match (answer.expires_in, unknown) {
            (_, Some(UnknownExpiry::Assume(lifetime))) | (ExpiresIn::In(lifetime), None) => Some(lifetime.min(LONGEST)),
            (_, Some(UnknownExpiry::NotKept)) => Some(elapsed.saturating_add(NOT_KEPT)),
            _ => None,
        };
        let is_kept = unknown != Some(UnknownExpiry::NotKept);

        let (refresh, stale, expired) = match lifetime {
            Some(lifetime) => {
                // What the answer took is over: half of the rest, so that it does not arrive stale.
                let skew = freshness.skew.min(lifetime.saturating_sub(elapsed) / 2);
                let fresh = if is_kept { lifetime.saturating_sub(skew) } else { Duration::ZERO };
                let mut refresh = fresh.mul_f64(freshness.refresh_after - freshness.jitter * draw(arrived));
                if let Some(wanted) = answer.refresh_in {
                    // A server that wants it all the time does not get it.
                    refresh = wanted.min(fresh).mul_f64(1.0 - 0.1 * draw(arrived)).max(fresh / 10);
                }
                (Deadline::after(sent, refresh), Deadline::after(sent, fresh), Deadline::after(sent, lifetime))
            }
            None => {
                let never = Deadline::after(sent, Duration::MAX);
                (never, never, never)
            }
        };
        let when = |deadline: Deadline| lifetime.map(|_| deadline.wall);
        let plan = Plan {
            issued: sent.wall,
            refresh_at: when(refresh).filter(|_| is_kept),
            stale_at: when(stale),
            expires_at: when(expired).filter(|_| is_kept),
        };
        let arrived = arrived.monotonic;
        Ok(Self(Arc::new(Inner {
            header,
            kind,
            scope: answer.scope,
            extra: answer.extra,
            plan,
            refresh,
            stale,
            expired,
            arrived,
            is_kept,
        })))
    }

    /// The token itself, without `Bearer` or `DPoP`.
    #[must_use]
    pub fn access_token(&self) -> &str {
        self.0.header.to_str().ok().and_then(|header| header.get(self.0.kind.name().len() + 1..)).unwrap_or_default()
    }

    /// How it is used.
    #[must_use]
    pub fn token_type(&self) -> TokenType {
        self.0.kind
    }

    /// Value of the `Authorization` header, marked as sensitive (RFC 6750, section 2.1, or RFC 9449, section 7.1). A token of the type DPoP
    /// needs a proof beside it.
    #[must_use]
    pub fn header(&self) -> &HeaderValue {
        &self.0.header
    }

    /// The scope that was granted, if the server said it. It says it at least when it differs from what was asked for (RFC 6749,
    /// section 3.3).
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.0.scope.as_deref()
    }

    /// When it expires, by the wall clock.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.plan.expires_at
    }

    /// When it is refreshed, stale and expired.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.0.plan
    }

    /// What the token allows in detail, if the server said it (RFC 9396, section 7).
    #[must_use]
    pub fn authorization_details(&self) -> Option<&[Value]> {
        self.0.extra.get("authorization_details")?.as_array().map(Vec::as_slice)
    }

    /// Another member of the server's answer.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&Value> {
        self.0.extra.get(name)
    }
}

impl Inner {
    /// Whether it is served without a further thought.
    pub(crate) fn is_before_refresh(&self, now: Now) -> bool {
        !self.refresh.is_over(now) && self.is_kept
    }

    /// Whether it is served at once.
    pub(crate) fn is_fresh(&self, now: Now) -> bool {
        !self.stale.is_over(now) && self.is_kept
    }

    pub(crate) fn has_expired(&self, now: Now) -> bool {
        self.expired.is_over(now)
    }

    /// The time until it expires.
    pub(crate) fn left(&self, now: Now) -> Duration {
        self.expired.left(now)
    }

    /// Whether it is stale so soon that the next request would follow on its heels.
    pub(crate) fn is_fleeting(&self, now: Now) -> bool {
        !self.is_kept || self.stale.left(now) < NOT_KEPT
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("plan", &self.0.plan).finish_non_exhaustive()
    }
}
