//! Simulated hours: clocks that all the libraries can be given, and an authorization server that lives in them.
//!
//! Time is that of a paused tokio runtime, which leaps to the next timer whenever nothing can run. To it come the two ways in which clocks
//! of real machines differ from it: time that passes while the machine is suspended, and steps of the wall clock.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use tokio::time::Instant;

/// The moment every simulation starts at: 2027-01-15 08:00:00 UTC.
const START: Duration = Duration::from_secs(1_800_000_000);

/// Runs a simulation from its start.
pub(crate) fn simulate<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(simulation)
}

/// The time of one simulation.
#[derive(Debug, Clone)]
pub(crate) struct World {
    start: Instant,
    /// Milliseconds spent suspended.
    suspended: Arc<AtomicU64>,
    /// Milliseconds by which the wall clock is wrong.
    wall_error: Arc<AtomicI64>,
}

impl World {
    /// Starts now. Only inside of [`simulate`].
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), suspended: Arc::default(), wall_error: Arc::default() }
    }

    /// What has really passed since the start.
    pub(crate) fn truth(&self) -> Duration {
        self.monotonic() + Duration::from_millis(self.suspended.load(Ordering::Relaxed))
    }

    /// A clock that stands still while the machine is suspended.
    pub(crate) fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self) -> SystemTime {
        let shown = SystemTime::UNIX_EPOCH + START + self.truth();
        let error = self.wall_error.load(Ordering::Relaxed);
        let step = Duration::from_millis(error.unsigned_abs());
        if error < 0 { shown - step } else { shown + step }
    }

    /// The machine sleeps.
    pub(crate) fn suspend(&self, duration: Duration) {
        self.suspended.fetch_add(duration.as_millis() as u64, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock back.
    pub(crate) fn set_wall_back(&self, duration: Duration) {
        self.wall_error.fetch_sub(duration.as_millis() as i64, Ordering::Relaxed);
    }
}

/// What the simulated authorization server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// A token.
    Token,
    /// 503.
    Unavailable,
    /// No answer at all.
    Silence,
}

type Script = Box<dyn FnMut(Duration) -> Behaviour + Send>;

/// A simulated authorization server, whose tokens live from the moment a request arrives: no client can know less.
#[derive(Clone)]
pub(crate) struct Issuer {
    pub world: World,
    pub lifetime: Duration,
    delay: Duration,
    script: Arc<Mutex<Script>>,
    arrivals: Arc<Mutex<Vec<Duration>>>,
}

impl Issuer {
    /// Answers after 50 milliseconds as the script says, which is given the time of the request.
    pub(crate) fn new(world: &World, lifetime: Duration, script: impl FnMut(Duration) -> Behaviour + Send + 'static) -> Self {
        Self {
            world: world.clone(),
            lifetime,
            delay: Duration::from_millis(50),
            script: Arc::new(Mutex::new(Box::new(script))),
            arrivals: Arc::default(),
        }
    }

    /// Always a token.
    pub(crate) fn healthy(world: &World, lifetime: Duration) -> Self {
        Self::new(world, lifetime, |_| Behaviour::Token)
    }

    /// Answers one token request.
    pub(crate) async fn answer(&self) -> Response<Bytes> {
        let now = self.world.truth();
        let number = {
            let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.push(now);
            arrivals.len() - 1
        };
        let behaviour = self.script.lock().unwrap_or_else(PoisonError::into_inner)(now);
        tokio::time::sleep(self.delay).await;
        let (status, body) = match behaviour {
            Behaviour::Token => {
                let lifetime = self.lifetime.as_secs();
                (StatusCode::OK, format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":{lifetime}}}"#))
            }
            Behaviour::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            Behaviour::Silence => std::future::pending().await,
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// When requests came.
    pub(crate) fn arrivals(&self) -> Vec<Duration> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long the token in this header is still good; negative when it has expired.
    pub(crate) fn milliseconds_left(&self, header: &HeaderValue) -> i64 {
        let number: usize =
            header.to_str().ok().and_then(|text| text.strip_prefix("Bearer token-")?.parse().ok()).expect("a token of this server");
        let minted = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)[number];
        (minted + self.lifetime).as_millis() as i64 - self.world.truth().as_millis() as i64
    }
}

/// A library in simulated time.
pub(crate) trait Subject: Send + Sync + 'static {
    /// What a caller does before each of its requests: the value of the header `Authorization`.
    fn header(&self) -> BoxFuture<'_, Result<Sent, String>>;

    /// What a caller does with an answer 401 `invalid_token`: whether the library advises to send the request once more.
    fn rejected(&self, sent: &Sent, headers: &http::HeaderMap) -> bool;
}

/// What a request was sent with.
pub(crate) struct Sent {
    pub header: HeaderValue,
    pub token: Option<client_credentials::Token>,
}
