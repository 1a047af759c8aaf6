//! The program `client-credentials`: a token for scripts.
//!
//! The client secret comes from a file, the environment or standard input, never from the command line, which every user of a machine can read.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, ValueEnum};
use client_credentials::{
    Attempt, BasicEncoding, BodyFormat, Client, ClientAuthentication, ErrorKind, Event, Observer, Preset, Secret, SecretSource, Token,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

const AFTER_HELP: &str = "\
The client secret is never an option, since other users of the machine can read the command line, and shells keep it in their history. \
It comes from the first of these that is given:
  --client-secret-file FILE, --client-secret-stdin
  CLIENT_CREDENTIALS_CLIENT_SECRET_FILE, CLIENT_CREDENTIALS_CLIENT_SECRET in the environment
  client_secret_file, client_secret in the configuration

Configuration: a TOML file, named with --config or CLIENT_CREDENTIALS_CONFIG. Its keys are the names of the options with _ in place of -: \
token_endpoint, issuer, client_id, client_secret, client_secret_file, scope, resource, audience, parameter, preset, authentication, \
body_format, timeout, allow_http_on_loopback. scope and resource may be lists; parameter is a table. Each of them but parameter is \
also a variable of the environment, as CLIENT_CREDENTIALS_TOKEN_ENDPOINT. An option counts more than the environment, and that more than the \
file.

Exit codes:
  0  there is a token, and it was printed
  1  the output could not be written, or anything else
  2  the options or the configuration are wrong; nothing was sent
  3  the authorization server refuses: wrong secret, wrong scope, no permission
  4  no answer, or none that can be used; the same may succeed later
  5  the client secret could not be read

Examples:
  client-credentials --config orders.toml
  client-credentials curl --config orders.toml | curl -K - https://api.example/orders";

/// Gets an OAuth 2.0 access token by the client credentials grant (RFC 6749, section 4.4) and prints it.
#[derive(Parser)]
#[command(name = "client-credentials", version, after_long_help = AFTER_HELP, after_help = "--help tells of the configuration, the exit codes and examples.")]
struct Options {
    /// What to print
    #[arg(value_enum, default_value_t = Output::Token)]
    output: Output,

    /// Print one JSON object with all that is known of the token; a failure is one as well
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// Tell on standard error what was configured, tried and answered, without secret and token
    #[arg(long, short = 'e')]
    explain: bool,

    /// Configuration in TOML
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where tokens are had
    #[arg(long, value_name = "URL", conflicts_with = "issuer")]
    token_endpoint: Option<String>,

    /// Name of the authorization server, whose metadata (RFC 8414) tells the token endpoint
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,

    /// Identifier of the client
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    /// File with the client secret
    #[arg(long, value_name = "FILE", conflicts_with = "client_secret_stdin")]
    client_secret_file: Option<PathBuf>,

    /// Read the client secret from standard input
    #[arg(long)]
    client_secret_stdin: bool,

    /// Scopes, separated by spaces; or more than once
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,

    /// Where the token will be used (RFC 8707); more than once for several
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,

    /// The audience that Auth0 and others want
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,

    /// One more parameter of the token request, which is no secret; more than once for several
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,

    /// What is known of a kind of server: --preset list names them
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// client_secret_post, client_secret_basic, or client_secret_basic_raw
    #[arg(long, value_name = "METHOD")]
    authentication: Option<String>,

    /// auto, json, or form
    #[arg(long, value_name = "FORMAT")]
    body_format: Option<String>,

    /// Longest time for everything, in seconds [default: 30]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<String>,

    /// Allow http:// for a server on this machine
    #[arg(long)]
    allow_http_on_loopback: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// The access token
    Token,
    /// A header: Authorization: Bearer …
    Header,
    /// A configuration for curl -K -, so that the token is not on curl's command line
    Curl,
}

/// Why there is nothing to print.
struct Failure {
    code: u8,
    text: String,
    error: Option<client_credentials::Error>,
}

impl Failure {
    fn usage(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into(), error: None }
    }
}

