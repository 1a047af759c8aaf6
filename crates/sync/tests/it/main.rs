//! The writers on made-up lists: filled, filled again, imported, cut off, and side by side.

mod advisories;
mod downloads;
mod images;
mod packuments;
mod reading;
mod seeds;
mod upstream;
mod users;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use model::{PackageName, Source};
use registry::{Client, Config, RetryPolicy};
use search::{Index, Query, Wanted};
use store::{Place, Store, TrendSource};
use sync::{Background, CaughtUp, Clock, Context, Error, FillOptions, ImageKey, ImportOptions, Lease, ListSource, Outcome, Upstream, Work};
use tempfile::TempDir;
use testkit::{FakeRegistry, Fault, Lists, folder, fresh_database, tarball, write_lists};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// 2026-11-23.
const NOW: i64 = 1_795_392_000;

async fn context_at(data: &Path, place: Place) -> Context {
    let store = Store::open(&place).await.expect("opens");
    let now = Arc::new(AtomicI64::new(NOW));
    let clock = Clock::new(move || now.load(Ordering::Relaxed));
    Context { store, data: data.to_owned(), clock, progress: watch::channel(sync::Progress::default()).0 }
}

async fn context(data: &Path) -> Context {
    context_at(data, Place::Sqlite(data.join("pkgstats.db"))).await
}

/// A background that asks nobody.
async fn offline(context: &Context) -> Background {
    let key = ImageKey::load(&context.store).await.expect("a key");
    let (_, wishes) = Upstream::new(context, key.clone(), false, None);
    Background { registry: None, key, details: 0, downloads: None, counted: 0, wishes }
}

fn options(from: &Path, limit: Option<usize>) -> FillOptions {
    FillOptions { from: ListSource::Folder(from.to_owned()), limit }
}

fn found(context: &Context, text: &str) -> Vec<i64> {
    let index = Index::open(&context.index_root()).expect("opens").expect("there");
    let found = index.search(&Query::parse(text, 0).expect("valid"), Wanted::page(0, 3)).expect("searched").expect("not too deep");
    found.hits.into_iter().map(|hit| hit.id).collect()
}

async fn known(context: &Context, name: &str) -> store::Known {
    context.store.by_name(&PackageName::parse(name).expect("a name")).await.expect("read").expect("known")
}

async fn doctor(context: &Context) -> catalog::Doctor {
    let catalog = catalog::Catalog::open(context.store.clone(), context.index_root());
    catalog.doctor(context.clock.now()).await.expect("looked")
}

fn is_sound(doctor: &catalog::Doctor, packages: usize) {
    assert_eq!((doctor.packages, doctor.indexed, doctor.problems.as_slice()), (packages as u64, packages as u64, &[][..]));
}

#[tokio::test]
async fn filled_and_filled_again() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 3_000);
    let context = context(data.path()).await;
    let report = sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    assert_eq!((report.packages, report.added, report.indexed), (packages as u64, packages as u64, Some(packages as u64)));
    is_sound(&doctor(&context).await, packages);
    let react = known(&context, "react").await;
    assert_eq!(react.source, Source::DataSet);
    assert_eq!(known(&context, "12345").await.summary, None, "names of digits come from the list of repositories");
    for name in ["-", "JSONStream", "__proto__", "a", "constructor", "@types/node", "12345"] {
        let known_id = known(&context, name).await.id;
        // Second at the most, to a package of the same name but for case with twenty times its downloads.
        assert!(found(&context, name).iter().take(2).any(|id| *id == known_id), "{name}");
    }
    let again = sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    assert_eq!((again.read.len(), again.added, again.indexed), (0, 0, None), "nothing new");
}

