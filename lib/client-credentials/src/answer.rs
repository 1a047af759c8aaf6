//! What a token endpoint's answer means (RFC 6749, sections 5.1 and 5.2), and what to do about it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::challenge::parse_challenges;
use crate::error::{Again, Failed, OAuthError};
use crate::freshness::CooldownClass;
use crate::scrub::Scrub;
use crate::{ErrorKind, Limits, Now, TokenType, TransportError, TransportErrorKind};

/// A success.
pub(crate) struct TokenAnswer {
    pub(crate) access_token: Zeroizing<String>,
    pub(crate) expires_in: ExpiresIn,
    /// Some servers say when they want the token to be refreshed.
    pub(crate) refresh_in: Option<Duration>,
    pub(crate) scope: Option<String>,
    /// Everything else.
    pub(crate) extra: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ExpiresIn {
    In(Duration),
    /// Zero or less.
    Over,
    /// Missing, or not a number.
    Unknown,
}

/// Whether an answer without JSON, but with a form's words, is read as well.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leniency {
    pub(crate) form_answer: bool,
}

/// `Retry-After` that is longer is cut to this, so that a wrong header does not end a service for days.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Reads an answer.
pub(crate) fn read(
    response: &Response<Bytes>,
    wanted: TokenType,
    leniency: Leniency,
    now: Now,
    scrub: &Scrub,
) -> Result<TokenAnswer, Failed> {
    let status = response.status();
    let refused = |kind, text: String, again, cooldown| {
        let mut failed = Failed::new(kind, text, again, cooldown);
        failed.status = Some(status);
        failed.retry_after = retry_after(response.headers(), now);
        Err(failed)
    };
    if status.is_redirection() {
        return Err(redirected(response, now, scrub));
    }
    let members = Members::read(response, leniency);
    let token = members.as_ref().ok().and_then(|members| members.access_token.as_deref());
    let scrub = &scrub.and(token.map_or("", String::as_str));
    let oauth = members.as_ref().ok().and_then(|members| members.error(scrub));
    if status.is_success() && oauth.is_none() {
        return match members {
            _ if status != StatusCode::OK => {
                refused(ErrorKind::InvalidResponse, format!("HTTP {status} instead of 200"), Again::Never, CooldownClass::Short)
            }
            Ok(members) => members.token(wanted, scrub).or_else(|(kind, text)| {
                let is_type = matches!(kind, ErrorKind::UnsupportedTokenType | ErrorKind::BindingDowngrade);
                let cooldown = if is_type { CooldownClass::Long } else { CooldownClass::Short };
                refused(kind, text, Again::Never, cooldown)
            }),
            Err(why) => refused(ErrorKind::InvalidResponse, format!("HTTP 200 with a body that {why}"), Again::Never, CooldownClass::Short),
        };
    }

    Err(refusal(response, oauth, now, scrub))
}

/// What an answer means that is no success, whatever was asked for.
pub(crate) fn failure(response: &Response<Bytes>, now: Now, scrub: &Scrub) -> Failed {
    if response.status().is_redirection() {
        return redirected(response, now, scrub);
    }
    let members = Members::read(response, Leniency::default());
    refusal(response, members.ok().and_then(|members| members.error(scrub)), now, scrub)
}

fn redirected(response: &Response<Bytes>, now: Now, scrub: &Scrub) -> Failed {
    let status = response.status();
    let text = format!(
        "it redirects{} (HTTP {status}), which is never followed, since it would carry the secret along",
        to(response.headers(), scrub)
    );
    let mut failed = Failed::new(ErrorKind::Transport, text, Again::Never, CooldownClass::Long);
    failed.status = Some(status);
    failed.retry_after = retry_after(response.headers(), now);
    failed
}

