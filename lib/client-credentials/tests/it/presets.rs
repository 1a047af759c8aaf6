//! Every preset sends what its page says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use client_credentials::{Client, ClientAuthentication, ClientBuilder, Credential, ErrorKind, Preset};
use serde_json::Value;

use crate::support::{Does, World, json, token};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/presets")
}

/// `GitHub-like` has the page `github-like.md`.
fn page_name(preset: &Preset) -> String {
    preset.name.to_ascii_lowercase().replace(' ', "-")
}

fn page(preset: &Preset) -> String {
    let path = folder().join(page_name(preset)).with_extension("md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} has no page {}: {error}", preset.name, path.display()))
}

/// The request on a page: its path, its headers and its body.
fn request(page: &str) -> (String, BTreeMap<String, String>, String) {
    let (_, rest) = page.split_once("```http\n").expect("a request");
    let (text, _) = rest.split_once("\n```").expect("the end of the request");
    let (head, body) = text.split_once("\n\n").expect("a body");
    let (line, headers) = head.split_once('\n').expect("headers");
    let path = line.strip_prefix("POST ").and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("a POST");
    let headers = headers.lines().map(|line| line.split_once(": ").expect("a header"));
    (path.to_owned(), headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(), body.to_owned())
}

/// What the body of a page's request asks for, told to the builder.
fn asking(mut builder: ClientBuilder, body: &str) -> ClientBuilder {
    let json = serde_json::from_str::<BTreeMap<String, Value>>(body);
    let fields: Vec<(String, String)> = match &json {
        Ok(members) => members.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
        Err(_) => form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
    };
    for (name, value) in fields {
        builder = match name.as_str() {
            "scope" => builder.scope(value),
            "audience" => builder.audience(value),
            "resource" => builder.resources(["https://api.example"]),
            "grant_type" | "client_id" | "client_secret" | "client_assertion_type" | "client_assertion" => builder,
            _ => panic!("{name} is on the page"),
        };
    }
    builder
}

/// What the client of a preset has; nothing where the library was compiled without it.
fn credential(preset: &Preset) -> Option<Credential> {
    if preset.authentication != ClientAuthentication::PrivateKeyJwt {
        return Some("my+secret".into());
    }
    #[cfg(feature = "jwt")]
    return client_credentials::SigningKey::generate(client_credentials::Algorithm::ES256).ok().map(Credential::from);
    #[cfg(not(feature = "jwt"))]
    None
}

/// Assertions are never twice the same.
fn without_assertion(body: &str) -> String {
    const BEGIN: &str = "client_assertion=eyJ";
    let Some((before, rest)) = body.split_once(BEGIN) else { return body.to_owned() };
    let (_, after) = rest.split_once('&').expect("something after it");
    format!("{before}{BEGIN}…&{after}")
}

#[test]
fn every_preset_sends_the_request_on_its_page() {
    for preset in Preset::ALL {
        let (path, mut headers, body) = request(&page(preset));
        let host = headers.remove("host").expect("a host");
        let world = World::new([token("t-1", 3600)]);
        let Some(credential) = credential(preset) else { continue };
        let builder = Client::builder(format!("https://{host}{path}"), "my-id", credential)
            .preset(preset)
            .http_client(world.server.clone())
            .clock(world.clock.clone());
        let client = asking(builder, &body).build().unwrap();
        world.run(client.authorize()).unwrap();
        assert_eq!(without_assertion(&world.server.bodies().remove(0)), body, "{}", preset.name);
        for name in ["accept", "content-type", "authorization"] {
            assert_eq!(world.server.header(0, name), headers.remove(name), "{name} of {}", preset.name);
        }
        assert!(headers.is_empty(), "{} has other headers on its page: {headers:?}", preset.name);
        // It is no guess: nothing else is tried when it is refused.
        world.server.then([json(400, "")]);
        let before = world.server.requests();
        let error = world.run(client.refresh()).unwrap_err();
        assert_eq!(error.answers().len(), 1, "{}", preset.name);
        let formats: BTreeSet<_> = world.server.bodies().split_off(before).iter().map(|body| body.starts_with('{')).collect();
        assert_eq!(formats.len(), 1, "{}", preset.name);
    }
}