#[tokio::test]
async fn newer_lists_add_move_and_remove() {
    let (data, first, second) = (folder(), folder(), folder());
    write_lists(first.path(), 2_000);
    let context = context(data.path()).await;
    sync::fill(&context, &options(first.path(), None)).await.expect("filled");
    // A hit knows more than any list, so the list cannot remove its package.
    let lines = r#"{"package":{"name":"only-a-hit-knows","version":"1.0.0"}}"#;
    import(&context, lines.as_bytes()).await;
    let mut newer = Lists::of(2_100, "2.0.101", "2.20260401.0");
    // The list of names loses one package.
    let gone = "constructor";
    let names = "all-the-package-names-2.0.101.tgz";
    for (name, bytes) in &mut newer.files {
        if name == names {
            let whole = first.path().join("copy.tgz");
            std::fs::write(&whole, &*bytes).expect("writable");
            let mut list = Vec::new();
            registry::data_set::read_names(&whole, &registry::data_set::BytesRead::default(), |name| list.push(name.to_owned()))
                .expect("readable");
            list.retain(|name| name != gone);
            *bytes = tarball(&[("package/names.json", serde_json::to_vec(&list).expect("JSON").as_slice())]);
        }
        std::fs::write(second.path().join(name), bytes).expect("writable");
    }
    let report = sync::fill(&context, &options(second.path(), None)).await.expect("filled");
    assert_eq!((report.added, report.removed), (100, 1));
    assert_eq!(report.packages, newer.packages as u64 + 1 - 1);
    assert!(context.store.by_name(&PackageName::parse(gone).expect("a name")).await.expect("read").is_none());
    known(&context, "only-a-hit-knows").await;
    is_sound(&doctor(&context).await, newer.packages);
    assert_eq!(
        context.store.snapshots().await.expect("read").iter().map(|snapshot| snapshot.month.as_str()).collect::<Vec<_>>(),
        ["2026-04", "2026-03"]
    );
}

#[tokio::test]
async fn the_most_downloaded_first_and_then_all() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 1_000);
    let context = context(data.path()).await;
    let report = sync::fill(&context, &options(lists.path(), Some(50))).await.expect("filled");
    assert_eq!(report.packages, 50);
    is_sound(&doctor(&context).await, 50);
    let report = sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    assert_eq!(report.packages, packages as u64, "a part of a list is not the list");
    is_sound(&doctor(&context).await, packages);
    assert_eq!(
        sync::fill(&context, &options(lists.path(), Some(50))).await.expect("filled").read.len(),
        0,
        "all includes the most downloaded"
    );
}

#[tokio::test]
async fn filled_on_postgresql() {
    let Some(url) = fresh_database().await else { return };
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 2_000);
    let context = context_at(data.path(), Place::parse(&url)).await;
    sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    is_sound(&doctor(&context).await, packages);
    import(
        &context,
        br#"{"package":{"name":"react","version":"19.0.0","description":"A library","keywords":["ui"],"maintainers":[{"username":"fb"}]}}"#,
    )
    .await;
    assert_eq!(known(&context, "react").await.summary.and_then(|summary| summary.version).as_deref(), Some("19.0.0"));
    assert_eq!(found(&context, "keywords:ui"), [known(&context, "react").await.id]);
    is_sound(&doctor(&context).await, packages);
}

#[tokio::test]
async fn filled_from_a_registry_with_older_lists_behind() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    let publish = |lists: &Lists, published: &str| {
        for (file, bytes) in &lists.files {
            let (name, version) = file.trim_end_matches(".tgz").rsplit_once('-').expect("a version");
            registry.publish(name, version, bytes.clone(), published);
        }
    };
    publish(&Lists::of(900, "2.0.70", "2.20251201.0"), "2026-08-20T00:00:00Z");
    let newest = Lists::of(1_000, "2.0.100", "2.20260301.0");
    publish(&newest, "2026-09-20T00:00:00Z");
    registry
        .fail("/all-the-package-names/-/all-the-package-names-2.0.100.tgz", [Fault::Cut(1_000), Fault::Status(503, vec![], String::new())]);
    let config = Config::from_layers(&[], &std::collections::HashMap::new(), Some(&registry.url())).expect("readable");
    let quick = RetryPolicy { first_wait: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
    let client = Client::new(config, quick).expect("a client");
    let context = context(data.path()).await;
    let from_registry = FillOptions { from: ListSource::Registry(client), limit: None };
    let report = sync::fill(&context, &from_registry).await.expect("filled");
    assert_eq!((report.packages, report.read.len()), (newest.packages as u64, 6), "{:?}", report.read);
    assert_eq!(context.store.snapshots().await.expect("read").len(), 2);
    let trends = context.store.trend_basis().await.expect("read").expect("the lists of trends are made with the counts");
    assert_eq!(trends.source, TrendSource::Snapshots { earlier: Some("2025-12".to_owned()), later: "2026-03".to_owned() });
    assert_eq!(context.store.appearances().await.expect("read"), 100, "a hundred names are new; the digits stand in no list of names");
    assert_eq!(std::fs::read_dir(context.tmp()).expect("readable").count(), 0, "downloads that were read are deleted");
    is_sound(&doctor(&context).await, newest.packages);
    let before = registry.requests().len();
    assert!(sync::fill(&context, &from_registry).await.expect("filled").read.is_empty());
    assert_eq!(registry.requests().len() - before, 4, "the newest versions are asked for, and nothing else");
}