fn refusal(response: &Response<Bytes>, oauth: Option<OAuthError>, now: Now, scrub: &Scrub) -> Failed {
    let status = response.status();
    let (again, cooldown, by_code) = classify(status, oauth.as_ref().map(OAuthError::code));
    let text = match &oauth {
        Some(OAuthError { code, description: Some(description), .. }) => format!("{code}: {description} (HTTP {})", status.as_u16()),
        Some(OAuthError { code, .. }) => format!("{code} (HTTP {})", status.as_u16()),
        None => format!("HTTP {status} without an OAuth error{}", excerpt(response.body(), scrub)),
    };
    let mut failed = Failed::new(if by_code { ErrorKind::OAuth } else { ErrorKind::Http }, text, again, cooldown);
    failed.status = Some(status);
    failed.retry_after = retry_after(response.headers(), now);
    failed.wants_basic = parse_challenges(response.headers()).iter().any(|challenge| challenge.scheme().eq_ignore_ascii_case("basic"));
    // A gateway's words are shown, but are not the authorization server's.
    failed.oauth = oauth.filter(|_| !status.is_server_error());
    failed
}

/// Whether to ask again, how long to remember it, and whether the OAuth code decided. A gateway may answer with any words, so that codes
/// count only where an authorization server speaks.
fn classify(status: StatusCode, code: Option<&str>) -> (Again, CooldownClass, bool) {
    match status.as_u16() {
        501 | 505 => return (Again::Never, CooldownClass::Long, false),
        408 | 425 | 429 | 500..=599 => return (Again::Yes, CooldownClass::Transient, false),
        _ => {}
    }
    match code.filter(|code| is_code(status, code)) {
        Some("temporarily_unavailable" | "slow_down" | "server_error") => (Again::Yes, CooldownClass::Transient, true),
        Some("invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_grant") => {
            (Again::Never, CooldownClass::Rejected, true)
        }
        Some(_) => (Again::Never, CooldownClass::Short, true),
        None if matches!(status.as_u16(), 400 | 401 | 403 | 404 | 405) => (Again::Once, CooldownClass::Medium, false),
        None => (Again::Never, CooldownClass::Medium, false),
    }
}

/// Whether an `error` is a code of OAuth's rather than the words of a web framework, such as "Unsupported Media Type" or "Not Found".
fn is_code(status: StatusCode, code: &str) -> bool {
    !matches!(status.as_u16(), 404 | 405 | 415)
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.:-".contains(&byte))
}

/// The answer, if it came in time and is not too large, whatever the HTTP client says.
pub(crate) fn received(answer: Option<Result<Response<Bytes>, TransportError>>, limits: Limits) -> Result<Response<Bytes>, TransportError> {
    let late = || TransportError::new(TransportErrorKind::Timeout, format!("no answer within {:?}", limits.total));
    let response = answer.unwrap_or_else(|| Err(late()))?;
    if response.body().len() > limits.max_body {
        return Err(TransportError::new(TransportErrorKind::TooLarge, format!("an answer of more than {} bytes", limits.max_body)));
    }
    Ok(response)
}

/// What a failure without an answer means.
pub(crate) fn failed_transport(error: &TransportError, scrub: &Scrub) -> Failed {
    let (again, cooldown) = match error.kind {
        TransportErrorKind::Connect | TransportErrorKind::Timeout | TransportErrorKind::Interrupted => {
            (Again::Yes, CooldownClass::Transient)
        }
        TransportErrorKind::Tls | TransportErrorKind::Other => (Again::Never, CooldownClass::Medium),
        TransportErrorKind::Redirect | TransportErrorKind::TooLarge => (Again::Never, CooldownClass::Long),
    };
    let kind = if error.kind == TransportErrorKind::TooLarge { ErrorKind::InvalidResponse } else { ErrorKind::Transport };
    let mut failed = Failed::new(kind, scrub.text(&error.text, 300), again, cooldown);
    failed.timed_out = error.kind == TransportErrorKind::Timeout;
    failed
}

/// Whether the other body format may be what the server wants: it did not understand, or did not see the client's name.
pub(crate) fn may_want_another_format(failed: &Failed) -> bool {
    let Some(status) = failed.status else {
        return false;
    };
    let code = failed.code().filter(|code| is_code(status, code));
    matches!(status.as_u16(), 400 | 401 | 415)
        && matches!(code, None | Some("invalid_request" | "unsupported_grant_type" | "invalid_client"))
}

