//! What becomes of a token request when the other side misbehaves: the table of outcomes, over real sockets.

use std::time::Duration;

use client_credentials::{
    BasicEncoding, BodyFormat, Client, ClientAuthentication, ClientBuilder, ErrorKind, OAuthError, Retry, SystemClock, Token,
};

use crate::hostile_server::{Answer, HostileServer, Reply, Request, gzip, refused_port};
#[cfg(feature = "rustls")]
use crate::hostile_server::{SelfSigned, as_tls};
use crate::subjects::{FOR_EVER, QuickClock, Subject, With};

const SECRET: &str = "s3cret/+ :%";

/// How long a failure is remembered: the defaults of `Cooldown`, in seconds.
const TRANSIENT: u64 = 1;
const SHORT: u64 = 5;
const MEDIUM: u64 = 30;
const REJECTED: u64 = 60;
const LONG: u64 = 300;

/// A client of this endpoint which posts forms, and whose limits no good test reaches.
fn builder(url: &str, clock: &QuickClock) -> ClientBuilder {
    Client::builder(url, "my-id", SECRET)
        .body_format(BodyFormat::Form)
        .allow_http_on_loopback()
        .connect_timeout(Duration::from_secs(10))
        .attempt_timeout(Duration::from_secs(1000))
        .deadline(Duration::from_secs(1000))
        .clock(clock.clone())
}

/// What is expected of a failure: its kind, so many requests, and so many seconds in which it is remembered.
#[derive(Clone, Copy)]
struct Failure(ErrorKind, usize, u64);

/// Builds a client of each kind for this server, and looks at what it makes of the answer.
fn refused(what: &str, answer: impl Into<Answer>, expected: Failure) {
    let answer = answer.into();
    for &with in With::ALL {
        let server = HostileServer::always(answer.clone());
        let clock = QuickClock::default();
        fails(&format!("{what} ({with:?})"), with, &server, &clock, builder(&server.url(), &clock), expected);
    }
}

fn fails(
    what: &str,
    with: With,
    server: &HostileServer,
    clock: &QuickClock,
    builder: ClientBuilder,
    Failure(kind, requests, remembered): Failure,
) -> client_credentials::Error {
    let subject = Subject::build(with, builder).expect("a client");
    let error = subject.token().expect_err(what);
    assert_eq!(error.kind(), kind, "{what}: {error}");
    assert_eq!((server.count(), error.attempts() as usize), (requests, requests), "{what}: {error}");
    assert_eq!(clock.waits().len(), requests.saturating_sub(1), "{what}");
    assert!(!error.is_remembered(), "{what}");
    let until = error.retry_at().unwrap_or_else(|| panic!("{what}: not remembered"));
    let actual = until.duration_since(clock.wall()).expect("later");
    let expected = Duration::from_secs(remembered);
    // What may pass is remembered a little less long, by chance, so that not all come back at once.
    let shortest = if remembered == TRANSIENT { expected.mul_f64(0.75) } else { expected };
    assert!((shortest..=expected).contains(&actual), "{what}: remembered for {actual:?}: {error}");

    // Nobody is bothered before that, and somebody is afterwards.
    clock.advance(actual - Duration::from_millis(1));
    let again = subject.token().expect_err(what);
    assert!(again.is_remembered() && again.kind() == kind, "{what}: {again}");
    assert_eq!((server.count(), again.retry_at()), (requests, error.retry_at()), "{what}");
    server.then([Reply::token("afterwards").into()]);
    clock.advance(Duration::from_millis(1));
    let token = subject.token().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((token.access_token(), server.count()), ("afterwards", requests + 1), "{what}");
    assert_eq!(server.most_in_flight(), 1, "{what}");
    error
}

/// Looks at what it makes of a good answer.
fn accepted(what: &str, answer: impl Into<Answer>, look: impl Fn(&Token)) {
    let answer = answer.into();
    for &with in With::ALL {
        let server = HostileServer::always(answer.clone());
        let clock = QuickClock::default();
        let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
        let token = subject.token().unwrap_or_else(|error| panic!("{what} ({with:?}): {error}"));
        assert_eq!(server.count(), 1, "{what}");
        look(&token);
    }
}