#[tokio::test]
async fn a_damaged_list_is_named_and_loses_nothing() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 500);
    let context = context(data.path()).await;
    sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    let bad = folder();
    std::fs::write(bad.path().join("all-the-package-names-2.0.200.tgz"), b"\x1f\x8b damaged").expect("writable");
    let error = sync::fill(&context, &options(bad.path(), None)).await.expect_err("damaged");
    assert!(error.to_string().contains("all-the-package-names-2.0.200.tgz"), "{error}");
    is_sound(&doctor(&context).await, packages);
    let error = sync::fill(&context, &options(folder().path(), None)).await.expect_err("an empty folder");
    assert!(error.to_string().contains("npm pack"), "{error}");
    // A list that lacks most names is not believed.
    let short = folder();
    let names: &[u8] = br#"["react"]"#;
    std::fs::write(short.path().join("all-the-package-names-2.0.201.tgz"), tarball(&[("package/names.json", names)])).expect("writable");
    write_lists(&lists.path().join(""), 3_000);
    let large = folder();
    let many = Lists::of(3_000, "2.0.150", "2.20260301.0");
    many.files.iter().for_each(|(name, bytes)| std::fs::write(large.path().join(name), bytes).expect("writable"));
    sync::fill(&context, &options(large.path(), None)).await.expect("filled");
    let report = sync::fill(&context, &options(short.path(), None)).await.expect("filled");
    assert_eq!((report.removed, report.packages), (0, many.packages as u64));
}

async fn import(context: &Context, lines: &[u8]) -> (sync::ImportReport, Vec<(u64, String)>) {
    let bad = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bad);
    let options = ImportOptions {
        input: Box::new(std::io::Cursor::new(lines.to_vec())),
        name: "lines".into(),
        observed_at: NOW,
        key: ImageKey::load(&context.store).await.expect("a key"),
        bad_line: Box::new(move |number, why| seen.lock().expect("unpoisoned").push((number, why.to_owned()))),
    };
    let report = sync::import(context, options).await.expect("imported");
    let bad = bad.lock().expect("unpoisoned").clone();
    (report, bad)
}