impl From<client_credentials::Error> for Failure {
    fn from(error: client_credentials::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Configuration => 2,
            ErrorKind::OAuth if error.is_retryable() => 4,
            ErrorKind::OAuth | ErrorKind::ScopeDowngrade => 3,
            ErrorKind::Secret => 5,
            ErrorKind::Timeout
            | ErrorKind::Transport
            | ErrorKind::Http
            | ErrorKind::InvalidResponse
            | ErrorKind::UnsupportedTokenType
            | ErrorKind::Discovery => 4,
            _ => 1,
        };
        // What the library calls by its names in Rust has others here.
        let text = error.to_string().replace("ClientAuthentication::SecretBasic", "--authentication client_secret_basic");
        let text = text.replace("allow_http_on_loopback()", "--allow-http-on-loopback");
        Self { code, text, error: Some(error) }
    }
}

fn main() -> ExitCode {
    if let Some(text) = secret_in_arguments() {
        say(&format!("error: {text}"));
        return ExitCode::from(2);
    }
    let options = Options::parse();
    if options.preset.as_deref() == Some("list") {
        let lines = Preset::ALL.iter().map(|preset| format!("{}: {}\n", key(preset.name), preset.notes));
        return print(&lines.collect::<String>());
    }
    let explained = Explained(options.explain);
    let result = token(&options, explained);
    if let Ok(token) = &result {
        explained.say(&told(token));
    }
    match result {
        Ok(token) if options.json => print(&format!("{}\n", as_json(&token))),
        Ok(token) => print(&text(&token, options.output)),
        Err(failure) => {
            say(&format!("error: {}", failure.text));
            if options.json {
                let printed = print(&format!("{}\n", failure_as_json(&failure)));
                if printed != ExitCode::SUCCESS {
                    return printed;
                }
            }
            ExitCode::from(failure.code)
        }
    }
}

/// An attempt to give the secret as an option. Whoever tries learns what to do instead; the value is not repeated.
fn secret_in_arguments() -> Option<String> {
    let argument = std::env::args_os().skip(1).find_map(|argument| {
        let argument = argument.to_string_lossy().into_owned();
        let name = argument.split('=').next().unwrap_or_default();
        let is_place = matches!(name, "--client-secret-file" | "--client-secret-stdin");
        let is_option = name.starts_with("--") && (name.contains("secret") || name.contains("password")) && !is_place;
        let is_parameter = argument.strip_prefix("--parameter=").unwrap_or(&argument).starts_with("client_secret=");
        (is_option || is_parameter).then(|| if is_option { name.to_owned() } else { "client_secret".to_owned() })
    })?;
    Some(format!(
        "there is no {argument} on the command line: other users of this machine can read it there, and your shell keeps it in its history. If \
         the secret you typed is real, let it be replaced. Instead, use one of
  --client-secret-file FILE
  --client-secret-stdin, as in: pass show orders | client-credentials --client-secret-stdin …
  CLIENT_CREDENTIALS_CLIENT_SECRET or CLIENT_CREDENTIALS_CLIENT_SECRET_FILE in the environment
  client_secret_file or client_secret in the file that --config names"
    ))
}

/// The settings of the three places.
struct Settings {
    file: Option<(PathBuf, toml::Table)>,
}

/// The keys of a configuration.
const KEYS: [&str; 14] = [
    "token_endpoint",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "scope",
    "resource",
    "audience",
    "parameter",
    "preset",
    "authentication",
    "body_format",
    "timeout",
    "allow_http_on_loopback",
];

