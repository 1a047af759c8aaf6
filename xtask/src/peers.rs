//! The authorization servers that `lib/client-credentials` is tried against: real ones, from npm and PyPI, on loopback.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::test::apt_install;
use crate::{root, run};

/// Each server: its name, its program beside the tests, and what the program is told after its port.
const PEERS: &[(&str, &str, &[&str])] = &[
    ("oidc-provider", "oidc-provider.mjs", &[]),
    ("oidc-provider-tls", "oidc-provider.mjs", &["tls"]),
    ("oauth2-mock-server", "oauth2-mock-server.mjs", &[]),
    ("express-oauth-server", "express-oauth-server.mjs", &[]),
    ("authlib", "authlib_server.py", &[]),
    ("django-oauth-toolkit", "django_server.py", &["OAuthLibCore"]),
    ("django-oauth-toolkit-json", "django_server.py", &["JSONOAuthLibCore"]),
];
/// Until all of them serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running servers, ended with this value.
pub(crate) struct Peers {
    children: Vec<Child>,
    /// Their token endpoints by their names.
    endpoints: serde_json::Map<String, Value>,
    /// The folder with the keys and certificates that they and their clients have.
    keys: PathBuf,
}

/// Where the servers and the tests find the folder with keys.
const KEYS: &str = "CLIENT_CREDENTIALS_TEST_KEYS";

impl Peers {
    pub(crate) fn start(npm: &Path) -> anyhow::Result<Self> {
        let sources = root().join("lib/client-credentials/tests/peers");
        let tools = root().join("target/tools/oauth-peers");
        let node = install_node(npm, &sources, &tools.join("node"), "authorization servers")?;
        let python = install_python(&sources, &tools.join("python"))?;
        let mut peers = Self { children: Vec::new(), endpoints: serde_json::Map::new(), keys: make_keys(&tools.join("keys"))? };
        let (sender, lines) = mpsc::channel();
        for &(name, program, arguments) in PEERS {
            let mut command = if Path::new(program).extension().is_some_and(|end| end == "py") {
                let mut command = Command::new(&python);
                // No compiled files beside the sources.
                command.arg("-B").arg(sources.join(program));
                command
            } else {
                let mut command = Command::new("node");
                command.arg(node.join(program));
                command
            };
            let log = File::create(log(&tools, name))?;
            command.arg("0").args(arguments).env(KEYS, &peers.keys).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
            let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
            let stdout = child.stdout.take();
            peers.children.push(child);
            let sender = sender.clone();
            // It reads until the server ends, so that no server is ever held up by what it prints.
            thread::spawn(move || {
                for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
                    if let Some(endpoint) = line.strip_prefix("ready ") {
                        let _ = sender.send((name, Some(endpoint.to_owned())));
                    }
                }
                let _ = sender.send((name, None));
            });
        }
        let until = Instant::now() + PATIENCE;
        while peers.endpoints.len() < PEERS.len() {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((name, Some(endpoint))) => peers.endpoints.insert(name.to_owned(), endpoint.into()),
                Ok((name, None)) => bail!("{name} ended before all servers were ready; see {}", log(&tools, name).display()),
                Err(_) => bail!("not all authorization servers were ready in {PATIENCE:?}; see {}", tools.display()),
            };
        }
        println!("{} authorization servers listen", peers.endpoints.len());
        Ok(peers)
    }

    /// What the tests are told of them: their token endpoints by their names, as JSON, and the folder with keys.
    pub(crate) fn environment(&self) -> [(&'static str, OsString); 2] {
        let endpoints = Value::Object(self.endpoints.clone()).to_string();
        [("CLIENT_CREDENTIALS_TEST_PEERS", endpoints.into()), (KEYS, self.keys.clone().into())]
    }
}

/// Keys of every kind that clients sign with, and certificates of a client and of the servers; made once, by OpenSSL.
fn make_keys(folder: &Path) -> anyhow::Result<PathBuf> {
    const FILES: [(&str, &[&str]); 7] = [
        ("es256.pem", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("es384.pem", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        ("rsa.pem", &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        ("ed25519.pem", &["genpkey", "-algorithm", "ED25519"]),
        ("client.crt", &["req", "-x509", "-key", "es256.pem", "-subj", "/CN=orders-tls"]),
        (
            "server.crt",
            &["req", "-x509", "-key", "es384.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
        ),
        ("ready", &["version"]),
    ];
    if folder.join("ready").exists() {
        return Ok(folder.to_owned());
    }
    if Command::new("openssl").arg("version").stdout(Stdio::null()).status().is_err() {
        apt_install("openssl")?;
    }
    println!("making keys and certificates in {}", folder.display());
    fs::create_dir_all(folder)?;
    // Without what a system's own configuration would add.
    fs::write(folder.join("openssl.cnf"), "[req]\ndistinguished_name=name\n[name]\n")?;
    for (file, arguments) in FILES {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(folder).stderr(Stdio::null());
        match arguments[0] {
            "req" => {
                let options = ["-config", "openssl.cnf", "-days", "3650", "-addext", "basicConstraints=critical,CA:FALSE", "-out", file];
                run(command.args(options))?;
            }
            "genpkey" => run(command.args(["-out", file]))?,
            _ => run(command.stdout(File::create(folder.join(file))?))?,
        }
    }
    Ok(folder.to_owned())
}

impl Drop for Peers {
    fn drop(&mut self) {
        for child in &mut self.children {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                eprintln!("the authorization server {} could not be stopped: {error}", child.id());
            }
        }
    }
}

/// What a server writes to stderr.
fn log(tools: &Path, name: &str) -> PathBuf {
    tools.join(format!("{name}.log"))
}

/// The packages that `package.json` pins, and the programs beside them, where they find these. `what` says what they are.
pub(crate) fn install_node(npm: &Path, sources: &Path, folder: &Path, what: &str) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(sources)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "mjs" || end == "json") {
            fs::copy(&path, folder.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let is_there = || {
        let status = Command::new(npm).args(["ls", "--depth=0"]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !is_there() {
        println!("installing {what} with npm into {}", folder.display());
        let options = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
        run(Command::new(npm).args(options).current_dir(folder))?;
    }
    if !is_there() {
        bail!("{what} were installed into {} but npm does not find them", folder.display());
    }
    Ok(folder.to_owned())
}

/// A Python of our own with the packages that `requirements.txt` pins.
fn install_python(sources: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let requirements = sources.join("requirements.txt");
    let pinned = fs::read_to_string(&requirements)?;
    let python = folder.join("bin/python");
    let is_there = || {
        let output = Command::new(&python).args(["-m", "pip", "freeze"]).stderr(Stdio::null()).output();
        output.is_ok_and(|output| {
            let installed = String::from_utf8_lossy(&output.stdout);
            pinned.lines().all(|one| installed.lines().any(|other| other == one))
        })
    };
    if is_there() {
        return Ok(python);
    }
    let has_venv = Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null()).status();
    if !has_venv.is_ok_and(|status| status.success()) {
        apt_install("python3-venv")?;
    }
    println!("installing authorization servers with pip into {}", folder.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements))?;
    if !is_there() {
        bail!("the authorization servers were installed into {} but pip does not find them", folder.display());
    }
    Ok(python)
}