#[tokio::test]
async fn bad_lines_are_numbered_and_skipped() {
    let data = folder();
    let context = context(data.path()).await;
    let lines = concat!(
        r#"{"package":{"name":"a","version":"1.0.0"},"downloads":{"monthly":5}}"#,
        "\n\n",
        "not json\n",
        r#"{"name":"b","versions":{"1.0.0":{"version":"1.0.0","description":"two \\u0000"}},"dist-tags":{"latest":"1.0.0"}}"#,
        "\r\n",
        r#"{"package":{"name":"../x"}}"#,
        "\n",
        r#"{"other":1}"#,
        "\n",
        r#"{"package":{"name":"a","version":"1.0.1"}}"#,
    );
    let (report, bad) = import(&context, lines.as_bytes()).await;
    assert_eq!((report.lines, report.bad, report.added), (6, 3, 2));
    assert_eq!(bad.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 5, 6]);
    assert!(bad[1].1.contains("not a package name") && bad[2].1.contains("neither"), "{bad:?}");
    assert_eq!(known(&context, "a").await.summary.and_then(|summary| summary.version).as_deref(), Some("1.0.1"));
    assert_eq!(known(&context, "b").await.source, Source::Packument);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, lines.as_bytes()).expect("memory");
    let (again, _) = import(&context, &gz.finish().expect("memory")).await;
    assert_eq!((again.added, again.changed, again.bad), (0, 0, 3), "the same lines again change nothing");
    is_sound(&doctor(&context).await, 2);
    assert_eq!(context.store.behind(0).await.expect("counted"), 3, "two packages and the details of one; what is not new takes no number");
    // An input that breaks off loses nothing that came before.
    let mut whole = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut whole, b"{\"package\":{\"name\":\"c\"}}\nnot json\n{\"package\":{\"name\":\"d\"}}\n").expect("memory");
    let mut cut = whole.finish().expect("memory");
    cut.truncate(cut.len() - 20);
    let options = ImportOptions {
        input: Box::new(std::io::Cursor::new(cut)),
        name: "cut.gz".into(),
        observed_at: NOW,
        key: ImageKey::load(&context.store).await.expect("a key"),
        bad_line: Box::new(|_, _| {}),
    };
    let error = sync::import(&context, options).await.expect_err("broken off");
    assert!(error.to_string().contains("cut.gz"), "{error}");
    known(&context, "c").await;
}