/// Origin of where a redirect leads; its path and query may hold what was sent.
fn to(headers: &HeaderMap, scrub: &Scrub) -> String {
    let target = headers.get(LOCATION).and_then(|location| location.to_str().ok()).and_then(|location| location.parse::<http::Uri>().ok());
    let origin = target.and_then(|target| Some(format!(" to {}://{}", target.scheme_str()?, target.host()?)));
    origin.map_or_else(String::new, |origin| scrub.text(&origin, 200))
}

/// The time to wait, in both forms of RFC 9110, section 10.2.3. A date in the past is no time at all.
pub(crate) fn retry_after(headers: &HeaderMap, now: Now) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(LONGEST_RETRY_AFTER, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now.wall).unwrap_or_default()
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Words of pages are shorter, and tokens that are worth something are longer.
const SHORTEST_TOKEN: usize = 24;

/// The beginning of a page that an error came with. A body that may hold a token is not shown, nor is any word as long as one.
fn excerpt(body: &[u8], scrub: &Scrub) -> String {
    let text = String::from_utf8_lossy(body);
    let small = text.to_ascii_lowercase();
    // What begins with these letters is a JSON object in Base64, as in a JWT.
    if text.trim().is_empty() || small.contains("token") || text.contains("eyJ") {
        return String::new();
    }
    let mut shown = String::new();
    for word in text.trim().split_inclusive(|letter: char| !is_part_of_token(letter)) {
        let length = word.trim_end_matches(|letter| !is_part_of_token(letter)).len();
        shown.push_str(if length >= SHORTEST_TOKEN { "… " } else { word });
        if shown.len() > 1_000 {
            break;
        }
    }
    format!("; its body begins: {}", scrub.text(&shown, 160))
}

/// RFC 6750, section 2.1.
fn is_part_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter)
}

/// The members that are looked at, each with its value.
#[derive(Default)]
struct Members {
    access_token: Option<Zeroizing<String>>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    refresh_in: Option<Value>,
    scope: Option<Value>,
    error: Option<Value>,
    error_description: Option<Value>,
    error_uri: Option<Value>,
    extra: Map<String, Value>,
    /// A member that stands there twice. Who reads the first and who reads the last one would not agree.
    repeated: Option<String>,
}

impl Members {
    /// The members of the body, or why there are none, as the end of "a body that …". Nothing of the body is quoted.
    fn read(response: &Response<Bytes>, leniency: Leniency) -> Result<Self, &'static str> {
        let body = response.body();
        let trimmed = body.trim_ascii();
        if trimmed.is_empty() {
            return Err("is empty");
        }
        // Some servers label JSON as plain text; what begins like an object is tried as one.
        if trimmed.first() == Some(&b'{') {
            let mut json = serde_json::Deserializer::from_slice(trimmed);
            let members = json.deserialize_map(MembersVisitor).map_err(|_| "is not a JSON object")?;
            json.end().map_err(|_| "has something after its JSON object")?;
            return Ok(members);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if leniency.form_answer && (kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("text/plain")) {
            let mut members = Self::default();
            form_urlencoded::parse(trimmed).for_each(|(name, value)| members.add(name.into_owned(), Value::String(value.into_owned())));
            return Ok(members);
        }
        Err("is not JSON")
    }

    fn add(&mut self, name: String, value: Value) {
        let place = match name.as_str() {
            "access_token" => {
                // Anything but a text is no token.
                let token = if let Value::String(text) = value { Zeroizing::new(text) } else { return };
                if self.access_token.replace(token).is_some() {
                    self.repeated = Some(name);
                }
                return;
            }
            "token_type" => &mut self.token_type,
            "expires_in" => &mut self.expires_in,
            "refresh_in" => &mut self.refresh_in,
            "scope" => &mut self.scope,
            "error" => &mut self.error,
            "error_description" => &mut self.error_description,
            "error_uri" => &mut self.error_uri,
            // This grant has no use for them, and they are secrets.
            "refresh_token" | "id_token" => {
                if let Value::String(text) = value {
                    drop(Zeroizing::new(text));
                }
                return;
            }
            _ => {
                self.extra.insert(name, value);
                return;
            }
        };
        if place.replace(value).is_some() {
            self.repeated = Some(name);
        }
    }

