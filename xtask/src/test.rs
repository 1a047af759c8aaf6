//! Everything that is checked, on any machine: what is missing is installed and said.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::peers::{Peers, install_node};
use crate::{cargo, relevance, root, run, tidy};

/// The npm client that the tests search with.
const NPM: &str = "11.19.1";
/// Debian's PostgreSQL, where none is there.
const POSTGRESQL: &str = "postgresql-15";
/// The browser that pages are opened in, by the name of its program and of Debian's package.
const CHROMIUM: &str = "chromium";
/// Features of the core of `lib/client-credentials`, which change what others of them do.
const CORE_FEATURES: [&str; 6] = ["reqwest", "rustls", "tokio", "jwt", "blocking", "tracing"];
/// Its other features, each a module or program of its own.
const FRONT_FEATURES: [&str; 5] = ["reqwest-middleware", "tower", "tonic", "testkit", "command"];

pub(crate) fn test() -> anyhow::Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::tidy()?;
    let postgres = Postgres::start()?;
    let npm = install_npm()?;
    let chromium = install_chromium()?;
    let peers = Peers::start(&npm)?;
    let clients =
        install_node(&npm, &root().join("crates/pkgstats/tests/clients"), &root().join("target/tools/clients"), "clients of npm's search")?;
    let all = [&CORE_FEATURES[..], &FRONT_FEATURES].concat();
    let features = ["--features", &all.iter().map(|feature| format!("client-credentials/{feature}")).collect::<Vec<_>>().join(",")];
    run(cargo(&["clippy", "--workspace", "--all-targets"]).args(features).args(["--", "-D", "warnings"]))?;
    let documents = ["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"];
    run(cargo(&documents).args(features).env("RUSTDOCFLAGS", "-D warnings"))?;
    library_features()?;
    run(cargo(&["test", "--workspace"])
        .args(features)
        .env("PKGSTATS_TEST_POSTGRES", &postgres.url)
        .env("PKGSTATS_TEST_NPM", npm)
        .env("PKGSTATS_TEST_CLIENTS", clients)
        .env("PKGSTATS_TEST_CHROMIUM", chromium)
        .envs(peers.environment()))?;
    relevance::check()
}

/// The library compiles with selections of features that somebody may make: none, each, any two of the core's. All of them together are what
/// the other steps use.
///
/// A front end is compiled alone, and with the features that its code looks at. Pairs of front ends are left out: what they share is compiled
/// whenever one of them is there, and the pairs would be half as many selections again.
fn library_features() -> anyhow::Result<()> {
    let mut selections = vec![String::new()];
    for (index, one) in CORE_FEATURES.iter().enumerate() {
        selections.push((*one).to_owned());
        selections.extend(CORE_FEATURES[..index].iter().map(|other| format!("{other},{one}")));
    }
    for one in FRONT_FEATURES {
        selections.extend([one.to_owned(), format!("reqwest,tokio,jwt,{one}")]);
    }
    for selection in selections {
        let arguments = ["clippy", "--quiet", "--package", "client-credentials", "--no-default-features", "--features", &selection];
        run(cargo(&arguments).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

pub(crate) fn apt_install(package: &str) -> anyhow::Result<()> {
    println!("installing {package} with apt-get");
    if !is_root() {
        bail!("{package} is needed: apt-get install {package}, or the like on your system");
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", package]).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// The browser of this machine.
fn install_chromium() -> anyhow::Result<PathBuf> {
    let find = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut programs = std::env::split_paths(&path).map(|folder| folder.join(CHROMIUM));
        programs.find(|program| program.exists())
    };
    if let Some(program) = find() {
        return Ok(program);
    }
    apt_install(CHROMIUM)?;
    find().with_context(|| format!("{CHROMIUM} was installed but is not found"))
}

/// npm's client at a fixed version, below `target`.
fn install_npm() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/tools/npm");
    let program = folder.join("node_modules/.bin/npm");
    let is_there = || {
        let output = Command::new(&program).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == NPM)
    };
    if is_there() {
        return Ok(program);
    }
    if Command::new("npm").arg("--version").stdout(Stdio::null()).status().is_err() {
        apt_install("npm")?;
    }
    println!("installing npm@{NPM} with npm into {}", folder.display());
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), "{\"private\":true}\n")?;
    run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--no-package-lock", &format!("npm@{NPM}")]).current_dir(&folder))?;
    if !is_there() {
        bail!("npm@{NPM} was installed but does not run");
    }
    Ok(program)
}

/// A PostgreSQL server of our own on loopback, ended and deleted with this value.
struct Postgres {
    url: String,
    folder: PathBuf,
    programs: PathBuf,
}

impl Postgres {
    fn start() -> anyhow::Result<Self> {
        let programs = match programs() {
            Some(programs) => programs,
            None => {
                apt_install(POSTGRESQL)?;
                programs().context("PostgreSQL was installed but its initdb is not found")?
            }
        };
        let folder = std::env::temp_dir().join(format!("pkgstats-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = Self { url: format!("postgres://postgres@127.0.0.1:{port}"), folder, programs };
        let data = server.folder.join("data");
        server.run("initdb", &["-D", &data.display().to_string(), "-A", "trust", "-U", "postgres", "--no-sync"])?;
        let options = format!("-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off", server.folder.display());
        let log = server.folder.join("log").display().to_string();
        server.run("pg_ctl", &["-D", &data.display().to_string(), "-o", &options, "-l", &log, "-w", "start"])?;
        println!("PostgreSQL listens on port {port}");
        Ok(server)
    }

    /// PostgreSQL refuses to run as root, so root runs it as its own user.
    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir(&self.folder).stdout(Stdio::null()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.join("data").display().to_string();
        if let Err(error) = self.run("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]) {
            eprintln!("PostgreSQL could not be stopped: {error:#}");
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} could not be deleted: {error}", self.folder.display());
        }
    }
}

/// The folder with initdb: on the path, or where Debian puts it.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder: &PathBuf| Path::new(&folder.join("initdb")).exists() && folder.join("pg_ctl").exists())
}
