//! What a real browser makes of hostile READMEs, and of our pages on small and large screens.
//!
//! Chromium sends everything through a proxy that plays three servers and writes down every request, so nothing can leave unseen:
//! one serves the site as it is, one the site in frames, and one the site and bare READMEs without any policy, to try the sanitiser alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use markup::{ReadmeSource, render_readme};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::html::unescape;
use crate::site::{BARE, Site, VUE, documents, hit};

/// Path of the browser; `cargo xtask test` sets it.
const BROWSER: &str = "PKGSTATS_TEST_CHROMIUM";
/// The site as it is. Nobody listens there: the proxy answers for it, and for the others.
const SITE: &str = "127.0.0.1:8001";
/// The site with every header, but it may be shown in frames.
const FRAMED: &str = "127.0.0.1:8002";
/// The site and bare READMEs without a policy.
const NAKED: &str = "127.0.0.1:8003";
/// Whom the browser itself asks for its own sake, whatever it is told. No attack may name these.
const BROWSERS_OWN: [&str; 3] = ["google.com", "googleapis.com", "gvt1.com"];
/// A browser that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(180);
/// What attacks call. It tells the proxy, and the title for good measure.
const PWNED: &str = "<script>function pwned(x){document.title='PWNED';new Image().src='/pwned?'+encodeURIComponent(x)}</script>";

/// What was asked for.
#[derive(Debug, Default)]
struct Seen {
    /// Paths on our servers.
    ours: BTreeSet<String>,
    /// Addresses anywhere else.
    elsewhere: BTreeSet<String>,
    /// Calls of `pwned`.
    pwned: BTreeSet<String>,
}

#[derive(Clone)]
struct World {
    router: Router,
    /// Pages of our own making, by path.
    pages: Arc<Mutex<BTreeMap<String, String>>>,
    seen: Arc<Mutex<Seen>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(world): State<World>, request: Request) -> Response {
    let host = request.uri().authority().map(ToString::to_string);
    let host = host.or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned)).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if ![SITE, FRAMED, NAKED].contains(&host.as_str()) {
        let name = host.split(':').next().unwrap_or_default();
        if !BROWSERS_OWN.iter().any(|own| name == *own || name.strip_suffix(own).is_some_and(|rest| rest.ends_with('.'))) {
            lock(&world.seen).elsewhere.insert(format!("{} {host}{path}", request.method()));
        }
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(what) = path.strip_prefix("/pwned?") {
        lock(&world.seen).pwned.insert(what.to_owned());
        return StatusCode::NOT_FOUND.into_response();
    }
    lock(&world.seen).ours.insert(path.clone());
    if path == "/favicon.ico" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(page) = lock(&world.pages).get(&path).cloned() {
        let policy = path.starts_with("/control/policy").then_some("default-src 'none'; script-src 'self'");
        let mut response = Html(page).into_response();
        if let Some(policy) = policy {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        }
        return response;
    }
    let inner = Request::get(path.as_str()).body(Body::empty()).expect("a request");
    let mut response = world.router.clone().oneshot(inner).await.expect("infallible");
    let headers = response.headers_mut();
    if host == FRAMED {
        let policy = headers.get(CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok()).expect("a policy");
        let policy = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'");
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).expect("a policy"));
    }
    if host == NAKED {
        headers.remove(CONTENT_SECURITY_POLICY);
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            headers.remove(CONTENT_LENGTH);
            let (head, body) = response.into_parts();
            let page = String::from_utf8(to_bytes(body, 8 << 20).await.expect("a body").to_vec()).expect("text");
            return Response::from_parts(head, Body::from(page.replacen("<head>", &format!("<head>{PWNED}"), 1)));
        }
    }
    response
}

