//! The program `client-credentials`, run as scripts run it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::hostile_server::{Answer, HostileServer, Reply, refused_port};

const SECRET: &str = "c4nary-of-the-command";
const TOKEN: &str = "t0ken-of-the-command";

/// The program with nothing of the environment of whoever tests.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-credentials"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CLIENT_CREDENTIALS_") || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(&*name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The program by its environment alone.
fn at(url: &str, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("CLIENT_CREDENTIALS_TOKEN_ENDPOINT", url).env("CLIENT_CREDENTIALS_CLIENT_ID", "my-id");
    command.env("CLIENT_CREDENTIALS_CLIENT_SECRET", SECRET).env("CLIENT_CREDENTIALS_ALLOW_HTTP_ON_LOOPBACK", "true");
    command
}

/// Exit code, standard output and standard error; the secret is in neither.
#[track_caller]
fn ran(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(SECRET) && !errors.contains(SECRET), "the secret was printed: {out}{errors}");
    assert!(!errors.contains(TOKEN), "the token was printed where logs are kept: {errors}");
    (output.status.code(), out, errors)
}

#[track_caller]
fn run(mut command: Command) -> (Option<i32>, String, String) {
    ran(&command.output().unwrap())
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn outputs() {
    #[track_caller]
    fn check(arguments: &[&str], token: &str, printed: &str) {
        let server = HostileServer::always(Reply::token(token));
        let (code, out, errors) = run(at(&server.url(), arguments));
        assert_eq!((code, out.as_str(), errors.as_str()), (Some(0), printed, ""));
        assert_eq!(server.count(), 1);
    }
    check(&[], TOKEN, &format!("{TOKEN}\n"));
    check(&["token"], TOKEN, &format!("{TOKEN}\n"));
    check(&["header"], TOKEN, &format!("Authorization: Bearer {TOKEN}\n"));
    check(&["curl"], TOKEN, &format!("header = \"Authorization: Bearer {TOKEN}\"\n"));
    check(&["curl"], r"a\b", "header = \"Authorization: Bearer a\\\\b\"\n");
}

#[test]
fn json() {
    let server = HostileServer::always(Reply::token(TOKEN));
    let (code, out, errors) = run(at(&server.url(), &["--json"]));
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, errors.as_str(), value["access_token"].as_str(), value["token_type"].as_str()),
        (Some(0), "", Some(TOKEN), Some("Bearer"))
    );
    let lifetime = value["expires_at"].as_u64().unwrap() - value["issued_at"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);

    server.then([Reply::error(401, "invalid_client").into()]);
    let (code, out, _) = run(at(&server.url(), &["--json"]));
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, value["error"].as_str(), value["status"].as_u64()), (Some(3), Some("invalid_client"), Some(401)));
    assert_eq!((value["retryable"].as_bool(), value["exit_code"].as_u64()), (Some(false), Some(3)));
}

#[test]
fn exit_codes() {
    #[track_caller]
    fn check(answer: impl Into<Answer>, code: i32, says: &str) {
        let server = HostileServer::always(answer);
        let (exit, out, errors) = run(at(&server.url(), &["--body-format", "form", "--timeout", "5"]));
        assert_eq!((exit, out.as_str()), (Some(code), ""), "{errors}");
        assert!(errors.starts_with("error: ") && errors.contains(says), "{errors}");
    }
    check(Reply::error(401, "invalid_client"), 3, "invalid_client");
    check(Reply::error(401, "invalid_client"), 3, "--authentication client_secret_basic");
    check(Reply::error(400, "invalid_scope"), 3, "invalid_scope");
    check(Reply::error(503, "temporarily_unavailable"), 4, "temporarily_unavailable");
    check(Reply::html(502, "<h1>Bad Gateway</h1>"), 4, "502");
    check(Reply::json(200, "{}"), 4, "access_token");
    check(Answer::reset(), 4, "");

    let (url, _socket) = refused_port();
    assert_eq!(run(at(&url, &[])).0, Some(4));
    let mut command = at(&url, &[]);
    command.env_remove("CLIENT_CREDENTIALS_CLIENT_SECRET").env("CLIENT_CREDENTIALS_CLIENT_SECRET_FILE", "/there/is/none");
    let (code, _, errors) = run(command);
    assert_eq!(code, Some(5), "{errors}");
    assert!(errors.contains("/there/is/none"), "{errors}");
}

#[test]
fn explains() {
    let server = HostileServer::script([Reply::error(400, "invalid_request").into(), Reply::token(TOKEN).into()]);
    let (code, out, errors) = run(at(&server.url(), &["--explain", "--scope", "a", "--scope", "b"]));
    assert_eq!((code, out), (Some(0), format!("{TOKEN}\n")));
    let host = server.origin().replace("http://", "");
    let lines: Vec<&str> = errors.lines().collect();
    assert!(
        lines[0].contains("CLIENT_CREDENTIALS_TOKEN_ENDPOINT") && lines[0].ends_with("secret from CLIENT_CREDENTIALS_CLIENT_SECRET"),
        "{errors}"
    );
    assert_eq!(lines[1], "scope a b from --scope");
    assert!(
        lines[2].starts_with(&format!("attempt 1: client_secret_post in JSON to {host}: invalid_request (HTTP 400), after ")),
        "{errors}"
    );
    assert!(lines[3].starts_with(&format!("attempt 2: client_secret_post in a form to {host}: a token (HTTP 200), after ")), "{errors}");
    assert_eq!(lines[4], "token: expires 3600 s after its request was sent");
    assert_eq!(lines.len(), 5, "{errors}");
    assert!(server.requests()[1].form().contains(&("scope".to_owned(), "a b".to_owned())));

    server.then([Reply::error(401, "invalid_client").into()]);
    let (_, _, errors) = run(at(&server.url(), &["-e"]));
    assert!(errors.contains("no token after 2 attempts; the same will not succeed without a change"), "{errors}");
}