/// A good answer but for these members, which take the place of others.
fn with_members(members: &str) -> Reply {
    Reply::json(200, format!(r#"{{"access_token":"good-1","token_type":"Bearer","expires_in":3600,{members}}}"#))
}

/// A good answer with this text in place of one member.
fn with(member: &str, value: &str) -> Reply {
    let members = [("access_token", "\"good-1\""), ("token_type", "\"Bearer\""), ("expires_in", "3600")];
    let members = members.map(|(name, good)| format!("\"{name}\":{}", if name == member { value } else { good }));
    Reply::json(200, format!("{{{}}}", members.join(",")))
}

/// The same without it.
fn without(member: &str) -> Reply {
    let members = [("access_token", "\"good-1\""), ("token_type", "\"Bearer\""), ("expires_in", "3600")];
    let members = members.iter().filter(|(name, _)| *name != member).map(|(name, value)| format!("\"{name}\":{value}"));
    Reply::json(200, format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

#[test]
fn good_answers_in_odd_clothes() {
    let check = |what, answer: Answer| accepted(what, answer, |token| assert_eq!(token.access_token(), "good-1", "{what}"));
    let good = Reply::token("good-1");
    let body = r#"{"access_token":"good-1","token_type":"Bearer","expires_in":3600}"#;
    check("as it should be", good.clone().into());
    check("in chunks", good.clone().chunked().into());
    check("until the connection ends", good.clone().until_close().into());
    check("slowly", good.slow_body(Duration::from_micros(50)));
    check("JSON as text/plain", Reply::new(200).header("Content-Type", "text/plain").body(body).into());
    check("JSON as HTML", Reply::html(200, body).into());
    check("JSON as nothing at all", Reply::new(200).body(body).into());
    check("spaces around it", Reply::json(200, format!("\r\n \t{body} \n")).into());
    check("another case of the type", with("token_type", "\"BEARER\"").into());
    check("other members", with_members(r#""refresh_token":"r","id_token":7,"scope":null,"error_description":"fine","":[{}]"#).into());
    check("an error of null", with_members(r#""error":null"#).into());
    check("a header of 8 KiB", good.clone().header("X-Long", "x".repeat(8 << 10)).into());
    check(
        "an early hint",
        Answer::raw(format!(
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
    );
    check("HTTP/1.0", Answer::raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}")));
    let large = format!("{body}{}", " ".repeat((256 << 10) - body.len()));
    check("as large as it may be", Reply::json(200, large).into());
}

#[test]
fn a_token_type_that_is_missing_is_bearer() {
    accepted("no token_type", without("token_type"), |token| assert_eq!(token.header(), "Bearer good-1"));
}

#[test]
fn lifetimes_in_every_form() {
    let check = |expires_in: Option<&str>, expected: u64| {
        let answer = expires_in.map_or_else(|| without("expires_in"), |value| with("expires_in", value));
        accepted(&format!("expires_in {expires_in:?}"), answer, |token| {
            let lifetime = token.expires_at().map(|at| at.duration_since(token.plan().issued).expect("later"));
            assert_eq!(lifetime, Some(Duration::from_secs(expected)), "{expires_in:?}");
        });
    };
    check(Some("3600"), 3600);
    check(Some("\"3600\""), 3600);
    check(Some("\" 3600 \""), 3600);
    check(Some("3600.0"), 3600);
    check(Some("\"3600.9\""), 3600);
    check(Some("1"), 1);
    // What cannot be read is five minutes, unless the builder says otherwise.
    check(None, 300);
    for unreadable in ["null", "\"soon\"", "\"\"", "true", "{}", "[3600]"] {
        check(Some(unreadable), 300);
    }
    // A year is the longest that is believed.
    for absurd in ["1e30", "\"1e300\"", "18446744073709551616", "9223372036854775807"] {
        check(Some(absurd), 366 * 24 * 3600);
    }
}

#[test]
fn tokens_that_are_over_are_served_once() {
    for lifetime in ["0", "-1", "\"0\"", "-1e30", "0.4"] {
        for &kind in With::ALL {
            let server = HostileServer::always(with("expires_in", lifetime));
            let clock = QuickClock::default();
            let subject = Subject::build(kind, builder(&server.url(), &clock)).expect("a client");
            assert_eq!(subject.token().expect(lifetime).access_token(), "good-1");
            assert_eq!(server.count(), 1, "{lifetime}");
            clock.advance(Duration::from_secs(1));
            assert_eq!(subject.token().expect(lifetime).expires_at(), None);
            assert_eq!(server.count(), 2, "{lifetime}");
        }
    }
}

#[test]
fn successes_without_a_token() {
    let check = |what: &str, answer: Reply| refused(what, answer, Failure(ErrorKind::InvalidResponse, 1, SHORT));
    check("no access_token", without("access_token"));
    for (what, value) in [
        ("null", "null"),
        ("a number", "7"),
        ("a list", "[\"good-1\"]"),
        ("nothing", "\"\""),
        ("a line break", "\"good\\r\\nX-Injected: 1\""),
        ("a line feed", "\"good\\n1\""),
        ("a zero", "\"good\\u00001\""),
        ("a delete", "\"good\\u007f1\""),
        ("a space", "\"good 1\""),
        ("a letter that is not ASCII", "\"gööd-1\""),
        ("half of a letter", "\"good\\ud8001\""),
    ] {
        check(&format!("access_token: {what}"), with("access_token", value));
    }
    check("two access_tokens", with_members(r#""access_token":"good-2""#));
    check("the same access_token twice", with_members(r#""access_token":"good-1""#));
    check("two lifetimes", with_members(r#""expires_in":60"#));
    check("two types", with_members(r#""token_type":"mac""#));
    let good = r#"{"access_token":"good-1","token_type":"Bearer","expires_in":3600}"#;
    check("nothing", Reply::json(200, ""));
    check("blanks", Reply::json(200, " \n "));
    check("a page", Reply::html(200, "<!doctype html><title>Sign in</title>"));
    check("a page that says it is JSON", Reply::json(200, "<!doctype html><title>Sign in</title>"));
    check("a list", Reply::json(200, format!("[{good}]")));
    check("a text", Reply::json(200, "\"good-1\""));
    check("half of it", Reply::json(200, &good[..30]));
    check("one and a half", Reply::json(200, format!("{good}{good}")));
    check(
        "a form",
        Reply::new(200).header("Content-Type", "application/x-www-form-urlencoded").body("access_token=good-1&token_type=bearer"),
    );
    check("a form as text", Reply::new(200).header("Content-Type", "text/plain").body("access_token=good-1&token_type=bearer"));
    check("not UTF-8", Reply::json(200, "").body(b"{\"access_token\":\"\xff\xfe\"}".to_vec()));
    for (what, open, close) in [("lists", "[", "]"), ("objects", "{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        check(&format!("10,000 {what}"), Reply::json(200, deep.clone()));
        check(&format!("10,000 {what} beside the token"), with_members(&format!("\"deep\":{deep}")));
    }
    for status in [201, 202, 203, 204, 206, 226] {
        let mut answer = Reply::token("good-1");
        answer = if status == 204 { Reply::new(204) } else { answer.status(status) };
        check(&status.to_string(), answer);
    }
}

#[test]
fn token_types_that_nobody_understands() {
    for value in ["\"mac\"", "\"DPoP\"", "\"N_A\"", "\"\"", "7", "[\"Bearer\"]", "\"Bearer \\r\\nX: y\""] {
        refused(value, with("token_type", value), Failure(ErrorKind::UnsupportedTokenType, 1, LONG));
    }
}

#[test]
fn errors_of_oauth() {
    let check = |status: u16, code: &str, requests: usize, remembered: u64| {
        let body = serde_json::json!({"error": code, "error_description": "what is wrong", "error_uri": "https://auth.example/help"});
        let answer: Answer = Reply::json(status, body.to_string()).into();
        for &with in With::ALL {
            let what = format!("{status} {code} ({with:?})");
            let server = HostileServer::always(answer.clone());
            let clock = QuickClock::default();
            let expected = Failure(ErrorKind::OAuth, requests, remembered);
            let error = fails(&what, with, &server, &clock, builder(&server.url(), &clock), expected);
            let oauth = error.oauth().expect("the server's words");
            assert_eq!((oauth.code(), oauth.description(), oauth.uri()), (code, Some("what is wrong"), Some("https://auth.example/help")));
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{what}");
            assert_eq!(error.is_retryable(), requests > 1, "{what}");
        }
    };
    for status in [200, 400, 401, 403] {
        for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_grant"] {
            check(status, code, 1, REJECTED);
        }
        for code in ["invalid_request", "invalid_scope", "invalid_target", "invalid_authorization_details", "made_up"] {
            check(status, code, 1, SHORT);
        }
        for code in ["temporarily_unavailable", "slow_down", "server_error"] {
            check(status, code, 3, TRANSIENT);
        }
    }
}

#[test]
fn an_error_is_preferred_to_a_token() {
    let expected = Failure(ErrorKind::OAuth, 1, REJECTED);
    refused("an error and a token", with_members(r#""error":"invalid_client""#), expected);
    refused("an error as text/plain", Reply::new(400).header("Content-Type", "text/plain").body(r#"{"error":"invalid_client"}"#), expected);
}

#[test]
fn errors_of_whatever_is_in_between() {
    let page = "<!doctype html><title>Not today</title>";
    let check = |status: u16, requests: usize, remembered: u64| {
        let expected = Failure(ErrorKind::Http, requests, remembered);
        refused(&format!("{status} with a page"), Reply::html(status, page), expected);
        refused(&format!("{status} with nothing"), Reply::new(status), expected);
        refused(&format!("{status} with other JSON"), Reply::json(status, r#"{"errorCode":"E0000011","message":"no"}"#), expected);
        refused(&format!("{status} with an error that is none"), Reply::json(status, r#"{"error":{"code":7}}"#), expected);
    };
    for status in [400, 401, 403, 404, 405] {
        check(status, 2, MEDIUM);
    }
    for status in [408, 425, 429, 500, 502, 503, 504, 507, 520, 599] {
        check(status, 3, TRANSIENT);
        // A gateway repeats any words: they decide nothing.
        let words = Reply::error(status, "invalid_client");
        refused(&format!("{status} with a code"), words, Failure(ErrorKind::Http, 3, TRANSIENT));
    }
    for status in [501, 505] {
        check(status, 1, LONG);
    }
}

#[test]
fn several_challenges() {
    for &with in With::ALL {
        let answer = Reply::error(401, "invalid_client")
            .header("WWW-Authenticate", r#"Negotiate, Basic realm="a, \"b\", Bearer error=none", Bearer error="invalid_token""#)
            .header("WWW-Authenticate", "Digest qop=auth, Basic");
        let server = HostileServer::always(answer);
        let clock = QuickClock::default();
        let error = fails("401", with, &server, &clock, builder(&server.url(), &clock), Failure(ErrorKind::OAuth, 1, REJECTED));
        assert_eq!(error.oauth().map(OAuthError::code), Some("invalid_client"));
        // What would help is said: the server wants Basic, and was posted to.
        let text = error.to_string();
        assert!(text.contains("127.0.0.1") && text.contains("client_secret_post") && text.contains("SecretBasic"), "{text}");
    }
}

#[test]
fn retry_after() {
    // How long is waited before each further attempt, in seconds; anything below one is the library's own choice.
    let check = |value: &str, waits: &[u64], remembered: u64| {
        for status in [429, 503] {
            for &with in With::ALL {
                let what = format!("Retry-After: {value} ({status}, {with:?})");
                let server = HostileServer::always(Reply::new(status).header("Retry-After", value));
                let clock = QuickClock::default();
                let expected = Failure(ErrorKind::Http, waits.len() + 1, remembered);
                fails(&what, with, &server, &clock, builder(&server.url(), &clock), expected);
                assert_eq!(clock.waits().iter().map(Duration::as_secs).collect::<Vec<_>>(), waits, "{what}");
            }
        }
    };
    check("7", &[7, 7], 7);
    check("007", &[7, 7], 7);
    check("Mon, 23 Nov 2026 08:00:40 GMT", &[40, 0], TRANSIENT);
    check("Monday, 23-Nov-26 08:00:40 GMT", &[40, 0], TRANSIENT);
    check("Mon Nov 23 08:00:40 2026", &[40, 0], TRANSIENT);
    for over in ["0", "Mon, 23 Nov 2026 07:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        check(over, &[0, 0], TRANSIENT);
    }
    for garbage in ["soon", "", "-5", "7.5", "1e3", "7 s", "7, 9", "Mon, 99 Nov 2026 08:00:40 GMT"] {
        check(garbage, &[0, 0], TRANSIENT);
    }
    // More than the deadline allows: not now, but not before that either.
    check("1200", &[], 1200);
    check("Mon, 23 Nov 2026 08:20:00 GMT", &[], 1200);
    // And never more than an hour.
    for absurd in ["86400", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        check(absurd, &[], 3600);
    }
    // A refusal stays one.
    let refusal = Reply::error(400, "invalid_client").header("Retry-After", "120");
    refused("invalid_client and Retry-After", refusal, Failure(ErrorKind::OAuth, 1, 120));
    let later = Reply::error(400, "slow_down").header("Retry-After", "9");
    refused("slow_down and Retry-After", later, Failure(ErrorKind::OAuth, 3, 9));
}

#[test]
fn a_later_attempt_may_succeed() {
    let check = |what: &str, answer: Answer| {
        for &with in With::ALL {
            let server = HostileServer::script([answer.clone(), answer.clone(), Reply::token("third").into()]);
            let clock = QuickClock::default();
            let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
            let token = subject.token().unwrap_or_else(|error| panic!("{what} ({with:?}): {error}"));
            assert_eq!((token.access_token(), clock.waits().len()), ("third", 2), "{what} ({with:?})");
            // The longest pauses are 200 and 400 ms.
            assert!(clock.waits().iter().zip([200, 400]).all(|(wait, most)| *wait <= Duration::from_millis(most)), "{:?}", clock.waits());
        }
    };
    check("502", Reply::html(502, "<title>Bad gateway</title>").into());
    check("429", Reply::new(429).into());
    check("server_error", Reply::error(400, "server_error").into());
    check("no answer", Answer::close());
    check("a reset", Answer::reset());
    check("a reset at once", Answer::reset().at_accept());
    check("half of a body and a reset", Reply::token("half").reset_mid_body());
    check("half of a body and an end", Reply::token("half").close_mid_body());
    check("half of a chunk", Reply::token("half").chunked().close_mid_body());
}

#[test]
fn all_callers_share_one_request() {
    let check = |what: &str, answer: Answer, requests: usize| {
        for &with in With::ALL {
            let what = format!("{what} ({with:?})");
            let server = HostileServer::always(answer.clone());
            let clock = QuickClock::default();
            let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
            let results = subject.tokens();
            assert!(results.iter().all(|result| result.is_ok() == results[0].is_ok()), "{what}");
            assert_eq!((server.count(), server.most_in_flight()), (requests, 1), "{what}");
        }
    };
    check("a token", Reply::token("t-1").slow_body(Duration::from_micros(100)), 1);
    check("a refusal", Reply::error(401, "invalid_client").slow_body(Duration::from_micros(100)), 1);
    check("an outage", Reply::new(503).into(), 3);
    check("a reset", Answer::reset(), 3);
}

#[test]
fn connections_that_ended_meanwhile() {
    let body = r#"{"access_token":"good-1","token_type":"Bearer","expires_in":60}"#;
    let good = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for &with in With::ALL {
        // It looks as if the connection were kept, and it is not.
        let server = HostileServer::always(Answer::raw(good.clone()));
        let clock = QuickClock::default();
        let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
        for number in 1..=5 {
            subject.token().unwrap_or_else(|error| panic!("{number} ({with:?}): {error}"));
            assert_eq!(server.count(), number, "{with:?}");
            clock.advance(Duration::from_secs(3600));
        }
    }
}

#[test]
fn connections_that_end() {
    let expected = Failure(ErrorKind::Transport, 3, TRANSIENT);
    refused("no answer", Answer::close(), expected);
    refused("a reset", Answer::reset(), expected);
    refused("half of a body and a reset", Reply::token("half").reset_mid_body(), expected);
    refused("half of a body and an end", Reply::token("half").close_mid_body(), expected);
    refused("half of a chunk", Reply::token("half").chunked().close_mid_body(), expected);
    refused("half of a head", Answer::raw("HTTP/1.1 200 OK\r\nContent-Ty"), expected);
}

#[test]
fn nobody_listens() {
    for &with in With::ALL {
        let (url, _socket) = refused_port();
        let clock = QuickClock::default();
        let subject = Subject::build(with, builder(&url, &clock)).expect("a client");
        let error = subject.token().expect_err("nobody listens");
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Transport, 3, true), "{with:?}: {error}");
        assert!(error.retry_at() > Some(clock.wall()), "{with:?}");
    }
}

#[test]
fn servers_that_take_too_long() {
    let limit = Duration::from_millis(50);
    let mut quick = Retry::default();
    (quick.first, quick.longest) = (Duration::from_millis(1), Duration::from_millis(1));
    let check = |what: &str, answer: Answer| {
        for &with in With::ALL {
            let what = format!("{what} ({with:?})");
            for (attempt, deadline, kind, requests) in
                [(limit, FOR_EVER, ErrorKind::Transport, 3), (FOR_EVER, limit, ErrorKind::Timeout, 1)]
            {
                let server = HostileServer::always(answer.clone());
                let builder = builder(&server.url(), &QuickClock::default()).attempt_timeout(attempt).deadline(deadline);
                let subject = Subject::build(with, builder.clock(SystemClock).retry(quick)).expect("a client");
                let error = subject.token().expect_err(&what);
                assert_eq!((error.kind(), error.attempts()), (kind, requests), "{what}: {error}");
                assert!(error.is_retryable() && error.retry_at().is_some(), "{what}: {error}");
                assert!(subject.token().expect_err(&what).is_remembered(), "{what}");
                // The server may be the one that is late.
                assert!(server.count() <= requests as usize, "{what}");
            }
        }
    };
    let pause = Duration::from_millis(5);
    check("nothing", Answer::hang());
    check("half of a body", Reply::token("slow").hang_mid_body());
    // Each byte is in time; all together are not.
    check("slow headers", Reply::token("slow").header("X-Long", "x".repeat(1000)).slow_headers(pause));
    check("a slow body", Reply::token(&"slow".repeat(300)).slow_body(pause));
    check("a slow body in chunks", Reply::token(&"slow".repeat(300)).chunked().slow_body(pause));
}

#[test]
fn redirects_are_never_followed() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        for &with in With::ALL {
            for method in [ClientAuthentication::SecretPost, ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded)] {
                let what = format!("{status} ({with:?}, {method:?})");
                let elsewhere = HostileServer::always(Reply::token("elsewhere"));
                let target = format!("{}/path?query=of-them", elsewhere.origin());
                let server = HostileServer::always(Reply::redirect(status, &target));
                let clock = QuickClock::default();
                let builder = builder(&server.url(), &clock).authentication(method);
                let error = fails(&what, with, &server, &clock, builder, Failure(ErrorKind::Transport, 1, LONG));
                assert_eq!((elsewhere.connections(), elsewhere.received()), (0, Vec::new()), "{what}");
                let text = error.to_string();
                assert!(!text.contains("query") && !text.contains("/path"), "{text}");
            }
        }
    }
    // Also not within the same server, nor to nowhere.
    let expected = Failure(ErrorKind::Transport, 1, LONG);
    refused("to another path", Reply::redirect(307, "/elsewhere"), expected);
    refused("to itself", Reply::redirect(308, "/token"), expected);
    refused("to nowhere", Reply::new(302), expected);
    refused("to what is no address", Reply::redirect(302, "ht!tp://[::"), expected);
    refused("to what is no text", Reply::new(302).header("Location", b"\xff\xfe".to_vec()), expected);
}

#[test]
fn bodies_that_are_too_large() {
    let expected = Failure(ErrorKind::InvalidResponse, 1, LONG);
    let large = Reply::json(200, " ".repeat(64 << 10)).times(80);
    refused("5 MiB with a length", large.clone(), expected);
    refused("5 MiB in chunks", large.clone().chunked(), expected);
    refused("5 MiB until the end", large.until_close(), expected);
    let one_more = format!("{{}}{}", " ".repeat((256 << 10) - 1));
    refused("one byte more", Reply::json(200, one_more.clone()), expected);
    refused("one byte more in chunks", Reply::json(200, one_more).chunked(), expected);
    refused("an error of 5 MiB", Reply::html(502, " ".repeat(64 << 10)).times(80).chunked(), expected);
    refused("a length that is a lie", Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n{}"), expected);
}

#[test]
fn reading_ends_where_a_body_is_too_large() {
    let much = 256 << 20;
    let piece = vec![b' '; 1 << 20];
    for &with in With::ALL {
        for reply in [Reply::json(200, "").body(piece.clone()).chunked(), Reply::json(200, "").body(piece.clone()).until_close()] {
            let server = HostileServer::always(reply.times(much >> 20));
            let clock = QuickClock::default();
            let subject = Subject::build(with, builder(&server.url(), &clock).max_body(1000)).expect("a client");
            let error = subject.token().expect_err("too much");
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{with:?}: {error}");
            while server.in_flight() > 0 {
                subject.breathe();
            }
            // What found room in the buffers of the sockets, and nothing near to everything.
            assert!(server.sent() < much as u64 / 4, "{with:?}: {} bytes", server.sent());
        }
    }
}

#[test]
fn compressed_bodies_are_not_asked_for_and_not_read() {
    let body = r#"{"access_token":"good-1","token_type":"Bearer","expires_in":3600}"#;
    let bomb = gzip(format!("{body}{}", " ".repeat(64 << 20)).as_bytes());
    assert!(bomb.len() < 200 << 10);
    let expected = Failure(ErrorKind::InvalidResponse, 1, SHORT);
    for encoding in ["gzip", "x-gzip", "gzip, gzip", "identity"] {
        refused("a compressed body", Reply::json(200, "").header("Content-Encoding", encoding).body(gzip(body.as_bytes())), expected);
        refused("a bomb", Reply::json(200, "").header("Content-Encoding", encoding).body(bomb.clone()), expected);
    }
    for &with in With::ALL {
        let request = one_request(with, |builder| builder);
        assert!(request.headers("accept-encoding").iter().all(|value| *value == "identity"), "{with:?}: {request:?}");
    }
}

#[test]
fn what_is_not_http() {
    let check = |what: &str, bytes: &[u8]| {
        for &with in With::ALL {
            let server = HostileServer::always(Answer::raw(bytes));
            let clock = QuickClock::default();
            let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
            let error = subject.token().expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Transport, "{what} ({with:?}): {error}");
            assert!((1..=3).contains(&server.count()), "{what}");
        }
    };
    check("noise", b"\x00\x01\x02\xff\r\n\r\n");
    check("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n");
    check("a status that is none", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n");
    check("a version of later", b"HTTP/7.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    check("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}");
    check("a length that is none", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}");
    check("a length without an end", b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n{}");
    check("a chunk that is none", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n");
    check("a header without a name", b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\n{}");
    check("headers without an end", &[b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(200_000)].concat());
}

#[cfg(feature = "rustls")]
#[test]
fn certificates_that_nobody_vouches_for() {
    for &with in With::ALL {
        let server = SelfSigned::new(Reply::token("good-1"));
        let clock = QuickClock::default();
        let subject = Subject::build(with, builder(&server.url(), &clock)).expect("a client");
        let error = subject.token().expect_err("nobody vouches for it");
        assert_eq!((error.kind(), error.attempts(), error.is_retryable()), (ErrorKind::Transport, 1, false), "{with:?}: {error}");
        assert_eq!(error.retry_at(), Some(clock.wall() + Duration::from_secs(MEDIUM)), "{with:?}");
        assert!(error.to_string().contains("certificate"), "{with:?}: {error}");
        assert_eq!(server.count(), 0, "{with:?}");
    }
}

#[cfg(feature = "rustls")]
#[test]
fn handshakes_that_fail() {
    let plain = Answer::raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").at_accept();
    for (what, answer) in [("a reset", Answer::reset().at_accept()), ("an end", Answer::close().at_accept()), ("plain HTTP", plain)] {
        for &with in With::ALL {
            let server = HostileServer::always(answer.clone());
            let clock = QuickClock::default();
            let subject = Subject::build(with, builder(&as_tls(&server), &clock)).expect("a client");
            let error = subject.token().expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Transport, "{what} ({with:?}): {error}");
            // A hiccup is worth another attempt; another protocol would not become this one.
            assert_eq!(error.attempts(), if what == "plain HTTP" { 1 } else { 3 }, "{what} ({with:?}): {error}");
            assert!(!server.received().windows(6).any(|window| window == b"s3cret"), "{what}");
        }
    }
}

/// The request of a client that was built like this.
fn one_request(with: With, change: impl Fn(ClientBuilder) -> ClientBuilder) -> Request {
    let server = HostileServer::always(Reply::token("t-1"));
    one_request_to(&server, &server.url(), with, change)
}

fn one_request_to(server: &HostileServer, url: &str, with: With, change: impl Fn(ClientBuilder) -> ClientBuilder) -> Request {
    let clock = QuickClock::default();
    let subject = Subject::build(with, change(builder(url, &clock))).expect("a client");
    subject.token().unwrap_or_else(|error| panic!("{with:?}: {error}"));
    let mut requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[test]
fn requests_are_as_the_rfc_wants_them() {
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    let basic = |encoding| ClientAuthentication::SecretBasic(encoding);
    for &with in With::ALL {
        for (format, kind) in [(BodyFormat::Form, form), (BodyFormat::Json, json)] {
            for method in [ClientAuthentication::SecretPost, basic(BasicEncoding::FormUrlEncoded), basic(BasicEncoding::Raw)] {
                let what = format!("{with:?}, {format:?}, {method:?}");
                let request = one_request(with, |builder| builder.body_format(format).authentication(method));
                assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/token"), "{what}");
                assert_eq!(request.header("accept"), Some("application/json"), "{what}");
                assert_eq!(request.header("content-type"), Some(kind), "{what}");
                assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()), "{what}");

                let mut names: Vec<String> = request.form().into_iter().map(|(name, _)| name).collect();
                names.extend(request.json().as_object().into_iter().flat_map(|object| object.keys().cloned()));
                names.sort();
                let text = request.text();
                if method == ClientAuthentication::SecretPost {
                    assert_eq!(names, ["client_id", "client_secret", "grant_type"], "{what}");
                    assert_eq!(request.headers("authorization"), [""; 0], "{what}");
                } else {
                    // Empty values, such as a scope that nobody set, are left out, and no secret is in two places.
                    assert_eq!(names, ["grant_type"], "{what}");
                    let authorization = request.header("authorization").expect("one header");
                    assert!(authorization.starts_with("Basic "), "{what}");
                    assert!(!text.contains("s3cret"), "{what}");
                }
                // No word of it in the request line or another header.
                let elsewhere: Vec<&(String, String)> = request.headers.iter().filter(|(name, _)| name != "authorization").collect();
                assert!(!format!("{} {elsewhere:?}", request.target).contains("s3cret"), "{what}");
            }
        }
    }
}

#[test]
fn secrets_arrive_as_they_are() {
    for &with in With::ALL {
        let posted = one_request(with, |builder| builder);
        assert!(posted.form().contains(&("client_secret".to_owned(), SECRET.to_owned())), "{posted:?}");
        let json = one_request(with, |builder| builder.body_format(BodyFormat::Json));
        assert_eq!(json.json()["client_secret"], SECRET);
        let encoded = one_request(with, |builder| builder.authentication(ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded)));
        assert!(encoded.credentials().ends_with(" my-id:s3cret/+ :% my-id:s3cret%2F%2B+%3A%25"), "{}", encoded.credentials());
        let raw = one_request(with, |builder| builder.authentication(ClientAuthentication::SecretBasic(BasicEncoding::Raw)));
        assert!(raw.credentials().ends_with(" my-id:s3cret/+ :%"), "{}", raw.credentials());
    }
}

#[test]
fn empty_values_are_left_out() {
    for &with in With::ALL {
        for format in [BodyFormat::Form, BodyFormat::Json] {
            let none: [&str; 0] = [];
            let request = one_request(with, |builder| {
                builder.body_format(format).scope("").scopes(none).resources(none).audience("").parameter("tenant", "")
            });
            for name in ["scope", "resource", "audience", "tenant"] {
                assert!(!request.text().contains(name), "{}", request.text());
            }
        }
    }
}

#[test]
fn the_query_of_the_endpoint_is_kept() {
    for &with in With::ALL {
        for target in ["/oauth/token?tenant=a%20b&x=1", "/?x", "/token/?a=b&a=c"] {
            let server = HostileServer::always(Reply::token("t-1"));
            let request = one_request_to(&server, &format!("{}{target}", server.origin()), with, |builder| builder.scope("orders"));
            assert_eq!(request.target, target);
            assert!(request.text().contains("scope=orders"));
        }
        let server = HostileServer::always(Reply::token("t-1"));
        assert_eq!(one_request_to(&server, &server.origin(), with, |builder| builder).target, "/");
    }
}

#[test]
fn endpoints_that_are_refused() {
    let build = |url: &str, loopback: bool| {
        let builder = Client::builder(url, "my-id", SECRET);
        if loopback { builder.allow_http_on_loopback() } else { builder }.build()
    };
    for url in
        ["https://auth.example/token", "https://auth.example:8443/token?x=1", "HTTPS://AUTH.EXAMPLE/token", "https://127.0.0.1/token"]
    {
        assert!(build(url, false).is_ok() && build(url, true).is_ok(), "{url}");
    }
    for url in [
        "http://127.0.0.1:8080/token",
        "http://127.8.9.1/token",
        "http://localhost/token",
        "http://LOCALHOST:1/token",
        "http://[::1]:8080/token",
    ] {
        assert!(build(url, true).is_ok(), "{url}");
        assert_eq!(build(url, false).expect_err(url).kind(), ErrorKind::Configuration, "{url}");
    }
    for url in [
        "",
        "/token",
        "token",
        "auth.example/token",
        "//auth.example/token",
        "https://",
        "https:///token",
        "https://auth.example/token#fragment",
        "https://auth.example/token#",
        "https://my-id:s3cret@auth.example/token",
        "https://my-id@auth.example/token",
        "https://auth.example/to ken",
        "ftp://auth.example/token",
        "file:///token",
        "http://auth.example/token",
        "http://localhost.auth.example/token",
        "http://127.0.0.1.auth.example/token",
        "http://auth.example@127.0.0.1/token",
        "http://127.0.0.1@auth.example/token",
        "http://0.0.0.0/token",
        "http://192.168.0.1/token",
        "http://[::]/token",
        "http://[::2]/token",
        "https://auth.example:99999/token",
    ] {
        for loopback in [false, true] {
            let error = build(url, loopback).expect_err(url);
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}: {error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