#[test]
fn every_preset_has_a_page_that_says_what_it_sets() {
    for preset in Preset::ALL {
        let page = page(preset);
        assert!(page.starts_with(&format!("# {}\n", preset.name)), "{}", preset.name);
        let Value::Object(data) = serde_json::to_value(preset).unwrap() else { panic!("an object") };
        let names: BTreeSet<&str> = data.keys().map(String::as_str).collect();
        let shown =
            ["authentication", "basic_encoding", "body_format", "form_answer", "audience_is_token_endpoint", "issuer_slash", "needs"];
        assert_eq!(names, shown.into_iter().chain(["name", "notes"]).collect(), "{}", preset.name);
        assert_eq!(data["name"], preset.name);
        assert_eq!(data["notes"], preset.notes);
        for name in shown {
            let value = match &data[name] {
                Value::Null => "none".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let row = format!("| `{name}` | {value} |\n");
            assert!(page.contains(&row), "{} wants {row}", preset.name);
        }
        // The example is one of this preset.
        let constant = preset.name.to_ascii_uppercase().replace([' ', '-'], "_");
        assert!(page.contains(&format!(".preset(&Preset::{constant})")), "{constant}");
    }
}

#[test]
fn every_page_is_of_a_preset_and_linked_from_the_readme() {
    let pages: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<String> = Preset::ALL.iter().map(|preset| format!("{}.md", page_name(preset))).collect();
    assert_eq!(pages, expected);
    let readme = include_str!("../../README.md");
    for preset in Preset::ALL {
        let link = format!("[{}]: docs/presets/{}.md", preset.name, page_name(preset));
        assert!(readme.contains(&link), "the README lacks {link}");
    }
}

#[test]
fn what_a_preset_needs_is_asked_for_at_once() {
    let build = |preset: &Preset, ask: &dyn Fn(ClientBuilder) -> ClientBuilder| {
        let world = World::new([]);
        let builder = Client::builder("https://auth.example/token", "my-id", credential(preset).unwrap_or("my-secret".into()));
        ask(builder.http_client(world.server).preset(preset)).build()
    };
    for preset in Preset::ALL.iter().filter(|preset| credential(preset).is_some()) {
        let result = build(preset, &|builder| builder);
        let needs = serde_json::to_value(preset).unwrap()["needs"].as_str().map(ToOwned::to_owned);
        match (result, needs) {
            (Ok(_), None) => {}
            (Err(error), Some(needs)) => {
                assert_eq!(error.kind(), ErrorKind::Configuration);
                let text = error.to_string();
                let word = needs.split(' ').next().expect("a word");
                assert!(text.contains(preset.name) && text.contains(word) && text.contains("()"), "{text}");
            }
            (result, needs) => panic!("{} needs {needs:?}: {result:?}", preset.name),
        }
    }
    build(&Preset::AUTH0, &|builder| builder.audience("https://api.example")).unwrap();
    build(&Preset::AUTH0, &|builder| builder.resources(["https://api.example"])).unwrap();
    build(&Preset::AUTH0, &|builder| builder.scope("read")).unwrap_err();
    build(&Preset::ENTRA_ID, &|builder| builder.scope("api://orders/.default")).unwrap();
    build(&Preset::ENTRA_ID, &|builder| builder.scope("orders.read")).unwrap_err();
}

/// One that asks for everything that presets need.
fn client(world: &World, preset: &Preset) -> Option<Client> {
    let builder = Client::builder("https://auth.example/token", "my-id", credential(preset)?);
    let builder = builder.http_client(world.server.clone()).clock(world.clock.clone());
    Some(builder.preset(preset).audience("a").scope("x/.default").build().unwrap())
}

#[test]
fn a_form_is_read_as_an_answer_where_the_preset_says_so() {
    let form = |kind: &str| {
        let headers = vec![("content-type", kind.to_owned())];
        Does::Answers(http::StatusCode::OK, headers, "access_token=t-1&token_type=bearer&expires_in=60&scope=a+b".to_owned())
    };
    for preset in Preset::ALL {
        for kind in ["application/x-www-form-urlencoded; charset=utf-8", "text/plain"] {
            let world = World::new([form(kind)]);
            let Some(client) = client(&world, preset) else { continue };
            let result = world.run(client.token());
            assert_eq!(result.is_ok(), preset.form_answer, "{}", preset.name);
            match result {
                Ok(token) => assert_eq!((token.access_token(), token.scope()), ("t-1", Some("a b"))),
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidResponse),
            }
        }
        // A page for people is no answer.
        let world =
            World::new([Does::Answers(http::StatusCode::OK, vec![("content-type", "text/html".to_owned())], "access_token=t".to_owned())]);
        let Some(client) = client(&world, preset) else { continue };
        assert_eq!(world.run(client.token()).unwrap_err().kind(), ErrorKind::InvalidResponse, "{}", preset.name);
    }
}

#[test]
fn what_is_said_after_a_preset_counts() {
    let world = World::new([token("t-1", 60)]);
    let client = world
        .builder()
        .preset(&Preset::KEYCLOAK)
        .authentication(client_credentials::ClientAuthentication::SecretPost)
        .body_format(client_credentials::BodyFormat::Json)
        .build()
        .unwrap();
    world.run(client.authorize()).unwrap();
    assert!(world.server.header(0, "authorization").is_none());
    assert!(world.server.bodies()[0].starts_with(r#"{"grant_type":"client_credentials","client_id""#));
}
