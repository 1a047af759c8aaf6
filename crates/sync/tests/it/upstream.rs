//! What the web asks for: once for all who wait, for a bounded time, and within a budget.

use std::time::Duration;

use registry::RetryPolicy;
use serde_json::json;
use sync::{Answer, Background, Context, ImageKey, Upstream, Wish};
use testkit::{FakeRegistry, Fault, folder, hurry};
use tokio_util::sync::CancellationToken;

use crate::reading::{client, name};
use crate::{NOW, context, known};

fn package(text: &str) -> Wish {
    Wish::Package { name: name(text) }
}

const LONG: Duration = Duration::from_secs(3_600);

/// A process that serves: its upstream, and what ends it.
struct Serving {
    upstream: Upstream,
    stop: CancellationToken,
    background: tokio::task::JoinHandle<()>,
}

impl Serving {
    async fn start(context: &Context, registry: &FakeRegistry, details: usize) -> Self {
        let key = ImageKey::load(&context.store).await.expect("a key");
        let (upstream, wishes) = Upstream::new(context, key.clone(), true, None);
        let stop = CancellationToken::new();
        let client = client(registry, RetryPolicy::once(Duration::from_secs(600)));
        let hands = Background { registry: Some(client), key, details, downloads: None, counted: 0, wishes };
        let (context, cancel, runtime) = (context.clone(), stop.clone(), tokio::runtime::Handle::current());
        let background = tokio::task::spawn_blocking(move || runtime.block_on(sync::run_background(context, hands, cancel)));
        Self { upstream, stop, background }
    }

    async fn end(self) {
        self.stop.cancel();
        self.background.await.expect("ended");
    }
}