/// A page that shows others in frames, one after the other, looks at what the browser made of them, does what readers do, and says what
/// is wrong.
fn harness(frames: &[Value]) -> String {
    let script = r"
const problems = [], waiting = [...FRAMES];
let done = 0;
const forbidden = 'script,iframe,frame,frameset,object,embed,applet,form,button,textarea,select,base,meta,link,style,svg,math,video,audio,track,template,portal,dialog,slot';
function look(frame, one) {
  const say = text => problems.push(one.address + ': ' + text), page = frame.contentDocument;
  if (!page || page.location.href !== new URL(one.address, location.href).href) return say('the page went elsewhere');
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) say('wider than ' + one.width + ' pixels: ' + root.scrollWidth);
  if (page.title === 'PWNED') say('a script ran');
  const readme = page.querySelector('.readme');
  if (one.readme && !readme) return say('there is no README');
  if (!readme) return;
  page.addEventListener('click', event => event.preventDefault(), true);
  for (const element of readme.querySelectorAll('*')) {
    if (element.matches(forbidden) || element.namespaceURI !== 'http://www.w3.org/1999/xhtml') say('<' + element.localName + '>');
    for (const attribute of element.attributes) if (/^on|^style$|^srcdoc$|^formaction$/i.test(attribute.name)) say(attribute.name);
    if (element.matches('a,area') && !['http:', 'https:', 'mailto:', ':'].includes(element.protocol)) say(element.href);
    if (element.name && element.name in page) say('the name ' + element.name);
    for (const name of ['click', 'mouseover', 'pointerover', 'focus', 'toggle', 'beforetoggle', 'animationstart', 'scroll', 'load', 'error', 'play', 'close', 'start'])
      element.dispatchEvent(new Event(name, {bubbles: true, cancelable: true}));
  }
}
function next() {
  const one = waiting.shift();
  if (!one) return;
  const frame = document.createElement('iframe');
  frame.width = one.width;
  frame.height = 800;
  frame.src = one.address;
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    try { look(frame, one) } catch (error) { problems.push(one.address + ': ' + error) }
    // What was set off by looking needs a moment.
    setTimeout(() => {
      frame.remove();
      done += 1;
      if (done === FRAMES.length) {
        document.body.replaceChildren();
        document.body.dataset.problems = JSON.stringify(problems);
        document.title = 'looked at ' + done;
      }
      next();
    }, 20);
  };
  frame.onload = () => setTimeout(end, 50);
  setTimeout(() => { if (!ended) problems.push(one.address + ': does not end'); end() }, 30000);
  document.body.append(frame);
}
for (let lane = 0; lane < 4; lane += 1) next();
";
    let frames = Value::from(frames.to_vec()).to_string().replace('<', "\\u003c");
    format!("<!doctype html><title>looking</title><body><script>const FRAMES = {frames};{script}</script></body>")
}

/// What the browser said.
struct Looked {
    page: String,
    console: String,
    seen: Seen,
}

impl Looked {
    /// What the harness found, once it has looked at so many pages.
    fn problems(&self, frames: usize) -> Vec<String> {
        assert!(self.page.contains(&format!("<title>looked at {frames}</title>")), "{}\n{}", self.page, self.console);
        let found = self.page.split("data-problems=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an answer");
        serde_json::from_str(&unescape(found)).expect("a list")
    }
}

struct Browser {
    program: OsString,
    proxy: u16,
    world: World,
}

impl Browser {
    async fn start(site: &Site) -> Option<Self> {
        let Some(program) = std::env::var_os(BROWSER) else {
            assert!(std::env::var_os("CI").is_none(), "{BROWSER} must be set in CI");
            #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
            {
                eprintln!("SKIPPED in a browser: {BROWSER} is not set; run `cargo xtask test`");
            }
            return None;
        };
        let world = World { router: site.router.clone(), pages: Arc::default(), seen: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = listener.local_addr().expect("an address").port();
        let router = Router::new().fallback(answer).with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Some(Self { program, proxy, world })
    }

    fn put(&self, path: &str, page: String) {
        lock(&self.world.pages).insert(path.to_owned(), page);
    }

    /// Opens an address until nothing happens there any more.
    async fn open(&self, address: &str) -> Looked {
        *lock(&self.world.seen) = Seen::default();
        let folder = testkit::folder();
        let mut command = Command::new(&self.program);
        command
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-pings"])
            .args(["--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-extensions", "--metrics-recording-only"])
            .arg("--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,HttpsUpgrades,InterestFeedContentSuggestions")
            .args(["--enable-logging=stderr", "--window-size=1280,800", "--virtual-time-budget=60000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("--proxy-server=http://127.0.0.1:{}", self.proxy))
            .args(["--proxy-bypass-list=<-loopback>", address]);
        let (page, console) = tokio::task::spawn_blocking(move || run(command, folder.path())).await.expect("the browser runs");
        Looked { page, console, seen: std::mem::take(&mut lock(&self.world.seen)) }
    }

    /// Looks at pages in frames of a page on this server.
    async fn frames(&self, host: &str, frames: &[Value]) -> Looked {
        self.put("/harness", harness(frames));
        self.open(&format!("http://{host}/harness")).await
    }
}

/// Runs a command, and gives what it wrote.
fn run(mut command: Command, folder: &Path) -> (String, String) {
    let files = ["out", "err"].map(|name| folder.join(name));
    let [out, err] = files.each_ref().map(|path| std::fs::File::create(path).expect("a writable folder"));
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the browser starts");
    let began = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().expect("ended");
            child.wait().expect("ended");
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let [page, console] = files.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("written")).into_owned());
    (page, console)
}

fn frame(address: impl Into<String>, width: u32, readme: bool) -> Value {
    json!({"address": address.into(), "width": width, "readme": readme})
}

/// Name and text of every attack on the renderer.
fn attacks() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../markup/tests/attacks");
    let mut attacks: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the attacks")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(&path).expect("a text")))
        .collect();
    attacks.sort();
    let named: Vec<_> = attacks.iter().filter(|(_, text)| BROWSERS_OWN.iter().any(|own| text.contains(own))).collect();
    assert!(named.is_empty(), "the browser itself asks there: {named:?}");
    attacks
}