impl Settings {
    fn read(config: Option<&Path>) -> Result<Self, Failure> {
        let path = match config {
            Some(path) => Some(path.to_owned()),
            None => variable("config")?.map(PathBuf::from),
        };
        let Some(path) = path else { return Ok(Self { file: None }) };
        let shown = path.display();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::usage(format!("the configuration {shown} could not be read: {error}")))?;
        // Only where and what kind: the line itself may be the one with the secret.
        let table = text.parse::<toml::Table>().map_err(|error| {
            let line = error.span().map_or(0, |span| text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1);
            Failure::usage(format!("the configuration {shown} is not TOML: see line {line}. It has lines such as client_id = \"my-id\""))
        })?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Failure::usage(format!(
                "the configuration {shown} has {unknown:?}, which is unknown. Known are {}",
                KEYS.join(", ")
            )));
        }
        Ok(Self { file: Some((path, table)) })
    }

    /// The values of a setting and where they are from.
    fn list(&self, given: &[String], key: &str) -> Result<Option<(Vec<String>, String)>, Failure> {
        if !given.is_empty() {
            return Ok(Some((given.to_vec(), format!("--{}", key.replace('_', "-")))));
        }
        if let Some(value) = variable(key)? {
            let values = if key == "resource" { value.split_whitespace().map(ToOwned::to_owned).collect() } else { vec![value] };
            return Ok(Some((values, variable_name(key))));
        }
        let Some((path, value)) = self.file.as_ref().and_then(|(path, table)| Some((path, table.get(key)?))) else {
            return Ok(None);
        };
        let values = match value {
            toml::Value::Array(values) => values.iter().map(plain).collect(),
            value => plain(value).map(|value| vec![value]),
        };
        let wrong = || Failure::usage(format!("{key} in {} is not a text{}", path.display(), list_or_not(key)));
        Ok(Some((values.ok_or_else(wrong)?, path.display().to_string())))
    }

    fn one(&self, given: Option<&str>, key: &str) -> Result<Option<(String, String)>, Failure> {
        let given: Vec<String> = given.map(ToOwned::to_owned).into_iter().collect();
        match self.list(&given, key)? {
            Some((values, from)) if values.len() == 1 => Ok(values.into_iter().next().map(|value| (value, from))),
            Some((_, from)) => Err(Failure::usage(format!("{key} from {from} has to be one value"))),
            None => Ok(None),
        }
    }

    fn parameters(&self, given: &[String]) -> Result<Vec<(String, String)>, Failure> {
        let mut parameters = Vec::new();
        if let Some((path, value)) = self.file.as_ref().and_then(|(path, table)| Some((path, table.get("parameter")?))) {
            let wrong = || Failure::usage(format!("parameter in {} is not a table of texts", path.display()));
            for (name, value) in value.as_table().ok_or_else(wrong)? {
                parameters.push((name.clone(), plain(value).ok_or_else(wrong)?));
            }
        }
        for parameter in given {
            let Some((name, value)) = parameter.split_once('=') else {
                return Err(Failure::usage("a --parameter has no =; write NAME=VALUE"));
            };
            parameters.retain(|(other, _)| other != name);
            parameters.push((name.to_owned(), value.to_owned()));
        }
        Ok(parameters)
    }
}

fn list_or_not(key: &str) -> &'static str {
    if matches!(key, "scope" | "resource") { " or a list of texts" } else { "" }
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

fn variable_name(key: &str) -> String {
    format!("CLIENT_CREDENTIALS_{}", key.to_uppercase())
}

/// A setting of the environment; an empty one is none.
#[expect(clippy::disallowed_methods, reason = "a program reads its environment")]
fn variable(key: &str) -> Result<Option<String>, Failure> {
    let name = variable_name(key);
    match std::env::var(&name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8"))),
    }
}

/// The secret by the order that the help tells, and where it is from.
fn secret(options: &Options, settings: &Settings) -> Result<(SecretSource, String), Failure> {
    if options.client_secret_stdin {
        if io::stdin().is_terminal() {
            return Err(Failure {
                code: 5,
                ..Failure::usage("standard input is a terminal; --client-secret-stdin wants a pipe or a file")
            });
        }
        let mut text = Zeroizing::new(String::new());
        let read = io::stdin().take(64 * 1024).read_to_string(&mut text);
        read.map_err(|error| Failure {
            code: 5,
            ..Failure::usage(format!("the client secret could not be read from standard input: {error}"))
        })?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(Failure {
                code: 5,
                ..Failure::usage("standard input is empty, where --client-secret-stdin wants the client secret")
            });
        }
        return Ok((Secret::from(line).into(), "standard input".to_owned()));
    }
    let file = |path: PathBuf, from: String| {
        let shown = format!("the file {}, named by {from}", path.display());
        (SecretSource::file(path), shown)
    };
    if let Some(path) = &options.client_secret_file {
        return Ok(file(path.clone(), "--client-secret-file".to_owned()));
    }
    if let Some(path) = variable("client_secret_file")? {
        return Ok(file(path.into(), variable_name("client_secret_file")));
    }
    if variable("client_secret")?.is_some() {
        let name = variable_name("client_secret");
        return Ok((SecretSource::environment(name.clone()), name));
    }
    // What is relative is beside the configuration.
    if let (Some((path, from)), Some((config, _))) = (settings.one(None, "client_secret_file")?, &settings.file) {
        return Ok(file(config.parent().unwrap_or(Path::new("")).join(path), from));
    }
    if let Some((secret, from)) = settings.one(None, "client_secret")? {
        return Ok((Secret::from(secret).into(), from));
    }
    Err(Failure::usage(
        "there is no client secret. Give one with --client-secret-file, --client-secret-stdin, CLIENT_CREDENTIALS_CLIENT_SECRET or \
         client_secret_file in the configuration",
    ))
}