/// Until somebody holds the lease.
async fn held(context: &Context) {
    while sync::read_holder(&context.store, &context.clock).await.expect("read").is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The holder fulfils wishes from the moment on at which it knows.
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn thing(registry: &FakeRegistry, text: &str) {
    registry.set_document(text, json!({"name": text, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {}}, "readme": "words"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_ask_at_once_are_one_request() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    thing(&registry, "thing");
    let serving = Serving::start(&context, &registry, 0).await;
    held(&context).await;
    let ask = || serving.upstream.ask(package("thing"), LONG);
    let the_name = name("thing");
    let unknown = serving.upstream.unknown_package(&the_name, LONG);
    let (one, two, three) = (ask(), ask(), unknown);
    assert_eq!(tokio::join!(one, two, three), (Answer::Stored, Answer::Stored, Answer::Stored));
    assert_eq!(registry.count("/thing"), 1);
    known(&context, "thing").await;
    // What was just answered is not asked for again.
    assert_eq!(serving.upstream.ask(package("thing"), LONG).await, Answer::Stored);
    assert_eq!(registry.count("/thing"), 1);
    // A user and a version are wishes as well.
    registry.set_user("jane", vec![json!({"package": {"name": "x", "maintainers": [{"username": "jane"}]}})]);
    assert_eq!(serving.upstream.ask(Wish::User { name: "jane".to_owned() }, LONG).await, Answer::Stored);
    assert_eq!(context.store.packages_of("jane").await.expect("read").len(), 1);
    let version = |version: &str| Wish::Version { name: name("thing"), version: version.to_owned() };
    assert_eq!(serving.upstream.ask(version("1.0.0"), LONG).await, Answer::Stored);
    assert_eq!(serving.upstream.ask(version("7.0.0"), LONG).await, Answer::Missing);
    // What does not exist is not asked for again; what could not be asked is.
    for _ in 0..3 {
        assert_eq!(serving.upstream.unknown_package(&name("nobody"), LONG).await, Answer::Missing);
        assert_eq!(serving.upstream.ask(package("nobody"), LONG).await, Answer::Missing);
    }
    assert_eq!(registry.count("/nobody"), 1);
    registry.fail("/@s%2fx", [Fault::Status(403, vec![], "blocked".to_owned())]);
    thing(&registry, "@s/x");
    assert!(matches!(serving.upstream.ask(package("@s/x"), LONG).await, Answer::Unavailable { why } if why.contains("403")));
    assert!(matches!(serving.upstream.ask(package("@s/x"), LONG).await, Answer::Unavailable { .. }), "believed for half a minute");
    assert_eq!(registry.count("/@s%2fx"), 1);
    serving.end().await;
}

#[tokio::test]
async fn nobody_waits_longer_than_was_said() {
    let data = folder();
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    // Nobody takes the wishes, as when the background is busy.
    let (upstream, wishes) = Upstream::new(&context, key, true, None);
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let wait = Duration::from_secs(2);
    let the_name = name("thing");
    let answers =
        tokio::join!(upstream.ask(package("thing"), wait), upstream.ask(package("thing"), wait), upstream.unknown_package(&the_name, wait));
    assert_eq!(answers, (Answer::Waiting, Answer::Waiting, Answer::Waiting));
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(upstream.ask(package("thing"), Duration::ZERO).await, Answer::Waiting);
    // More wishes than may wait are refused at once, and those that wait are not asked for twice.
    let mut refused = 0;
    for number in 0..400 {
        match upstream.ask(package(&format!("p{number}")), Duration::ZERO).await {
            Answer::Waiting => {}
            Answer::Unavailable { .. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 400 - 255);
    assert_eq!(upstream.ask(package("thing"), Duration::ZERO).await, Answer::Waiting, "it waits already");
    // The background has ended: nobody will answer.
    drop(wishes);
    assert!(matches!(upstream.ask(package("thing"), LONG).await, Answer::Unavailable { .. }));
    assert!(matches!(upstream.ask(package("other"), LONG).await, Answer::Unavailable { .. }));
}

#[tokio::test]
async fn unknown_names_have_a_budget() {
    let data = folder();
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    let (upstream, _wishes) = Upstream::new(&context, key, true, None);
    tokio::time::pause();
    let mut number = 0;
    let mut granted = async |count: usize| {
        let mut granted = 0;
        for _ in 0..count {
            number += 1;
            let answer = upstream.unknown_package(&name(&format!("p{number}")), Duration::ZERO).await;
            granted += usize::from(answer == Answer::Waiting);
        }
        granted
    };
    assert_eq!(granted(20).await, 4, "the burst");
    tokio::time::advance(Duration::from_millis(450)).await;
    assert_eq!(granted(20).await, 0);
    tokio::time::advance(Duration::from_millis(100)).await;
    assert_eq!(granted(20).await, 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(granted(20).await, 2);
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(granted(20).await, 4, "no more than the burst is saved up");
    // Who asks for a name that is being asked for already takes nothing.
    for _ in 0..20 {
        assert_eq!(upstream.unknown_package(&name("p1"), Duration::ZERO).await, Answer::Waiting);
    }
    // Known names do not count.
    assert_eq!(upstream.ask(package("known"), Duration::ZERO).await, Answer::Waiting);
}

#[tokio::test]
async fn offline_answers_at_once() {
    let data = folder();
    let context = context(data.path()).await;
    let key = ImageKey::load(&context.store).await.expect("a key");
    let (upstream, _wishes) = Upstream::new(&context, key, false, None);
    assert!(upstream.is_offline());
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for number in 0..20 {
        let offline = |answer: Answer| assert!(matches!(&answer, Answer::Unavailable { why } if why.contains("offline")), "{answer:?}");
        offline(upstream.unknown_package(&name(&format!("p{number}")), LONG).await);
        offline(upstream.ask(Wish::User { name: "jane".to_owned() }, LONG).await);
    }
    assert!(began.elapsed().is_zero());
}

#[tokio::test]
async fn the_holder_reads_what_another_process_is_asked_for() {
    let (data, registry, silent) = (folder(), FakeRegistry::start().await, FakeRegistry::start().await);
    let (holding, other) = (context(data.path()).await, context(data.path()).await);
    thing(&registry, "thing");
    let hurry = hurry();
    let holder = Serving::start(&holding, &registry, 0).await;
    held(&holding).await;
    let second = Serving::start(&other, &silent, 0).await;
    assert_eq!(second.upstream.ask(package("thing"), LONG).await, Answer::Stored);
    assert_eq!(second.upstream.unknown_package(&name("nobody"), LONG).await, Answer::Missing);
    assert_eq!((registry.count("/thing"), registry.count("/nobody")), (1, 1));
    assert!(silent.requests().is_empty(), "who may not write asks nobody");
    let id = known(&other, "thing").await.id;
    assert!(other.store.details(id).await.expect("read").is_some());
    // The holder goes; the other one takes over and reads by itself.
    holder.end().await;
    thing(&silent, "later");
    let mut answer = Answer::Waiting;
    while answer != Answer::Stored {
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = second.upstream.ask(package("later"), LONG).await;
    }
    // Wishes that the former holder did not come to are fulfilled as well, so it may be read more than once.
    assert!(registry.count("/later") == 0 && silent.count("/later") > 0);
    second.end().await;
    drop(hurry);
}

/// The most popular packages are read in the background, and those of a user whom somebody looked at before them.
#[tokio::test]
async fn popular_packages_are_read_in_the_background() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    let lines: Vec<String> = (0..8)
        .map(|number| {
            thing(&registry, &format!("p{number}"));
            let owner = if number == 7 { "jane" } else { "joe" };
            let downloads = 10_u32.pow(9 - number);
            json!({"package": {"name": format!("p{number}"), "version": "1.0.0", "maintainers": [{"username": owner}]}, "downloads": {"monthly": downloads}}).to_string()
        })
        .collect();
    crate::import(&context, lines.join("\n").as_bytes()).await;
    let user = store::User { name: "jane".to_owned(), asked_at: NOW, total: Some(1), listed: 1, problem: None };
    context.store.put_user(&user).await.expect("stored");
    registry.fail("/p1", [Fault::Status(500, vec![], String::new())]);
    let hurry = hurry();
    let serving = Serving::start(&context, &registry, 4).await;
    while context.store.count_details().await.expect("counted") < 4 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let asked: Vec<String> = registry.requests().into_iter().map(|request| request.path).filter(|path| path.starts_with("/p")).collect();
    assert_eq!(asked, ["/p7", "/p0", "/p1", "/p2", "/p3"], "the user's, then the four most downloaded, each once");
    assert_eq!(context.store.count_details().await.expect("counted"), 4);
    serving.end().await;
    drop(hurry);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_what_nobody_waits_for_do_not_bypass_the_budget() {
    let (data, registry) = (folder(), FakeRegistry::start().await);
    let context = context(data.path()).await;
    let serving = Serving::start(&context, &registry, 0).await;
    held(&context).await;
    registry.fail("/refused", vec![Fault::Status(403, vec![], String::new()); 40]);
    let refused = name("refused");
    for _ in 0..40 {
        serving.upstream.unknown_package(&refused, LONG).await;
    }
    assert_eq!(registry.count("/refused"), 1, "a refusal is remembered");
    let missing = name("missing");
    serving.upstream.unknown_package(&missing, Duration::ZERO).await;
    while registry.count("/missing") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while serving.upstream.unknown_package(&missing, Duration::ZERO).await != Answer::Missing {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(registry.count("/missing"), 1, "a no is remembered also when nobody waited for it");
    serving.end().await;
}
