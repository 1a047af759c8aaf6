//! A token endpoint on loopback, for everything that is measured over real HTTP.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// What the server says to a token request it understands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// 200 and a token that lives this long.
    Token(Duration),
    /// 503.
    Unavailable,
    /// 401 `invalid_client`.
    InvalidClient,
}

/// What has been counted since the last [`Server::script`].
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub requests: u64,
    pub json: u64,
    pub form: u64,
    pub most_at_once: u64,
    /// Requests whose client went away before the answer, each with the moment that was seen.
    pub aborted: Vec<Instant>,
    /// When requests came.
    pub arrivals: Vec<Instant>,
}

struct State {
    delay: Duration,
    answer: Mutex<Answer>,
    forms_only: AtomicBool,
    running: AtomicU64,
    counts: Mutex<Counts>,
}

/// A running server; its thread ends with the program.
#[derive(Clone)]
pub(crate) struct Server {
    address: String,
    state: Arc<State>,
}

impl Server {
    /// Starts a server that takes this long for every answer.
    pub(crate) fn start(delay: Duration) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::new(State {
            delay,
            answer: Mutex::new(Answer::Unavailable),
            forms_only: AtomicBool::new(false),
            running: AtomicU64::new(0),
            counts: Mutex::new(Counts::none()),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&state);
        std::thread::Builder::new().name("server".to_owned()).spawn(move || runtime.block_on(serve(listener, shared)))?;
        Ok(Self { address, state })
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub(crate) fn delay(&self) -> Duration {
        self.state.delay
    }

    /// From now on this is the answer, to JSON and to forms unless `forms_only`; counting starts anew.
    pub(crate) fn script(&self, answer: Answer, forms_only: bool) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        self.state.forms_only.store(forms_only, Ordering::Relaxed);
        *self.state.counts() = Counts::none();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.counts().clone()
    }

    /// Waits until this many requests are being answered.
    pub(crate) async fn until_running(&self, number: u64) {
        while self.state.running.load(Ordering::Relaxed) < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Counts {
    fn none() -> Self {
        Self { requests: 0, json: 0, form: 0, most_at_once: 0, aborted: Vec::new(), arrivals: Vec::new() }
    }
}

impl State {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            // A client that goes away is counted where its request is answered.
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

/// A request that is being answered; dropped early, its client went away.
struct Running {
    state: Arc<State>,
    answered: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.running.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.state.counts().aborted.push(Instant::now());
        }
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let number = {
        let mut counts = state.counts();
        counts.requests += 1;
        if is_json {
            counts.json += 1;
        } else {
            counts.form += 1;
        }
        counts.arrivals.push(Instant::now());
        counts.most_at_once = counts.most_at_once.max(state.running.fetch_add(1, Ordering::Relaxed) + 1);
        counts.requests
    };
    let mut running = Running { state, answered: false };
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    tokio::time::sleep(running.state.delay).await;
    running.answered = true;

    let script = *running.state.answer.lock().unwrap_or_else(PoisonError::into_inner);
    let understood =
        body.windows(18).any(|window| window == b"client_credentials") && !(is_json && running.state.forms_only.load(Ordering::Relaxed));
    let (status, text) = match script {
        _ if !understood => (StatusCode::BAD_REQUEST, r#"{"error":"invalid_request"}"#.to_owned()),
        Answer::Token(lifetime) => {
            (StatusCode::OK, format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":{}}}"#, lifetime.as_secs()))
        }
        Answer::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned()),
        Answer::InvalidClient => (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#.to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
