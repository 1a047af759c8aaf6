//! What holds for any metadata of an authorization server: `Cache-Control`, a line break, and the body.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use client_credentials::{Client, ErrorKind};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use super::canned::{SECRET, World};

const ISSUER: &str = "https://auth.example/tenant";

pub(crate) fn check(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, body) = (bytes[..end].to_vec(), bytes.get(end + 1..).unwrap_or_default().to_vec());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let (seen, told) = (Arc::clone(&sent), body.clone());
    let world = World::new(move |request| {
        if request.method() == Method::GET {
            assert_eq!(request.uri().authority().map(http::uri::Authority::as_str), Some("auth.example"));
            assert!(request.body().is_empty() && !request.headers().contains_key("authorization"));
            let mut response = Response::new(Bytes::from(told.clone()));
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                response.headers_mut().insert("cache-control", value);
            }
            return response;
        }
        seen.lock().expect("no panic").push(request.uri().clone());
        let mut response = Response::new(Bytes::from_static(br#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#));
        *response.status_mut() = StatusCode::OK;
        response
    });
    let client = Client::discover(ISSUER, "my-id", SECRET).http_client(world.clone()).clock(world.clone()).build().expect("a client");
    let result = world.run(client.token());
    let sent = sent.lock().expect("no panic").clone();
    match result {
        Ok(_) => {
            // The secret went to where the issuer says, and only in a way that nobody else can read.
            let metadata: Value = serde_json::from_slice(&body).expect("it was understood");
            assert_eq!(metadata["issuer"], ISSUER);
            let [target] = &sent[..] else { panic!("{sent:?}") };
            assert_eq!(target.scheme_str(), Some("https"));
            assert!(!target.authority().is_some_and(|authority| authority.as_str().contains('@')), "{target}");
            assert!(world.run(client.metadata()).is_ok_and(|metadata| metadata.issuer() == ISSUER));
            let before = world.requests();
            world.run(client.token()).expect("the same token");
            assert_eq!(world.requests(), before);
        }
        Err(error) => {
            assert!(sent.is_empty(), "{sent:?}");
            assert!(matches!(error.kind(), ErrorKind::Discovery), "{error:?}");
            let text = error.to_string();
            assert!(!text.contains(char::is_control) && text.chars().count() < 4_000, "{text:?}");
            assert!(!text.contains(SECRET) && !format!("{error:?} {client:?}").contains(SECRET));
        }
    }
}
