//! The clients that come with the library behind one face, so that each test runs with all of them, and a clock that needs no waiting.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

#[cfg(feature = "blocking")]
use client_credentials::blocking;
use client_credentials::{Advice, BoxFuture, Client, ClientBuilder, Clock, Error, Events, Now, Status, Token};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode, Uri};

/// Waits of this length or more never end: they are limits that a test does not want to reach.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(900);

/// Time passes when somebody waits, and waiting takes none.
#[derive(Clone, Default)]
pub(crate) struct QuickClock {
    passed: Arc<Mutex<Duration>>,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl QuickClock {
    /// When all tests begin: Mon, 23 Nov 2026 08:00:00 GMT.
    pub(crate) const START: Duration = Duration::from_secs(1_795_420_800);

    pub(crate) fn advance(&self, by: Duration) {
        *self.passed.lock().expect("no panic") += by;
    }

    /// How long somebody waited before each further attempt.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().expect("no panic").clone()
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.now().wall
    }
}

impl Clock for QuickClock {
    fn now(&self) -> Now {
        let passed = *self.passed.lock().expect("no panic");
        Now { wall: SystemTime::UNIX_EPOCH + Self::START + passed, monotonic: passed }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration >= FOR_EVER {
            return Box::pin(std::future::pending());
        }
        let clock = self.clone();
        Box::pin(async move {
            clock.advance(duration);
            clock.waits.lock().expect("no panic").push(duration);
        })
    }
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum With {
    Reqwest,
    #[cfg(feature = "blocking")]
    Ureq,
}

impl With {
    pub(crate) const ALL: &[Self] = &[
        Self::Reqwest,
        #[cfg(feature = "blocking")]
        Self::Ureq,
    ];
}

/// The same call of whichever it is.
macro_rules! each {
    ($subject:expr, $client:ident => $call:expr) => {
        match $subject {
            Self::Reqwest(_, $client) => $call,
            #[cfg(feature = "blocking")]
            Self::Ureq($client) => $call,
        }
    };
}

/// One of them.
#[derive(Debug)]
pub(crate) enum Subject {
    Reqwest(tokio::runtime::Runtime, Client),
    #[cfg(feature = "blocking")]
    Ureq(blocking::Client),
}

impl Subject {
    pub(crate) fn build(with: With, builder: ClientBuilder) -> Result<Self, Error> {
        match with {
            With::Reqwest => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                Ok(Self::Reqwest(runtime, builder.build()?))
            }
            #[cfg(feature = "blocking")]
            With::Ureq => Ok(Self::Ureq(builder.build_blocking()?)),
        }
    }

    pub(crate) fn token(&self) -> Result<Token, Error> {
        match self {
            Self::Reqwest(runtime, client) => runtime.block_on(client.token()),
            #[cfg(feature = "blocking")]
            Self::Ureq(client) => client.token(),
        }
    }

    /// What many callers at the same time get.
    pub(crate) fn tokens(&self) -> Vec<Result<Token, Error>> {
        match self {
            Self::Reqwest(runtime, client) => runtime.block_on(join_all((0..200).map(|_| client.token()))),
            #[cfg(feature = "blocking")]
            Self::Ureq(client) => std::thread::scope(|scope| {
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| client.token())).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            }),
        }
    }

    /// Time for what its HTTP client still has to do.
    pub(crate) fn breathe(&self) {
        let moment = Duration::from_millis(1);
        match self {
            Self::Reqwest(runtime, _) => runtime.block_on(async { tokio::time::sleep(moment).await }),
            #[cfg(feature = "blocking")]
            Self::Ureq(_) => std::thread::sleep(moment),
        }
    }

    pub(crate) fn status(&self) -> Status {
        each!(self, client => client.status())
    }

    pub(crate) fn subscribe(&self) -> Events {
        each!(self, client => client.subscribe())
    }

    pub(crate) fn access_token(&self) -> Option<Token> {
        each!(self, client => client.access_token())
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        each!(self, client => client.headers())
    }

    pub(crate) fn observe(&self, sent: &Token, target: &Uri, status: StatusCode, headers: &HeaderMap) -> Advice {
        each!(self, client => client.observe(sent, target, status, headers))
    }

    /// `error`, `error_description` and `error_uri`.
    pub(crate) fn error_fields(&self) -> [Option<String>; 3] {
        each!(self, client => [client.error(), client.error_description(), client.error_uri()])
    }
}