#[tokio::test]
async fn an_unpublished_package_is_kept_and_not_found() {
    let data = folder();
    let context = context(data.path()).await;
    import(&context, br#"{"name":"gone","time":{"unpublished":{"time":"2022-01-14T12:34:23.941Z","versions":["0.0.1"]}}}"#).await;
    assert!(found(&context, "gone").is_empty());
    is_sound(&doctor(&context).await, 1);
}

#[tokio::test]
async fn a_fill_that_was_cut_off_before_the_index_reads_the_counts_again() {
    let (data, first, second) = (folder(), folder(), folder());
    write_lists(first.path(), 1_000);
    let context = context(data.path()).await;
    sync::fill(&context, &options(first.path(), None)).await.expect("filled");
    let newer = Lists::of(1_000, "2.0.100", "2.20260401.0");
    newer.files.iter().for_each(|(name, bytes)| std::fs::write(second.path().join(name), bytes).expect("writable"));
    // A folder where the index cannot be built.
    let index = context.index_root();
    std::fs::rename(&index, data.path().join("aside")).expect("moved");
    std::fs::write(&index, b"in the way").expect("writable");
    sync::fill(&context, &options(second.path(), None)).await.expect_err("no index");
    std::fs::remove_file(&index).expect("removed");
    std::fs::rename(data.path().join("aside"), &index).expect("moved");
    let report = sync::fill(&context, &options(second.path(), None)).await.expect("filled");
    assert_eq!(report.read, ["download-counts 2.20260401.0"]);
    assert!(report.indexed.is_some());
}

#[tokio::test]
async fn a_node_elsewhere_keeps_its_own_index_up() {
    let Some(url) = fresh_database().await else { return };
    let (here, there) = (folder(), folder());
    let (writer, reader) = (context_at(here.path(), Place::parse(&url)).await, context_at(there.path(), Place::parse(&url)).await);
    let lease = Lease::take(&writer, "import").await.expect("taken");
    let Err(Error::Held { holder }) = Lease::take(&reader, "serve").await else { panic!("two writers") };
    assert!(sync::is_here(&holder, &writer) && !sync::is_here(&holder, &reader), "{holder:?}");
    import(&writer, br#"{"package":{"name":"shared-thing"}}"#).await;
    let stop = CancellationToken::new();
    let (context, cancel, runtime) = (reader.clone(), stop.clone(), tokio::runtime::Handle::current());
    let hands = offline(&context).await;
    let background = tokio::task::spawn_blocking(move || runtime.block_on(sync::run_background(context, hands, cancel)));
    while Index::open(&reader.index_root()).expect("looked").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(found(&reader, "shared-thing").len(), 1);
    stop.cancel();
    background.await.expect("ended");
    lease.release().await.expect("released");
}

#[tokio::test]
async fn the_index_follows_and_may_be_lost() {
    let (data, lists) = (folder(), folder());
    let packages = write_lists(lists.path(), 2_000);
    let context = context(data.path()).await;
    sync::fill(&context, &options(lists.path(), None)).await.expect("filled");
    assert_eq!(sync::catch_up(&context).await.expect("caught up"), CaughtUp::Already);
    import(&context, br#"{"package":{"name":"react","description":"unmistakable gardening"}}"#).await;
    assert_eq!(found(&context, "unmistakable"), [known(&context, "react").await.id]);
    std::fs::remove_dir_all(context.index_root()).expect("removed");
    assert_eq!(doctor(&context).await.problems.len(), 1);
    assert_eq!(sync::catch_up(&context).await.expect("caught up"), CaughtUp::Rebuilt(packages as u64));
    is_sound(&doctor(&context).await, packages);
    // Damage in the index is as good as no index.
    let version = std::fs::read_dir(context.index_root()).expect("readable").next().expect("one format").expect("an entry").path();
    let current = std::fs::read_to_string(version.join("CURRENT")).expect("readable");
    for entry in std::fs::read_dir(version.join(current)).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "term") {
            std::fs::write(path, b"damaged").expect("writable");
        }
    }
    assert!(doctor(&context).await.problems[0].contains("reindex"));
    assert_eq!(sync::catch_up(&context).await.expect("caught up"), CaughtUp::Rebuilt(packages as u64));
    is_sound(&doctor(&context).await, packages);
}

#[tokio::test]
async fn one_writer_at_a_time() {
    let data = folder();
    let first = context(data.path()).await;
    let second = context(data.path()).await;
    let lease = Lease::take(&first, "fill").await.expect("taken");
    let Err(Error::Held { holder }) = Lease::take(&second, "import").await else { panic!("two writers") };
    assert!(holder.doing == "fill" && holder.holder.contains(&std::process::id().to_string()), "{holder:?}");
    assert!(sync::read_holder(&second.store, &second.clock).await.expect("read").is_some());
    // Dropped without being released, as by a crash: the next one need not wait for the end of the lease.
    drop(lease);
    let lease = Lease::take(&second, "import").await.expect("taken over");
    lease.release().await.expect("released");
    assert!(sync::read_holder(&first.store, &first.clock).await.expect("read").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_other_commands_ask() {
    let (data, lists): (TempDir, TempDir) = (folder(), folder());
    let packages = write_lists(lists.path(), 500);
    let (serving, asking) = (context(data.path()).await, context(data.path()).await);
    let stop = CancellationToken::new();
    let (context, cancel, runtime) = (serving.clone(), stop.clone(), tokio::runtime::Handle::current());
    let hands = offline(&context).await;
    let background = tokio::task::spawn_blocking(move || runtime.block_on(sync::run_background(context, hands, cancel)));
    while sync::read_holder(&asking.store, &asking.clock).await.expect("read").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(matches!(Lease::take(&asking, "fill").await, Err(Error::Held { holder }) if holder.doing == "serve"));
    let ask = async |work: Work| sync::ask_and_wait(&asking.store, &asking.clock, &work, &asking.progress).await;
    let Outcome::Fill(report) = ask(Work::Fill { from: Some(lists.path().to_owned()), limit: None }).await.expect("filled") else {
        panic!("another outcome")
    };
    assert_eq!(report.packages, packages as u64);
    let file = lists.path().join("lines.ndjson");
    std::fs::write(&file, "{\"package\":{\"name\":\"brand-new\"}}\nbad\n").expect("writable");
    let Outcome::Import { report, bad } = ask(Work::Import { file, observed_at: NOW }).await.expect("imported") else {
        panic!("another outcome")
    };
    assert_eq!((report.added, bad.len()), (1, 1));
    assert_eq!(ask(Work::Reindex).await.expect("built"), Outcome::Reindex { packages: packages as u64 + 1 });
    let error = ask(Work::Fill { from: None, limit: None }).await.expect_err("offline");
    assert!(error.to_string().contains("offline"), "{error}");
    stop.cancel();
    background.await.expect("ended");
    assert!(sync::read_holder(&asking.store, &asking.clock).await.expect("read").is_none(), "the lease is given back");
    is_sound(&doctor(&asking).await, packages + 1);
}