    fn error(&self, scrub: &Scrub) -> Option<OAuthError> {
        let code = self.error.as_ref()?.as_str().filter(|code| !code.trim().is_empty())?;
        let text = |value: &Option<Value>, longest| value.as_ref().and_then(Value::as_str).map(|text| scrub.text(text.trim(), longest));
        Some(OAuthError {
            code: scrub.text(code.trim(), 100),
            description: text(&self.error_description, 500),
            uri: text(&self.error_uri, 500),
        })
    }

    /// The token, or why there is none.
    fn token(self, wanted: TokenType, scrub: &Scrub) -> Result<TokenAnswer, (ErrorKind, String)> {
        let invalid = |text: String| Err((ErrorKind::InvalidResponse, text));
        let Some(access_token) = self.access_token else {
            return invalid("HTTP 200 without an access_token".to_owned());
        };
        if let Some(name) = self.repeated {
            return invalid(format!("HTTP 200 with two members {name}"));
        }
        if access_token.is_empty() {
            return invalid("HTTP 200 with an empty access_token".to_owned());
        }
        // RFC 6750 allows fewer characters still, but large providers use others of these.
        if !access_token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return invalid("HTTP 200 with an access_token that does not fit into a header".to_owned());
        }
        let kind = match &self.token_type {
            None | Some(Value::Null) => "bearer",
            Some(Value::String(kind)) => kind,
            Some(_) => return Err((ErrorKind::UnsupportedTokenType, "a token_type that is not a text".to_owned())),
        };
        // The name of a type has no case (RFC 6749, section 5.1).
        match (wanted, kind.to_ascii_lowercase().as_str()) {
            (TokenType::Bearer, "bearer") | (TokenType::Dpop, "dpop") => {}
            (TokenType::Dpop, "bearer") => {
                let text = "a bearer token, although DPoP was asked for; it is thrown away, since whoever finds it could use it".to_owned();
                return Err((ErrorKind::BindingDowngrade, text));
            }
            (TokenType::Bearer, "dpop") => {
                let text = "a token of the type DPoP, which was not asked for; give the builder a key with dpop()".to_owned();
                return Err((ErrorKind::UnsupportedTokenType, text));
            }
            (wanted, _) => {
                let text = format!("a token of the type {}, which is not understood; only {} is", scrub.text(kind, 20), wanted.name());
                return Err((ErrorKind::UnsupportedTokenType, text));
            }
        }
        let scope = match self.scope {
            Some(Value::String(scope)) => Some(scope),
            // Not the standard's form, but with a clear meaning.
            Some(Value::Array(scopes)) => Some(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
            _ => None,
        };
        let refresh_in = match seconds(self.refresh_in.as_ref()) {
            ExpiresIn::In(duration) => Some(duration),
            ExpiresIn::Over | ExpiresIn::Unknown => None,
        };
        Ok(TokenAnswer { access_token, expires_in: seconds(self.expires_in.as_ref()), refresh_in, scope, extra: self.extra })
    }
}

/// Seconds as a number or as its text, whole or not.
fn seconds(value: Option<&Value>) -> ExpiresIn {
    let number = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if number <= 0.0 => ExpiresIn::Over,
        Some(number) if number.is_finite() => ExpiresIn::In(Duration::try_from_secs_f64(number.floor()).unwrap_or(Duration::MAX)),
        _ => ExpiresIn::Unknown,
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut count = 0;
        while let Some(name) = map.next_key::<String>()? {
            count += 1;
            if count > 200 {
                map.next_value::<IgnoredAny>()?;
            } else if matches!(name.as_str(), "expires_in" | "refresh_in") {
                // A number that is too large for a number is no reason to refuse the token.
                let raw: Box<RawValue> = map.next_value()?;
                members.add(name, serde_json::from_str(raw.get()).unwrap_or_default());
            } else {
                members.add(name, map.next_value()?);
            }
        }
        Ok(members)
    }
}