fn packument(name: &str, readme: &str) -> Value {
    json!({
        "_id": name, "name": name, "dist-tags": {"latest": "1.0.0"}, "maintainers": [{"name": "mallory"}], "readme": readme, "readmeFilename": "README.md",
        "versions": {"1.0.0": {"name": name, "version": "1.0.0", "repository": "github:mallory/evil", "description": "<script>pwned('description')</script>",
            "homepage": "javascript:pwned('homepage')", "license": "\"><img src=x onerror=pwned('license')>", "keywords": ["'onmouseover=pwned('keyword')"],
            "scripts": {"postinstall": "<script>pwned('postinstall')</script>"}, "deprecated": "<img src=x onerror=pwned('deprecated')>"}},
        "time": {"1.0.0": "2024-01-01T00:00:00.000Z"}
    })
}

/// Nothing got out, nothing ran, and nothing was asked for that our pages do not ask for.
fn is_safe(what: &str, looked: &Looked) {
    let Seen { ours, elsewhere, pwned } = &looked.seen;
    assert!(pwned.is_empty(), "{what}: scripts ran: {pwned:?}");
    assert!(elsewhere.is_empty(), "{what}: asked for elsewhere: {elsewhere:?}");
    let usual = ["/harness", "/bare/", "/pkg:", "/assets/", "/img/", "/favicon.ico"];
    let others: Vec<_> = ours.iter().filter(|path| !usual.iter().any(|start| path.starts_with(start))).collect();
    assert!(others.is_empty(), "{what}: {others:?}");
    let refused: Vec<_> =
        looked.console.lines().filter(|line| line.contains("Content Security Policy") || line.contains("pwned")).collect();
    assert!(refused.is_empty(), "{what}: {refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_readmes() {
    let attacks = attacks();
    let site = Site::offline(&[VUE]).await;
    let Some(browser) = Browser::start(&site).await else { return };

    // What is not sanitised must be seen, or seeing nothing means nothing.
    let controls = [
        ("handler", "<img src=x onerror=pwned('handler')>"),
        ("remote", "<img src='http://attacker.example/x'>"),
        ("link", "<a href=\"javascript:pwned('link')\">x</a>"),
        ("click", "<b onclick=pwned('click')>x</b>"),
        ("refresh", "<meta http-equiv=refresh content='0;url=http://attacker.example/away'>"),
        ("wide", "<p style='width:5000px'>x</p>"),
        ("policy", "<script>pwned('policy')</script>"),
    ];
    for (name, html) in controls {
        browser.put(&format!("/control/{name}"), format!("<!doctype html><head>{PWNED}</head><body><div class=readme>{html}</div></body>"));
    }
    let looked = browser.frames(NAKED, &controls.map(|(name, _)| frame(format!("/control/{name}"), 360, true))).await;
    let problems = looked.problems(controls.len());
    assert_eq!(looked.seen.pwned.iter().map(String::as_str).collect::<Vec<_>>(), ["click", "handler"], "{problems:?}");
    assert!(looked.seen.elsewhere.contains("GET attacker.example/x"), "{:?}", looked.seen);
    assert!(looked.seen.elsewhere.contains("GET attacker.example/away"), "{:?}", looked.seen);
    for expected in [
        "/control/link: javascript:",
        "/control/click: onclick",
        "/control/handler: onerror",
        "/control/refresh: ",
        "/control/wide: wider than 360",
        "/control/policy: <script>",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}: {problems:?}");
    }
    assert!(looked.console.contains("Content Security Policy"), "{}", looked.console);

    let mut documents: Vec<Value> = attacks.iter().map(|(name, text)| packument(&format!("attack-{name}"), text)).collect();
    let everything: Vec<&str> = attacks.iter().map(|(_, text)| text.as_str()).collect();
    documents.push(packument("attacks", &everything.join("\n\n---\n\n")));
    site.import(&documents).await;

    // Without a policy: bare READMEs, and the pages around them.
    let mut frames = Vec::new();
    for (name, text) in &attacks {
        let image = |url: &str| site.key.address(url);
        let source = ReadmeSource {
            text,
            filename: Some("README.md"),
            package: name,
            repository: Some("https://github.com/mallory/evil"),
            directory: None,
            image: &image,
        };
        let html = render_readme(&source).html;
        browser.put(
            &format!("/bare/{name}"),
            format!("<!doctype html><head>{PWNED}</head><body style='overflow-x:hidden'><div class=readme>{html}</div></body>"),
        );
        frames.push(frame(format!("/bare/{name}"), 1280, true));
        frames.push(frame(format!("/pkg:attack-{name}"), 360, true));
    }
    frames.push(frame("/pkg:attacks", 360, true));
    let looked = browser.frames(NAKED, &frames).await;
    is_safe("without a policy", &looked);
    assert_eq!(looked.problems(frames.len()), Vec::<String>::new());

    // With the policy, which is there for the day on which the sanitiser fails and must have nothing to do until then.
    let in_frames: Vec<Value> =
        frames.iter().filter(|frame| frame["address"].as_str().is_some_and(|address| address.starts_with("/pkg:"))).cloned().collect();
    let looked = browser.frames(FRAMED, &in_frames).await;
    is_safe("with the policy", &looked);
    assert_eq!(looked.problems(in_frames.len()), Vec::<String>::new());
    let looked = browser.open(&format!("http://{SITE}/pkg:attacks")).await;
    is_safe("as it is", &looked);
    assert!(looked.page.contains("<h1>attacks</h1>"), "{}\n{}", looked.page, looked.console);

    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &attacks {
        *kinds.entry(name.split('-').next().unwrap_or_default()).or_default() += 1;
    }
    assert!(attacks.len() >= 60, "only {} attacks", attacks.len());
    #[expect(clippy::print_stdout, reason = "how much was tried is the result")]
    {
        println!("{} hostile READMEs in a browser, bare, in a page without a policy, and in the page: 0 escapes; {kinds:?}", attacks.len());
    }
}

