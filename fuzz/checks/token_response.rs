//! What holds for any answer of a token endpoint, written as a status, lines of headers, an empty line and the body. `@secret`, `@json`,
//! `@body` and `@authorization` in it stand for what was sent to the server: the secret as it is and as a text of JSON, the body, and the
//! value of the header.

use std::fmt::{Debug, Display};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use client_credentials::{BasicEncoding, Client, ClientAuthentication, ErrorKind, OAuthError, Preset, Token};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};

use super::canned::{SECRET, World};

/// The secret in a form and as a text of JSON.
const ENCODED: &str = "c4nary+%2B%2F%25%22%5C%7E";
const JSON: &str = r#"c4nary +/%\"\\~"#;

/// Longest line that a person has to read.
const LONGEST: usize = 4_000;

/// Gives the answer to clients of several kinds.
pub(crate) fn check(bytes: &[u8]) {
    let Some(answer) = Answer::read(bytes) else { return };
    one_client(&answer, None, ClientAuthentication::SecretPost);
    one_client(&answer, Some(&Preset::GITHUB_LIKE), ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded));
    one_client(&answer, Some(&Preset::JSON_ONLY), ClientAuthentication::SecretBasic(BasicEncoding::Raw));
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, Vec<u8>)>,
    body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            line
        };
        let status = StatusCode::from_bytes(line()).ok()?;
        let mut headers = Vec::new();
        loop {
            let line = line();
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            headers.push((HeaderName::from_bytes(&line[..colon]).ok()?, line[colon + 1..].trim_ascii().to_vec()));
        }
        Some(Self { status, headers, body: rest.to_vec() })
    }

    fn to(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let authorization = request.headers().get(AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
        let fill = |text: &[u8]| {
            let texts: [(&[u8], &[u8]); 4] = [
                (b"@secret", SECRET.as_bytes()),
                (b"@json", JSON.as_bytes()),
                (b"@body", request.body()),
                (b"@authorization", authorization),
            ];
            let mut filled = Vec::with_capacity(text.len());
            let mut rest = text;
            while let Some((first, others)) = rest.split_first() {
                // A short answer must not become a long one.
                match texts.iter().find(|(name, _)| rest.starts_with(name) && filled.len() < 64 * 1024) {
                    Some((name, value)) => {
                        filled.extend_from_slice(value);
                        rest = &rest[name.len()..];
                    }
                    None => {
                        filled.push(*first);
                        rest = others;
                    }
                }
            }
            filled
        };
        let mut response = Response::new(Bytes::from(fill(&self.body)));
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_bytes(&fill(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

fn one_client(answer: &Answer, preset: Option<&Preset>, authentication: ClientAuthentication) {
    let answer = answer.clone();
    let world = World::new(move |request| answer.to(request));
    let mut builder = world.builder();
    if let Some(preset) = preset {
        builder = builder.preset(preset);
    }
    let client = builder.authentication(authentication).build().expect("a client");
    let mut events = client.subscribe();
    match world.run(client.token()) {
        Ok(token) => is_usable(&world, &client, &token),
        Err(error) => {
            assert!(!matches!(error.kind(), ErrorKind::Panicked | ErrorKind::Configuration | ErrorKind::Secret), "{error:?}");
            is_clean(&error);
            assert!(!client.authorized() && client.headers().is_empty());
            assert_eq!(client.error().as_deref(), error.oauth().map(OAuthError::code));
            assert_eq!(error.attempts(), world.requests());
            assert!((1..=3).contains(&error.attempts()), "one and two retries, or one in each format and one retry");
            assert!(error.status().is_some() || error.kind() == ErrorKind::InvalidResponse);
            // Remembered, and for everybody.
            let before = world.requests();
            let again = world.run(client.token()).expect_err("remembered");
            assert!(again.is_remembered() && world.requests() == before);
            is_clean(&again);
        }
    }
    is_clean(&client.status());
    does_not_tell(&format!("{client:?}"));
    while let Some(event) = events.try_next() {
        does_not_tell(&format!("{event:?}"));
    }
}

fn is_usable(world: &World, client: &Client, token: &Token) {
    let text = token.access_token();
    assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(token.header().as_bytes(), format!("Bearer {text}").as_bytes());
    assert!(token.header().is_sensitive());
    let debug = format!("{token:?}");
    does_not_tell(&debug);
    assert!(text.len() < 16 || !debug.contains(text), "{debug}");

    let plan = token.plan();
    let mut before = plan.issued;
    for moment in [plan.refresh_at, plan.stale_at, plan.expires_at].into_iter().flatten() {
        assert!(moment >= before, "{plan:?}");
        before = moment;
    }
    assert!(before <= plan.issued + Duration::from_secs(366 * 24 * 3600), "{plan:?}");
    assert!(client.authorized() && client.headers().get(AUTHORIZATION) == Some(token.header()));
    assert!(client.last_error().is_none() && client.error().is_none());

    // Served at once when it is kept, and never more than one request for a caller when it is not.
    let before = world.requests();
    let again = world.run(client.token()).expect("the same answer");
    let is_kept = plan.expires_at.is_some();
    assert_eq!(world.requests() - before, u32::from(!is_kept));
    assert!(!is_kept || again.access_token() == text);
    if let Some(expires) = plan.expires_at {
        let lifetime = expires.duration_since(plan.issued).unwrap_or_default();
        world.advance(lifetime);
        assert!(!client.authorized() && client.access_token().is_none(), "expired");
    }
}

/// For people, on one line and without what nobody may read.
fn is_clean(shown: &(impl Display + Debug)) {
    let text = shown.to_string();
    assert!(!text.contains(char::is_control) && text.chars().count() < LONGEST, "{text:?}");
    does_not_tell(&text);
    does_not_tell(&format!("{shown:?}"));
}

/// Neither the secret nor any form in which it was sent.
fn does_not_tell(text: &str) {
    for secret in [SECRET, ENCODED] {
        let basic = STANDARD.encode(format!("my-id:{secret}"));
        assert!(!text.contains(secret) && !text.contains(&basic), "{text}");
    }
    assert!(!text.contains(JSON), "{text}");
}