#[test]
fn no_secret_among_the_arguments() {
    let server = HostileServer::always(Reply::token(TOKEN));
    for arguments in [
        &["--client-secret", SECRET][..],
        &["--client-secret=c4nary-of-the-command"],
        &["--client_secret=c4nary-of-the-command"],
        &["--password", SECRET],
        &["--parameter", "client_secret=c4nary-of-the-command"],
        &["--parameter=client_secret=c4nary-of-the-command"],
    ] {
        let (code, out, errors) = run(at(&server.url(), arguments));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains("--client-secret-stdin") && errors.contains("CLIENT_CREDENTIALS_CLIENT_SECRET_FILE"), "{errors}");
    }
    assert_eq!(server.count(), 0);
    assert!(!run(program(&["--help"])).1.contains("--client-secret <"));
}

#[test]
fn places_of_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = HostileServer::always(Reply::token(TOKEN));
    let sent = |command: Command| {
        let (code, _, errors) = run(command);
        assert_eq!(code, Some(0), "{errors}");
        server.requests().last().unwrap().json()["client_secret"].as_str().unwrap().to_owned()
    };
    let file = write(folder.path(), "secret", "from-a-file\n");
    assert_eq!(sent(at(&server.url(), &["--client-secret-file", &file])), "from-a-file");
    assert_eq!(sent(at(&server.url(), &[])), SECRET);

    let mut child =
        at(&server.url(), &["--client-secret-stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from-standard-input\n").unwrap();
    let (code, _, errors) = ran(&child.wait_with_output().unwrap());
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(server.requests().last().unwrap().json()["client_secret"], "from-standard-input");

    let (code, _, errors) = run(at(&server.url(), &["--client-secret-stdin"]));
    assert_eq!(code, Some(5), "{errors}");
}

#[test]
fn configuration() {
    let folder = tempfile::tempdir().unwrap();
    let server = HostileServer::always(Reply::token(TOKEN));
    write(folder.path(), "secret", "beside-it\n");
    let text = format!(
        "token_endpoint = {:?}\nclient_id = \"from-the-file\"\nclient_secret_file = \"secret\"\nscope = [\"a\", \"b\"]\npreset = \"raw-basic\"\n\
         authentication = \"client_secret_post\"\nallow_http_on_loopback = true\ntimeout = 5\n[parameter]\ntenant = \"blue\"\n",
        server.url()
    );
    let path = write(folder.path(), "orders.toml", &text);
    let (code, out, errors) = run(program(&["--config", &path, "--parameter", "region=north"]));
    assert_eq!((code, out), (Some(0), format!("{TOKEN}\n")), "{errors}");
    let form = server.requests()[0].form();
    for (name, value) in
        [("client_id", "from-the-file"), ("client_secret", "beside-it"), ("scope", "a b"), ("tenant", "blue"), ("region", "north")]
    {
        assert!(form.contains(&(name.to_owned(), value.to_owned())), "{form:?}");
    }
    // The environment counts more than the file, and an option more than both.
    let mut command = program(&["--client-id", "from-an-option"]);
    command.env("CLIENT_CREDENTIALS_CONFIG", &path).env("CLIENT_CREDENTIALS_CLIENT_ID", "from-the-environment");
    command.env("CLIENT_CREDENTIALS_SCOPE", "c");
    assert_eq!(run(command).0, Some(0));
    let form = server.requests()[1].form();
    assert!(
        form.contains(&("client_id".to_owned(), "from-an-option".to_owned())) && form.contains(&("scope".to_owned(), "c".to_owned())),
        "{form:?}"
    );
}

#[test]
fn wrong_configurations() {
    #[track_caller]
    fn check(text: &str, says: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "wrong.toml", text);
        let (code, out, errors) = run(program(&["--config", &path]));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.contains(says), "{errors}");
    }
    let base = "token_endpoint = \"https://auth.example/token\"\nclient_id = \"my-id\"\n";
    check("", "CLIENT_CREDENTIALS_CLIENT_ID");
    check("client_id = \"my-id\"\nclient_secret = \"c4nary-of-the-command\"", "token_endpoint");
    check(base, "there is no client secret");
    check("client_secret = c4nary-of-the-command", "line 1");
    check("\nclient_secret = \"c4nary-of-the-command", "line 2");
    check("client_secret = [\"c4nary-of-the-command\", {}]", "client_id");
    check(&format!("{base}client_secret = [\"c4nary-of-the-command\", {{}}]"), "is not a text");
    check(&format!("{base}client_secret = \"c4nary-of-the-command\"\nbody_format = \"xml\""), "auto, json and form");
    check(&format!("{base}client_secret = \"c4nary-of-the-command\"\nissuer = \"https://auth.example\""), "one of them is enough");
    check("client_secre = \"c4nary-of-the-command\"", "client_secret_file");
    let http = format!("{}client_secret = \"c4nary-of-the-command\"", base.replace("https://auth.example", "http://127.0.0.1:1"));
    check(&http, "--allow-http-on-loopback");
}