/// Types into the box of a page in a frame, uses the keys that screen readers' users use, and says what is wrong.
const TYPING: &str = r"
const problems = [], say = text => problems.push(text), wait = () => new Promise(done => setTimeout(done, 400));
const frame = document.createElement('iframe');
frame.width = 360;
frame.height = 800;
frame.src = '/';
frame.onload = async () => {
  frame.onload = null;
  const page = frame.contentDocument, box = page.getElementById('q');
  const key = name => box.dispatchEvent(new frame.contentWindow.KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
  const type = async text => { box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); await wait() };
  const list = () => page.getElementById(box.getAttribute('aria-controls'));
  const active = () => page.getElementById(box.getAttribute('aria-activedescendant'));
  const options = () => [...list().querySelectorAll('[role=option]')];
  const check = (what, holds) => { if (!holds) say(what) };
  try {
    check('is a combobox', box.getAttribute('role') === 'combobox' && box.getAttribute('aria-autocomplete') === 'list');
    check('is closed', list().hidden && box.getAttribute('aria-expanded') === 'false');
    box.focus();
    await type('s');
    check('opens with the first letter', !list().hidden && box.getAttribute('aria-expanded') === 'true' && options().length > 0);
    check('has a label', list().getAttribute('role') === 'listbox' && list().getAttribute('aria-label'));
    check('groups have labels', [...list().querySelectorAll('[role=group]')].every(group => group.getAttribute('aria-label')));
    check('says how many', page.querySelector('.search [role=status]').textContent.includes('suggestion'));
    check('nothing is chosen yet', !active());
    check('fits', page.documentElement.scrollWidth <= page.documentElement.clientWidth);
    key('ArrowDown');
    check('down chooses the first', active() === options()[0] && active().getAttribute('aria-selected') === 'true');
    key('ArrowUp');
    check('up goes back to the box', !active());
    key('ArrowUp');
    check('and to the last', active() === options().at(-1));
    check('one is chosen', list().querySelectorAll('[aria-selected=true]').length === 1);
    key('Escape');
    check('escape closes', list().hidden && !active() && box.getAttribute('aria-expanded') === 'false' && box.value === 's');
    key('ArrowDown');
    await wait();
    check('down opens again', !list().hidden);
    await type('zzzzzzzzzz');
    check('nothing, nothing shown', list().hidden && page.querySelector('.search [role=status]').textContent.startsWith('No'));
    await type('<img src=x onerror=alert(1)>');
    check('is text', !list().querySelector('img'));
    await type('sample');
    box.blur();
    check('leaving closes', list().hidden);
    box.focus();
    await type('sample-l');
    key('ArrowDown');
    check('a link', active()?.getAttribute('href') === '/pkg:sample-lib');
    frame.onload = () => {
      check('enter opens what is chosen', frame.contentWindow.location.pathname === '/pkg:sample-lib');
      document.body.dataset.problems = JSON.stringify(problems);
      document.title = 'looked at 1';
    };
    key('Enter');
  } catch (error) {
    say(String(error));
    document.body.dataset.problems = JSON.stringify(problems);
    document.title = 'looked at 1';
  }
};
document.body.append(frame);
";

