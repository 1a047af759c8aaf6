//! A fill that is killed, starved of disk or fed damage, and started again.
//!
//! `PKGSTATS_TEST_NAMES` and `PKGSTATS_TEST_KILLS` make it longer than the ordinary tests do.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use testkit::{FakeRegistry, Lists, folder, write_lists};

use super::{doctor, fails, ok, pkgstats};

fn number(name: &str, default: usize) -> usize {
    std::env::var_os(name).and_then(|text| text.to_str()?.parse().ok()).unwrap_or(default)
}

fn fill(data: &Path, registry: &str) -> Command {
    let mut command = pkgstats(data);
    command.args(["fill", "--registry", registry]).env("PKGSTATS_OFFLINE", "false").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment() {
    let (names, kills) = (number("PKGSTATS_TEST_NAMES", 20_000), number("PKGSTATS_TEST_KILLS", 4));
    let registry = FakeRegistry::start().await;
    let lists = Lists::of(names, "2.0.100", "2.20260301.0");
    for (file, bytes) in &lists.files {
        let (name, version) = file.trim_end_matches(".tgz").rsplit_once('-').expect("a version");
        registry.publish(name, version, bytes.clone(), "2026-09-20T00:00:00Z");
    }
    let total: usize = lists.files.iter().map(|(_, bytes)| bytes.len()).sum();
    // Downloading takes about as long as the rest, so kills fall into both.
    let undisturbed = folder();
    let started = Instant::now();
    assert!(fill(undisturbed.path(), &registry.url()).status().expect("runs").success());
    let whole = started.elapsed();
    registry.throttle(Some((total as f64 / whole.as_secs_f64()) as usize));
    let expected = doctor(undisturbed.path());
    assert_eq!(expected, (lists.packages as u64, lists.packages as u64));

    let data = folder();
    let mut random = fastrand::Rng::new();
    let mut killed = 0;
    while killed < kills {
        let mut child = fill(data.path(), &registry.url()).spawn().expect("starts");
        let wait = whole.mul_f64(random.f64() * 1.6);
        tokio::time::sleep(wait).await;
        if child.try_wait().expect("looked").is_some() {
            // It finished first: begin anew.
            std::fs::remove_dir_all(data.path()).expect("removed");
            std::fs::create_dir(data.path()).expect("made");
            continue;
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        killed += 1;
        // Every third time it is let run to its end, and all must be there.
        if killed % 3 == 0 || killed == kills {
            assert!(fill(data.path(), &registry.url()).status().expect("runs").success());
            assert_eq!(doctor(data.path()), expected, "after kill {killed}");
            assert_eq!(ok(data.path(), &["search", "JSONStream"]).matches(" JSONStream ").count(), 1);
            std::fs::remove_dir_all(data.path()).expect("removed");
            std::fs::create_dir(data.path()).expect("made");
        }
    }
}

#[test]
fn a_damaged_list() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 1_000) as u64;
    let from = lists.path().to_str().expect("text");
    let path = lists.path().join("download-counts-2.20260301.0.tgz");
    let whole = std::fs::read(&path).expect("readable");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..].fill(0x55);
    std::fs::write(&path, damaged).expect("writable");
    fails(data.path(), &["fill", "--from", from], 1, "download-counts-2.20260301.0.tgz");
    std::fs::write(&path, whole).expect("writable");
    ok(data.path(), &["fill", "--from", from]);
    assert_eq!(doctor(data.path()), (packages, packages));
}

/// On a file system of a few megabytes, where the tests may make one: Linux, as root.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let (disk, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 20_000) as u64;
    let from = lists.path().to_str().expect("text");
    let mount = |options: &str| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(disk.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount("size=1m") {
        #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
        {
            eprintln!("SKIPPED: no file system can be mounted here");
        }
        return;
    }
    // Full while names are stored, and while the index is built.
    let mut outputs = Vec::new();
    for size in ["remount,size=1m", "remount,size=3m", "remount,size=500m"] {
        if mount(size) {
            outputs.push(super::run(disk.path(), &["fill", "--from", from]));
        }
    }
    let state = super::run(disk.path(), &["doctor", "--json"]);
    assert!(Command::new("umount").arg(disk.path()).status().is_ok_and(|status| status.success()));
    let [first, second, last] = outputs.as_slice() else { panic!("the file system could not be made larger") };
    for output in [first, second] {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("full") || error.contains("No space left"), "{error}");
    }
    assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
    let found: serde_json::Value = serde_json::from_slice(&state.stdout).expect("JSON");
    assert_eq!((found["packages"].as_u64(), found["indexed"].as_u64()), (Some(packages), Some(packages)), "{found}");
    assert_eq!(found["problems"], serde_json::json!([]));
}

#[test]
fn stopped_politely() {
    let (data, lists) = (folder(), folder());
    write_lists(lists.path(), 50_000);
    let mut child = pkgstats(data.path()).args(["fill", "--from"]).arg(lists.path()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.next().is_some_and(|line| line.contains("reading names")), "it is at work");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs").success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().expect("ends").code(), Some(1), "{rest:?}");
    assert!(rest.last().is_some_and(|line| line.contains("start it again to go on")), "{rest:?}");
}