/// A preset's name as one types it.
fn key(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn token(options: &Options, explained: Explained) -> Result<Token, Failure> {
    let settings = Settings::read(options.config.as_deref())?;
    let missing = |what: &str| {
        let option = what.replace('_', "-");
        Failure::usage(format!(
            "there is no {what}: give it with --{option}, {}, or as {what} in the file that --config names",
            variable_name(what)
        ))
    };
    let issuer = match &options.token_endpoint {
        Some(_) => None,
        None => settings.one(options.issuer.as_deref(), "issuer")?,
    };
    let endpoint = match &options.issuer {
        Some(_) => None,
        None => settings.one(options.token_endpoint.as_deref(), "token_endpoint")?,
    };
    if let (Some((_, first)), Some((_, second))) = (&issuer, &endpoint) {
        return Err(Failure::usage(format!("there is an issuer from {first} and a token_endpoint from {second}: one of them is enough")));
    }
    let (id, id_from) = settings.one(options.client_id.as_deref(), "client_id")?.ok_or_else(|| missing("client_id"))?;
    let (secret, secret_from) = secret(options, &settings)?;
    let (mut builder, server_from) = match (endpoint, issuer) {
        (Some((url, from)), _) => (Client::builder(url, &id, secret), format!("token endpoint from {from}")),
        (None, Some((url, from))) => (Client::discover(url, &id, secret), format!("issuer from {from}")),
        (None, None) => return Err(missing("token_endpoint")),
    };
    explained.say(&format!("configuration: {server_from}; client {id} from {id_from}; secret from {secret_from}"));

    if let Some((name, from)) = settings.one(options.preset.as_deref(), "preset")? {
        let preset = Preset::ALL.iter().find(|preset| key(preset.name) == key(&name));
        let preset =
            preset.ok_or_else(|| Failure::usage(format!("the preset {name:?} from {from} is unknown; --preset list names them")))?;
        builder = builder.preset(preset);
        explained.say(&format!("preset {} from {from}: {}", preset.name, preset.notes));
    }
    if let Some((name, from)) = settings.one(options.authentication.as_deref(), "authentication")? {
        builder = builder.authentication(match name.as_str() {
            "client_secret_post" => ClientAuthentication::SecretPost,
            "client_secret_basic" => ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded),
            "client_secret_basic_raw" => ClientAuthentication::SecretBasic(BasicEncoding::Raw),
            _ => {
                let text = "is unknown; known are client_secret_post, client_secret_basic and client_secret_basic_raw";
                return Err(Failure::usage(format!("the authentication {name:?} from {from} {text}")));
            }
        });
    }
    if let Some((name, from)) = settings.one(options.body_format.as_deref(), "body_format")? {
        builder = builder.body_format(match name.as_str() {
            "auto" => BodyFormat::Auto,
            "json" => BodyFormat::Json,
            "form" => BodyFormat::Form,
            _ => return Err(Failure::usage(format!("the body_format {name:?} from {from} is unknown; known are auto, json and form"))),
        });
    }
    if let Some((scopes, from)) = settings.list(&options.scope, "scope")? {
        let scopes = scopes.join(" ");
        explained.say(&format!("scope {scopes} from {from}"));
        builder = builder.scope(scopes);
    }
    if let Some((resources, from)) = settings.list(&options.resource, "resource")? {
        explained.say(&format!("resource {} from {from}", resources.join(" ")));
        builder = builder.resources(resources);
    }
    if let Some((audience, from)) = settings.one(options.audience.as_deref(), "audience")? {
        explained.say(&format!("audience {audience} from {from}"));
        builder = builder.audience(audience);
    }
    for (name, value) in settings.parameters(&options.parameter)? {
        explained.say(&format!("parameter {name}"));
        builder = builder.parameter(name, value);
    }
    if let Some((seconds, from)) = settings.one(options.timeout.as_deref(), "timeout")? {
        let deadline = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|time| !time.is_zero());
        let deadline = deadline.ok_or_else(|| Failure::usage(format!("the timeout {seconds:?} from {from} is no time in seconds")))?;
        builder = builder.deadline(deadline);
    }
    let loopback = if options.allow_http_on_loopback { None } else { settings.one(None, "allow_http_on_loopback")? };
    match loopback.as_ref().map(|(value, from)| (value.as_str(), from)) {
        None if options.allow_http_on_loopback => builder = builder.allow_http_on_loopback(),
        Some(("true" | "1", _)) => builder = builder.allow_http_on_loopback(),
        None | Some(("false" | "0", _)) => {}
        Some((value, from)) => return Err(Failure::usage(format!("allow_http_on_loopback from {from} is {value:?}, not true or false"))),
    }
    let client = builder.observer(explained).build_blocking()?;
    Ok(client.token()?)
}