#[tokio::test(flavor = "multi_thread")]
async fn suggestions_with_the_keyboard() {
    let site = Site::offline(&[VUE, BARE]).await;
    let Some(browser) = Browser::start(&site).await else { return };
    site.import(&documents("https://registry.example")).await;
    browser.put("/typing", format!("<!doctype html><title>typing</title><body><script>{TYPING}</script></body>"));
    let looked = browser.open(&format!("http://{FRAMED}/typing")).await;
    assert_eq!(looked.problems(1), Vec::<String>::new());
    let refused: Vec<_> =
        looked.console.lines().filter(|line| line.contains("Content Security Policy") || line.contains("Uncaught")).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_their_screens() {
    let lines = [
        VUE.to_owned(),
        BARE.to_owned(),
        hit("react", "jane", 1_000, "2024-01-01T00:00:00.000Z").to_string(),
        hit(&format!("long-{}", "x".repeat(200)), "jane", 1, "2024-01-01T00:00:00.000Z").to_string(),
    ];
    let site = Site::offline(&lines.each_ref().map(String::as_str)).await;
    let Some(browser) = Browser::start(&site).await else { return };
    site.import(&documents("https://registry.example")).await;
    crate::views::put_downloads(&site, &["sample-lib", "vue", "react", "constructor"]).await;
    let long = format!("/pkg:long-{}", "x".repeat(200));
    let addresses = [
        "/",
        "/?q=sample",
        "/?q=sample+-lib+scope:x+updated:<1y+sort:name",
        "/?q=lib+is:deprecated+colour:red&explain=1",
        "/?q=lib&explain=1",
        "/?q=sample&facets=1",
        "/help/search",
        "/?q=a",
        "/?q=zzzz:qqqq",
        "/pkg:sample-lib",
        "/pkg:vue",
        "/pkg:gone-lib",
        "/pkg:nothing-of-this-name",
        &long,
        "/@jane",
        "/@jane?sort=attention",
        "/compare",
        "/compare?p=sample-lib&p=vue&p=react&p=constructor",
        "/trends",
        "/trends/popular",
        "/about",
        "/chart?p=sample-lib&from=2025-01-01",
        "/chart?p=sample-lib&p=vue&scale=log&step=day",
        "/chart?u=jane&show=stacked",
        "/no/such/address",
    ];
    let frames: Vec<Value> = addresses.iter().flat_map(|address| [320, 360, 1280].map(|width| frame(*address, width, false))).collect();
    let looked = browser.frames(FRAMED, &frames).await;
    assert_eq!(looked.problems(frames.len()), Vec::<String>::new());
    assert!(looked.seen.elsewhere.is_empty() && looked.seen.pwned.is_empty(), "{:?}", looked.seen);
    let refused: Vec<_> =
        looked.console.lines().filter(|line| line.contains("Content Security Policy") || line.contains("Uncaught")).collect();
    assert!(refused.is_empty(), "{refused:#?}");
}