/// Says on standard error what --explain asks for, as it happens.
#[derive(Clone, Copy)]
struct Explained(bool);

impl Explained {
    fn say(self, line: &str) {
        if self.0 {
            say(line);
        }
    }
}

impl Observer for Explained {
    fn attempt(&self, attempt: &Attempt) {
        let Attempt { number, host, method, .. } = attempt;
        let format = if attempt.format == BodyFormat::Json { "JSON" } else { "a form" };
        let outcome = match (&attempt.failure, attempt.status) {
            (Some(failure), _) => failure.text.clone(),
            (None, Some(status)) => format!("a token (HTTP {})", status.as_u16()),
            (None, None) => "a token".to_owned(),
        };
        self.say(&format!("attempt {number}: {method} in {format} to {host}: {outcome}, after {} ms", attempt.duration.as_millis()));
    }

    fn event(&self, event: &Event) {
        if let Event::Failed { error, .. } = event {
            let again = if error.is_retryable() { "the same may succeed later" } else { "the same will not succeed without a change" };
            self.say(&format!("no token after {} attempts; {again}", error.attempts()));
        }
    }
}

/// The token's times and scope, without itself.
fn told(token: &Token) -> String {
    let plan = token.plan();
    let mut line = match plan.expires_at.and_then(|at| at.duration_since(plan.issued).ok()) {
        Some(lifetime) => format!("token: expires {} s after its request was sent", lifetime.as_secs()),
        None => "token: when it expires is not known".to_owned(),
    };
    if let Some(scope) = token.scope() {
        let _ = write!(line, "; granted scope {scope}");
    }
    line
}

fn text(token: &Token, output: Output) -> String {
    let value = token.access_token();
    match output {
        Output::Token => format!("{value}\n"),
        Output::Header => format!("Authorization: Bearer {value}\n"),
        // Within quotes, curl takes a backslash as the beginning of an escape.
        Output::Curl => format!("header = \"Authorization: Bearer {}\"\n", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn as_json(token: &Token) -> Value {
    let seconds = |moment: SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).map(|time| time.as_secs()).ok();
    json!({
        "access_token": token.access_token(),
        "token_type": "Bearer",
        "scope": token.scope(),
        "issued_at": seconds(token.plan().issued),
        "expires_at": token.expires_at().and_then(seconds),
    })
}

fn failure_as_json(failure: &Failure) -> Value {
    let error = failure.error.as_ref();
    let oauth = error.and_then(client_credentials::Error::oauth);
    json!({
        "error": oauth.map_or_else(|| error.map_or("configuration", |error| error.kind().name()), |oauth| oauth.code()),
        "error_description": oauth.and_then(|oauth| oauth.description()),
        "error_uri": oauth.and_then(|oauth| oauth.uri()),
        "kind": error.map_or("configuration", |error| error.kind().name()),
        "message": failure.text,
        "status": error.and_then(client_credentials::Error::status).map(|status| status.as_u16()),
        "attempts": error.map(client_credentials::Error::attempts),
        "retryable": error.is_some_and(client_credentials::Error::is_retryable),
        "exit_code": failure.code,
    })
}

fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: the output could not be written: {error}"));
            ExitCode::from(1)
        }
    }
}

fn say(line: &str) {
    // Where nobody can read it, nobody can be told either.
    let _ = writeln!(io::stderr().lock(), "{line}");
}
