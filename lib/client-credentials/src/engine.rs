//! Decides when a token is served, requested, kept and given up.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};
#[cfg(feature = "jwt")]
use {
    crate::jwt::{DPOP, Side, Use},
    bytes::Bytes,
    http::{HeaderValue, Request},
};

use crate::address::{self, Origin};
use crate::answer::{self, Leniency};
use crate::calls::Introspection;
use crate::clock::{Deadline, within};
use crate::credential::Kind;
use crate::error::{Again, Answer, Failed, Inner as ErrorParts};
use crate::events::{self, Hub};
use crate::flight::{Flight, Waiter};
use crate::freshness::{CooldownClass, draw};
use crate::metadata::Metadata;
use crate::request::{Parts, Proof, token_request};
use crate::scrub::Scrub;
use crate::server::{Address, Endpoints, Server};
use crate::token::{self, NOT_KEPT};
use crate::{
    Attempt, BasicEncoding, BodyFormat, ClientAuthentication, ClientCertificate, Clock, Cooldown, Credential, Error, ErrorKind, Event,
    Events, Freshness, HttpClient, Limits, Now, Observer, Retry, Secret, Spawn, Status, Token, TokenRequest, TokenType,
};

pub(crate) type FlightResult = Result<Token, Error>;

/// What the builder was told.
pub(crate) struct Config {
    /// Is told what happens.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) address: Address,
    pub(crate) revocation_endpoint: Option<Uri>,
    pub(crate) introspection_endpoint: Option<Uri>,
    pub(crate) client_id: String,
    pub(crate) credential: Credential,
    /// What the client shows while connections are made, be it to prove who it is or to have tokens bound to it.
    pub(crate) certificate: Option<ClientCertificate>,
    /// Certificates in PEM that are trusted instead of the system's.
    pub(crate) roots: Option<String>,
    pub(crate) authentication: Option<ClientAuthentication>,
    #[cfg(feature = "jwt")]
    pub(crate) assertion: crate::AssertionPolicy,
    /// The key that tokens are to be bound to.
    #[cfg(feature = "jwt")]
    pub(crate) dpop: Option<crate::SigningKey>,
    pub(crate) body_format: BodyFormat,
    pub(crate) request: TokenRequest,
    pub(crate) required_scopes: Vec<String>,
    pub(crate) leniency: Leniency,
    pub(crate) freshness: Freshness,
    pub(crate) retry: Retry,
    pub(crate) cooldown: Cooldown,
    pub(crate) limits: Limits,
    pub(crate) deadline: Duration,
    pub(crate) origins: Vec<Origin>,
    pub(crate) http_on_loopback: bool,
}

impl Config {
    /// Whether connections can be made with the certificates that were given. `own`: by an HTTP client of the caller's.
    pub(crate) fn check_certificates(&self, own: bool) -> Result<(), Error> {
        let has_certificate = self.certificate.as_ref().map(|certificate| certificate.0.is_some());
        let text = match has_certificate {
            Some(true) if own => {
                "an HTTP client of your own has to show the client certificate itself: say so with ClientCertificate::of_http_client()"
            }
            Some(false) if !own => "the client certificate is said to be that of an HTTP client: give it with http_client()",
            _ if own && self.roots.is_some() => {
                "an HTTP client of your own has to know itself whom to trust: leave out root_certificates()"
            }
            _ if cfg!(not(feature = "rustls")) && !own && (has_certificate.is_some() || self.roots.is_some()) => {
                "certificates of one's own need the feature rustls, or an HTTP client given with http_client()"
            }
            _ => return Ok(()),
        };
        Err(Error::configuration(text))
    }

    /// What is asked for, so that anything else is refused.
    #[cfg_attr(not(feature = "jwt"), expect(clippy::unused_self, reason = "only a key makes a difference"))]
    pub(crate) fn token_type(&self) -> TokenType {
        #[cfg(feature = "jwt")]
        if self.dpop.is_some() {
            return TokenType::Dpop;
        }
        TokenType::Bearer
    }
}

/// A client without its handles.
pub(crate) struct Engine {
    config: Arc<Config>,
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    server: Arc<Server>,
    #[cfg(feature = "jwt")]
    nonces: crate::jwt::Nonces,
    spawn: Option<Box<dyn Spawn>>,
    /// The [`BodyFormat`] that has worked at this endpoint, if the configuration leaves it open.
    working_format: AtomicU8,
    default_slot: Arc<Slot>,
    default_key: TokenRequest,
    /// Tokens for other requests than the configured one, by [`TokenRequest::key`].
    slots: Mutex<HashMap<TokenRequest, Arc<Slot>>>,
    uses: AtomicU64,
    /// A failure that concerns all tokens.
    failure: Mutex<Option<Failure>>,
    hub: Hub,
}

/// Most requests whose tokens are kept without anybody holding a handle on them.
const MOST_SLOTS: usize = 1_024;

/// A token that was issued within this time is not dropped because it was refused: the next one would be as well.
const JUST_MINTED: Duration = Duration::from_secs(10);

/// Shortest and longest time between two tokens that are dropped because they were refused.
const REJECTED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));

/// How long after a refusal a source of secrets is looked at for a change; doubled with every secret that was refused.
const SECRET_CHECK: Duration = Duration::from_secs(1);

/// When the cool-down of all tokens is over, one of them tries first, and for so long the others do not.
const PROBE: Duration = Duration::from_secs(1);

/// One token, and what is known about getting the next one.
pub(crate) struct Slot {
    request: TokenRequest,
    /// Those of its resources.
    origins: Vec<Origin>,
    held: ArcSwapOption<token::Inner>,
    /// Counts how often everything was forgotten. Written under the lock.
    generation: AtomicU64,
    /// Milliseconds of the monotonic clock before which no refresh in the background is tried.
    refresh_from: AtomicU64,
    /// Whether a token was refused since the last one was accepted.
    was_rejected: AtomicBool,
    last_use: AtomicU64,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// The request that is under way, by its number. An answer to another one is not kept.
    flight: Option<(u64, Arc<Flight<FlightResult>>)>,
    flights: u64,
    /// Number of the flight that goes on in the background, although its callers were served.
    left_behind: u64,
    /// A failure that concerns this token alone.
    failure: Option<Failure>,
    last_error: Option<Error>,
    /// Monotonic time of the last failure of its own.
    met: Duration,
    /// Whether it was told that callers get a stale token.
    stale_was_told: bool,
    /// Monotonic time before which the next request is not sent, when the last token was not kept.
    not_before: Duration,
    /// Monotonic time before which nobody asks again, since who asked got the stale token and could leave the request to nobody.
    given_up_until: Duration,
    rejections: Option<Rejections>,
}

/// Tokens that were dropped because they were refused.
#[derive(Clone, Copy)]
struct Rejections {
    count: u32,
    /// Monotonic time before which no other is dropped.
    until: Duration,
}

/// What is remembered of a failed flight.
struct Failure {
    error: Error,
    class: CooldownClass,
    /// How many of this class came one after the other.
    count: u32,
    /// Monotonic time of the first of them.
    since: Duration,
    /// Monotonic time when it was seen. What began before tells nothing new.
    seen: Duration,
    /// Whether it concerns also those who have not met it themselves: an answer may be about one token alone, and a refresh in the
    /// background asks only once.
    is_certain: bool,
    /// Monotonic time before which one of the others tries.
    tried_until: Duration,
    until: Deadline,
    /// The secret that was refused, when another one may come from its source.
    refused: Option<Secret>,
    /// Monotonic time of the next look for another one.
    check_at: Duration,
}

impl Failure {
    /// The next look for another secret. Later and later, so that a source which gives another one every time is no way around the memory.
    fn next_check(&self, now: Now) -> Duration {
        now.monotonic.saturating_add(SECRET_CHECK.saturating_mul(1 << (self.count.clamp(1, 20) - 1)))
    }

    /// Until when a token is not asked for whose own last failure was met then.
    fn holds_until(&self, met: Duration, now: Now) -> Option<Deadline> {
        if (self.is_certain || met >= self.since) && !self.until.is_over(now) {
            return Some(self.until);
        }
        let left = self.tried_until.saturating_sub(now.monotonic);
        (!left.is_zero()).then(|| Deadline::after(now, left))
    }
}

/// What a caller is to do.
pub(crate) enum Step {
    Serve(Token),
    Fail(Error),
    Wait(Waiter<FlightResult>),
}

/// What became of a token that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidated {
    /// It was the current one and is dropped.
    Dropped,
    /// It is not the current one, or has expired anyway.
    AlreadyReplaced,
    /// It was issued in the last ten seconds and stays: another one would be refused as well.
    JustMinted,
    /// Another one was dropped shortly before, and this one stays.
    CoolingDown,
}

/// How a flight ended.
enum Outcome {
    Fetched(Token),
    Failed {
        error: Error,
        failed: Failed,
        secret: Option<Secret>,
    },
    /// Nothing was sent, since the secret is the one that was refused.
    SameSecret(Error),
}

/// What a flight begins with.
struct Start {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    /// Monotonic time.
    began: Duration,
    /// Nobody waits: the old token is still served.
    background: bool,
    /// Monotonic time before which nothing is sent.
    not_before: Duration,
    /// A refused secret, and what was said about it.
    refused: Option<(Secret, Error)>,
}

impl Slot {
    fn new(request: TokenRequest) -> Arc<Self> {
        Arc::new(Self {
            origins: request.resources.iter().filter_map(|resource| Origin::of(&resource.parse().ok()?)).collect(),
            request,
            held: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            refresh_from: AtomicU64::new(0),
            was_rejected: AtomicBool::new(false),
            last_use: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A resource server took a token: the next refusal is a new story. The pause after the last one stays.
    pub(crate) fn accepted(&self) {
        if self.was_rejected.load(Ordering::Relaxed) {
            let mut state = self.lock();
            self.was_rejected.store(false, Ordering::Relaxed);
            if let Some(rejections) = &mut state.rejections {
                rejections.count = 0;
            }
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn last_error(&self) -> Option<Error> {
        self.lock().last_error.clone()
    }

    pub(crate) fn join(&self) -> Option<Waiter<FlightResult>> {
        self.lock().flight.as_ref()?.1.join()
    }
}

impl Engine {
    pub(crate) fn new(config: Config, http: Box<dyn HttpClient>, clock: Box<dyn Clock>, spawn: Option<Box<dyn Spawn>>) -> Self {
        let (config, http, clock): (_, Arc<dyn HttpClient>, Arc<dyn Clock>) = (Arc::new(config), http.into(), clock.into());
        Self {
            default_slot: Slot::new(config.request.clone()),
            default_key: config.request.key(),
            server: Arc::new(Server::new(Arc::clone(&config), Arc::clone(&http), Arc::clone(&clock))),
            config,
            http,
            clock,
            #[cfg(feature = "jwt")]
            nonces: crate::jwt::Nonces::default(),
            spawn,
            working_format: AtomicU8::new(0),
            slots: Mutex::default(),
            uses: AtomicU64::new(0),
            failure: Mutex::default(),
            hub: Hub::default(),
        }
    }

    pub(crate) fn default_slot(&self) -> Arc<Slot> {
        Arc::clone(&self.default_slot)
    }

    pub(crate) fn slot(&self, request: TokenRequest) -> Result<Arc<Slot>, Error> {
        let request = request.or(&self.config.request);
        request.check()?;
        let key = request.key();
        if key == self.default_key {
            return Ok(self.default_slot());
        }
        let mut slots = lock(&self.slots);
        let slot = Arc::clone(slots.entry(key).or_insert_with(|| Slot::new(request)));
        slot.last_use.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if slots.len() > MOST_SLOTS {
            // Whoever holds a handle, and a flight, hold the slot.
            let unused = slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
            let oldest = unused.min_by_key(|(_, slot)| slot.last_use.load(Ordering::Relaxed)).map(|(key, _)| key.clone());
            oldest.and_then(|key| slots.remove(&key));
        }
        Ok(slot)
    }

    /// Whether the token that is held needs no thought. Begins a refresh in the background where it is time.
    pub(crate) fn serves_at_once(self: &Arc<Self>, slot: &Arc<Slot>) -> bool {
        let held = slot.held.load();
        let Some(token) = held.as_ref() else {
            return false;
        };
        let now = self.clock.now();
        if token.is_before_refresh(now) {
            return true;
        }
        let is_fresh = token.is_fresh(now);
        if is_fresh {
            self.refresh_behind(slot, token, now);
        }
        is_fresh
    }

    /// The same, with the token.
    pub(crate) fn fresh_token(self: &Arc<Self>, slot: &Arc<Slot>) -> Option<Token> {
        let token = slot.held.load_full()?;
        let now = self.clock.now();
        if !token.is_fresh(now) {
            return None;
        }
        if !token.is_before_refresh(now) {
            self.refresh_behind(slot, &token, now);
        }
        Some(Token(token))
    }

    /// The token that is held, unless it has expired.
    pub(crate) fn held(&self, slot: &Slot) -> Option<Token> {
        let token = slot.held.load_full()?;
        (!token.has_expired(self.clock.now())).then_some(Token(token))
    }

    /// Whether a token was kept for others as well, and has expired since.
    pub(crate) fn has_expired(&self, token: &Token) -> bool {
        token.0.is_kept && token.0.has_expired(self.clock.now())
    }

    /// What whoever has no fresh token is to do; `force`: a fresh one is not enough.
    pub(crate) fn step(self: &Arc<Self>, slot: &Arc<Slot>, force: bool) -> Step {
        let now = self.clock.now();
        let mut state = slot.lock();
        // Somebody else may have got one meanwhile.
        if let Some(token) = slot.held.load_full().filter(|token| !force && token.is_fresh(now)) {
            return Step::Serve(Token(token));
        }
        if let Some(waiter) = state.flight.as_ref().and_then(|(_, flight)| flight.join()) {
            return Step::Wait(waiter);
        }
        if !force && now.monotonic < state.given_up_until && self.stale(slot).is_some() {
            drop(state);
            return self.stale_token(slot).map_or_else(|| self.step(slot, force), Step::Serve);
        }
        let refused = match self.cooling(&state, now) {
            Cooling::Not => None,
            Cooling::CheckSecret(secret, error) => Some((secret, error)),
            Cooling::Until(error, _) => {
                state.last_error = Some(error.clone());
                drop(state);
                let old = if force { None } else { self.stale_token(slot) };
                return old.map_or(Step::Fail(error), Step::Serve);
            }
        };
        let flight = self.start(slot, &mut state, now, false, refused);
        match flight.join() {
            Some(waiter) => Step::Wait(waiter),
            None => Step::Fail(signed_out()),
        }
    }

    /// What may be served in place of a new token.
    fn stale(&self, slot: &Slot) -> Option<Arc<token::Inner>> {
        let token = slot.held.load_full().filter(|token| self.config.freshness.serve_stale && token.is_kept)?;
        (!token.has_expired(self.clock.now())).then_some(token)
    }

    /// A token that is stale but has not expired, when it is to be served because no new one can be had.
    pub(crate) fn stale_token(&self, slot: &Slot) -> Option<Token> {
        let token = Token(self.stale(slot)?);
        let was_told = std::mem::replace(&mut slot.lock().stale_was_told, true);
        if !was_told {
            self.tell(&Event::ServedStale { request: slot.request.clone(), until: token.expires_at() });
        }
        Some(token)
    }

    /// How long a caller waits for a new token before the stale one is served: half of what is left of it.
    pub(crate) fn patience(&self, slot: &Slot) -> Option<Duration> {
        Some(self.stale(slot)?.left(self.clock.now()) / 2)
    }

    /// Lets a request go on whose caller was served with the stale token.
    pub(crate) fn leave_behind(&self, slot: &Slot, waiter: Waiter<FlightResult>) {
        let mut state = slot.lock();
        state.given_up_until = self.clock.now().monotonic.saturating_add(PROBE);
        let Some(spawn) = &self.spawn else {
            return;
        };
        let number = state.flights;
        let is_first = std::mem::replace(&mut state.left_behind, number) != number;
        drop(state);
        if is_first {
            spawn.spawn(Box::pin(async move {
                let _ = waiter.await;
            }));
        }
    }

    /// `seen`: the token past its refresh that the caller was served.
    fn refresh_behind(self: &Arc<Self>, slot: &Arc<Slot>, seen: &Arc<token::Inner>, now: Now) {
        let Some(spawn) = &self.spawn else {
            return;
        };
        if milliseconds(now.monotonic) < slot.refresh_from.load(Ordering::Relaxed) {
            return;
        }
        let mut state = slot.lock();
        // So that callers meanwhile do not come here. A task that was dropped is tried again.
        slot.refresh_from.store(milliseconds(now.monotonic + Duration::from_secs(1)), Ordering::Relaxed);
        // It may have been replaced or forgotten since.
        if !slot.held.load().as_ref().is_some_and(|held| Arc::ptr_eq(held, seen)) {
            return;
        }
        if state.flight.as_ref().is_some_and(|(_, flight)| flight.is_under_way()) {
            return;
        }
        let refused = match self.cooling(&state, now) {
            Cooling::Not => None,
            Cooling::CheckSecret(secret, error) => Some((secret, error)),
            Cooling::Until(_, until) => {
                slot.refresh_from.store(milliseconds(now.monotonic + until.left(now).min(Duration::from_secs(1))), Ordering::Relaxed);
                return;
            }
        };
        let waiter = self.start(slot, &mut state, now, true, refused).join();
        drop(state);
        if let Some(waiter) = waiter {
            spawn.spawn(Box::pin(async move {
                let _ = waiter.await;
            }));
        }
    }

    fn start(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        state: &mut SlotState,
        now: Now,
        background: bool,
        refused: Option<(Secret, Error)>,
    ) -> Arc<Flight<FlightResult>> {
        state.flights += 1;
        let number = state.flights;
        #[cfg(feature = "tracing")]
        let span = tracing::debug_span!(
            "token_request",
            endpoint = address::host(self.config.address.uri()),
            background,
            attempts = tracing::field::Empty,
            error.type = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        );
        let start = Start {
            began: now.monotonic,
            background,
            not_before: state.not_before,
            refused,
            #[cfg(feature = "tracing")]
            span: span.clone(),
        };
        let (engine, its_slot) = (Arc::clone(self), Arc::clone(slot));
        let work = async move {
            let outcome = engine.fetch(&its_slot, &start).await;
            #[cfg(feature = "tracing")]
            if let Outcome::Failed { error, .. } = &outcome {
                start.span.record("otel.status_code", "ERROR").record("error.type", error.kind().name());
            }
            engine.settle(&its_slot, number, start.began, background, outcome).unwrap_or_else(|| Err(signed_out()))
        };
        #[cfg(feature = "tracing")]
        let work = tracing::Instrument::instrument(work, span);
        // Weak: the flight has it for as long as it lives, and the slot has the flight.
        let (engine, its_slot) = (Arc::downgrade(self), Arc::downgrade(slot));
        let text = "an HTTP client, secret provider, clock or subscriber panicked while a token was requested";
        let error = Error::new(ErrorKind::Panicked, text);
        let last_resort = Err(error.clone());
        let panicked = move || {
            let failed = Failed::new(ErrorKind::Panicked, text, Again::Never, CooldownClass::Short);
            let outcome = Outcome::Failed { error: error.clone(), failed, secret: None };
            let settled = engine
                .upgrade()
                .zip(its_slot.upgrade())
                .and_then(|(engine, slot)| engine.settle(&slot, number, now.monotonic, background, outcome));
            settled.unwrap_or_else(|| Err(error.clone()))
        };
        let flight = Flight::new(Box::pin(work), Box::new(panicked), last_resort);
        state.flight = Some((number, Arc::clone(&flight)));
        flight
    }

    /// Whether a failure is still remembered: of several the one that lasts longest.
    fn cooling(&self, state: &SlotState, now: Now) -> Cooling {
        let shared = lock(&self.failure);
        let held = |failure: Option<&Failure>| {
            let failure = failure?;
            let until = failure.holds_until(state.met, now)?;
            Some(match &failure.refused {
                Some(secret) if now.monotonic >= failure.check_at && !failure.until.is_over(now) => {
                    (until, Cooling::CheckSecret(secret.clone(), failure.error.remembered_until(Some(until.wall))))
                }
                _ => (until, Cooling::Until(failure.error.remembered_until(Some(until.wall)), until)),
            })
        };
        let longest = [held(state.failure.as_ref()), held(shared.as_ref())].into_iter().flatten().max_by_key(|(until, _)| until.left(now));
        longest.map_or(Cooling::Not, |(_, cooling)| cooling)
    }

    /// Asks for a token, as often as it makes sense.
    async fn fetch(&self, slot: &Slot, start: &Start) -> Outcome {
        let config = &self.config;
        let began = self.clock.now();
        // Not before it is polled: a task that is lost must not hold up others.
        if let Some(failure) = lock(&self.failure).as_mut() {
            failure.check_at = failure.next_check(began);
            failure.tried_until = began.monotonic.saturating_add(PROBE);
        }
        if let Some(pause) = start.not_before.checked_sub(began.monotonic).filter(|pause| !pause.is_zero()) {
            self.clock.sleep(pause.min(NOT_KEPT)).await;
        }
        let left = |now: Now| config.deadline.saturating_sub(now.monotonic.saturating_sub(began.monotonic));

        let mut answers: Vec<(Answer, Failed)> = Vec::new();
        let mut attempts = 0;
        let mut pauses = 0;
        let mut was_told_nonce = false;
        let (mut format, mut is_decided) = self.format();
        loop {
            attempts += 1;
            let found = self.server.endpoints(left(self.clock.now())).await;
            let mut secret = None;
            let failed = match &found {
                Ok(endpoints) => {
                    let now = self.clock.now();
                    let proof = match within(&*self.clock, left(now), self.server.prove(endpoints)).await {
                        Some(Ok((proof, read))) => {
                            secret = read;
                            proof
                        }
                        unread => return self.not_proven(unread.and_then(Result::err), answers, attempts - 1),
                    };
                    if let Some((refused, error)) = &start.refused {
                        if secret.as_ref() == Some(refused) {
                            return Outcome::SameSecret(error.clone());
                        }
                    }
                    let (sent, mut status) = (self.clock.now(), None);
                    let attempt = self.attempt(slot, endpoints, (&proof, secret.as_ref()), format, left(sent), &mut status);
                    #[cfg(feature = "tracing")]
                    let (attempt, span) = {
                        let span = attempt_span(&endpoints.token, attempts);
                        (tracing::Instrument::instrument(attempt, span.clone()), span)
                    };
                    let result = attempt.await;
                    let failed = result.as_ref().err();
                    #[cfg(feature = "tracing")]
                    record_attempt(&span, status, failed);
                    self.observe(|observer| {
                        observer.attempt(&Attempt {
                            number: attempts,
                            request: slot.request.clone(),
                            host: address::host(&endpoints.token).to_owned(),
                            method: endpoints.authentication.name(),
                            format,
                            status,
                            failure: failed.map(|failed| events::Failure {
                                kind: failed.kind,
                                code: failed.code().map(ToOwned::to_owned),
                                text: failed.text.clone(),
                            }),
                            duration: self.clock.now().monotonic.saturating_sub(sent.monotonic),
                        });
                    });
                    match result {
                        Ok(token) => {
                            #[cfg(feature = "tracing")]
                            start.span.record("attempts", attempts);
                            self.working_format.store(if format == BodyFormat::Json { 1 } else { 2 }, Ordering::Relaxed);
                            return Outcome::Fetched(token);
                        }
                        Err(failed) => failed,
                    }
                }
                Err(failed) => failed.clone(),
            };
            #[cfg(feature = "tracing")]
            start.span.record("attempts", attempts);
            #[cfg(feature = "tracing")]
            tracing::debug!(attempt = attempts, ?format, failure = failed.text.as_str(), "the token request failed");
            let has_time = !left(self.clock.now()).is_zero();
            if let Ok(endpoints) = &found {
                let (text, method) = (failed.text.clone(), endpoints.authentication.name());
                let answer = Answer { format, method, status: failed.status, oauth: failed.oauth.clone(), text };
                answers.retain(|(other, _)| other.format != format);
                answers.push((answer, failed.clone()));
                if failed.code() == Some("use_dpop_nonce") && failed.has_nonce && has_time && !was_told_nonce {
                    was_told_nonce = true;
                    continue;
                }
                if !is_decided && has_time && format == BodyFormat::Json && answer::may_want_another_format(&failed) {
                    format = BodyFormat::Form;
                    is_decided = true;
                    continue;
                }
            }
            // Nobody needs a new token yet, unless the old one is gone meanwhile.
            let is_idle = start.background && slot.held.load().as_ref().is_some_and(|token| token.is_fresh(self.clock.now()));
            let retries = if is_idle { 0 } else { config.retry.retries };
            let allowed = match failed.again {
                Again::Never => 0,
                Again::Once => retries.min(1),
                Again::Yes => retries,
            };
            let now = self.clock.now();
            // An HTTP client's clock may be a little ahead of this one, and what is left then is enough for nothing.
            let is_late = left(now).is_zero() || (failed.timed_out && left(now) < config.deadline / 20);
            if pauses < allowed && !is_late {
                let longest = config.retry.first.saturating_mul(1 << pauses.min(20)).min(config.retry.longest);
                let pause = failed.retry_after.unwrap_or_default().saturating_add(longest.mul_f64(draw(now)));
                if pause < left(now) {
                    pauses += 1;
                    self.clock.sleep(pause).await;
                    continue;
                }
            }
            let failed = if found.is_ok() { decisive(&answers) } else { failed };
            let is_late = is_late && failed.again != Again::Never;
            let answers = answers.into_iter().map(|(answer, _)| answer).collect();
            let error = self.error(&failed, found.ok().as_deref(), answers, attempts, is_late);
            return Outcome::Failed { error, failed, secret };
        }
    }

    /// The secret or assertion could not be read, or the key did not sign, in time or at all.
    fn not_proven(&self, why: Option<String>, answers: Vec<(Answer, Failed)>, attempts: u32) -> Outcome {
        let kind = if why.is_some() { ErrorKind::Secret } else { ErrorKind::Timeout };
        let text = why.unwrap_or_else(|| match self.config.credential.0 {
            Kind::Secret(_) => format!("the client secret could not be read within {:?}", self.config.deadline),
            _ => format!("there was no assertion within {:?}", self.config.deadline),
        });
        let failed = Failed::new(kind, text.clone(), Again::Never, CooldownClass::Transient);
        let answers = answers.into_iter().map(|(answer, _)| answer).collect();
        let parts = ErrorParts { kind, text, advice: None, oauth: None, status: None, retryable: true, attempts, answers };
        Outcome::Failed { error: Error::from_inner(parts), failed, secret: None }
    }

    /// The format to begin with, and whether it stays.
    fn format(&self) -> (BodyFormat, bool) {
        match (self.config.body_format, self.working_format.load(Ordering::Relaxed)) {
            (BodyFormat::Auto, 0) => (BodyFormat::Json, false),
            (BodyFormat::Auto, 1) => (BodyFormat::Json, true),
            (BodyFormat::Auto, _) => (BodyFormat::Form, true),
            (format, _) => (format, true),
        }
    }

    /// One token request.
    async fn attempt(
        &self,
        slot: &Slot,
        endpoints: &Endpoints,
        (proof, secret): (&Proof, Option<&Secret>),
        format: BodyFormat,
        left: Duration,
        status: &mut Option<StatusCode>,
    ) -> Result<Token, Failed> {
        let config = &self.config;
        let scrub = self.scrub(&endpoints.token, proof, secret);
        let parts = Parts { endpoint: &endpoints.token, client_id: &config.client_id, proof, request: &slot.request, format };
        let request = token_request(&parts).map_err(|error| unwritten(&error, &scrub))?;
        #[cfg(feature = "jwt")]
        let (request, scrub) = self.with_possession(request, scrub, endpoints, left).await?;
        let limits = Limits { total: config.limits.total.min(left), ..config.limits };
        let sent = self.clock.now();
        let answer = within(&*self.clock, limits.total, self.http.send(request, limits)).await;
        let arrived = self.clock.now();
        let response = answer::received(answer, limits).map_err(|error| answer::failed_transport(&error, &scrub))?;
        *status = Some(response.status());
        let answer = answer::read(&response, config.token_type(), config.leniency, arrived, &scrub);
        #[cfg(feature = "jwt")]
        let answer = {
            // A success may have one as well, which then counts for the next request (RFC 9449, section 8.2).
            let has_nonce = config.dpop.is_some() && self.nonces.learn(Side::AuthorizationServer, &endpoints.token, response.headers());
            answer.map_err(|failed| Failed { has_nonce, ..failed })
        };
        let answer = answer?;
        if let Some(granted) = &answer.scope {
            let granted: Vec<&str> = granted.split_whitespace().collect();
            let asked = &slot.request.scopes;
            let required = config.required_scopes.iter().filter(|scope| asked.is_empty() || asked.contains(scope));
            let missing: Vec<&str> = required.map(String::as_str).filter(|scope| !granted.contains(scope)).collect();
            if !missing.is_empty() {
                let text = format!("the server did not grant the scope {}", missing.join(" "));
                return Err(Failed::new(ErrorKind::ScopeDowngrade, text, Again::Never, CooldownClass::Short));
            }
        }
        Token::new(answer, config.token_type(), &config.freshness, sent, arrived).map_err(|_| {
            let text = "HTTP 200 with an access_token that does not fit into a header";
            Failed::new(ErrorKind::InvalidResponse, text, Again::Never, CooldownClass::Short)
        })
    }

    /// The result, if it is there in time.
    pub(crate) async fn in_time<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        within(&*self.clock, time, work).await
    }

    /// Strikes out all that is secret in a request to this endpoint.
    fn scrub(&self, endpoint: &Uri, proof: &Proof, secret: Option<&Secret>) -> Scrub {
        Scrub::new(&self.config.client_id, secret.map_or("", Secret::expose), endpoint.query()).and(proof.secret())
    }

    /// The request with a proof that the client has the key, if tokens are to be bound to one (RFC 9449, section 5).
    #[cfg(feature = "jwt")]
    async fn with_possession(
        &self,
        mut request: Request<Bytes>,
        scrub: Scrub,
        endpoints: &Endpoints,
        left: Duration,
    ) -> Result<(Request<Bytes>, Scrub), Failed> {
        if self.config.dpop.is_none() {
            return Ok((request, scrub));
        }
        let proof = self.possession(endpoints, Side::AuthorizationServer, &Method::POST, &endpoints.token, None);
        let proof = match within(&*self.clock, left, proof).await {
            Some(Ok(proof)) => proof,
            Some(Err(why)) => return Err(Failed::new(ErrorKind::Secret, why, Again::Never, CooldownClass::Transient)),
            None => {
                let mut failed = Failed::new(ErrorKind::Timeout, "the key did not sign in time", Again::Yes, CooldownClass::Transient);
                failed.timed_out = true;
                return Err(failed);
            }
        };
        let scrub = scrub.and(proof.to_str().ok().and_then(|proof| proof.rsplit('.').next()).unwrap_or_default());
        request.headers_mut().insert(DPOP, proof);
        Ok((request, scrub))
    }

    /// A proof for one request, to the authorization server or to a resource server.
    #[cfg(feature = "jwt")]
    async fn possession(
        &self,
        endpoints: &Endpoints,
        side: Side,
        method: &Method,
        target: &Uri,
        token: Option<&str>,
    ) -> Result<HeaderValue, String> {
        let (key, algorithm) = self.config.dpop.as_ref().zip(endpoints.dpop_algorithm).ok_or("there is no key for DPoP")?;
        let nonce = self.nonces.of(side, target);
        let what = Use { method, target, token, nonce: nonce.as_deref(), now: self.clock.now().wall };
        let proof = crate::jwt::proof(key, algorithm, &what).await?;
        let mut proof = HeaderValue::try_from(proof).map_err(|error| error.to_string())?;
        proof.set_sensitive(true);
        Ok(proof)
    }

    /// The headers by which a token authorizes one request (RFC 6750, section 2.1; RFC 9449, section 7.1).
    #[cfg_attr(not(feature = "jwt"), expect(clippy::unused_async, reason = "with keys there is something to wait for"))]
    pub(crate) async fn headers_for(&self, token: &Token, method: &Method, target: &Uri) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token.header().clone());
        #[cfg(feature = "jwt")]
        if token.token_type() == TokenType::Dpop {
            let endpoints = self.server.held().ok_or_else(|| Error::new(ErrorKind::Secret, "the token is not one of this client"))?;
            let work = self.possession(&endpoints, Side::ResourceServer, method, target, Some(token.access_token()));
            let proof =
                within(&*self.clock, self.config.deadline, work).await.unwrap_or_else(|| Err("the key did not sign in time".to_owned()));
            let failed =
                |why| Error::new(ErrorKind::Secret, format!("there is no proof for the request to {}: {why}", address::host(target)));
            headers.insert(DPOP, proof.map_err(failed)?);
        }
        #[cfg(not(feature = "jwt"))]
        let _ = (method, target);
        Ok(headers)
    }

    /// Remembers the nonce of a resource server's answer. Whether there is one.
    #[cfg(feature = "jwt")]
    pub(crate) fn learn_nonce(&self, target: &Uri, headers: &HeaderMap) -> bool {
        self.nonces.learn(Side::ResourceServer, target, headers)
    }

    /// What the authorization server says of itself.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        if let Address::TokenEndpoint(_) = self.config.address {
            return Err(Error::configuration(
                "the client was given a token endpoint; metadata is for clients made with Client::discover()",
            ));
        }
        let found = self.server.endpoints(self.config.deadline).await;
        let found = found.map_err(|failed| self.error(&failed, None, Vec::new(), 1, false))?;
        found.metadata.clone().ok_or_else(|| Error::new(ErrorKind::Discovery, "there is no metadata"))
    }

    /// `endpoints`: none when it was these that could not be had.
    fn error(&self, failed: &Failed, endpoints: Option<&Endpoints>, answers: Vec<Answer>, attempts: u32, is_late: bool) -> Error {
        let tried = if attempts > 1 { format!(" after {attempts} attempts") } else { String::new() };
        let text = match endpoints {
            Some(endpoints) => {
                let name = |answer: &Answer| if answer.format == BodyFormat::Json { "JSON" } else { "a form" };
                let ways: Vec<&str> = answers.iter().map(name).collect();
                let how = format!("{} in {}", endpoints.authentication.name(), ways.join(", then in "));
                let host = address::host(&endpoints.token);
                let text = format!("the token request to {host} failed{tried}: {} [{how}]", failed.text);
                match &answers[..] {
                    [first, second] => {
                        let other = if second.text == failed.text { first } else { second };
                        format!("{text}; the answer to {} was: {}", name(other), other.text)
                    }
                    _ => text,
                }
            }
            None => format!("the metadata of {} cannot be used{tried}: {}", address::host(self.config.address.uri()), failed.text),
        };
        Error::from_inner(ErrorParts {
            kind: if is_late { ErrorKind::Timeout } else { failed.kind },
            text,
            advice: endpoints.and_then(|endpoints| self.advice(failed, endpoints, &answers)),
            oauth: failed.oauth.clone(),
            status: failed.status,
            retryable: is_late || failed.again != Again::Never || failed.cooldown == CooldownClass::Transient,
            attempts,
            answers,
        })
    }

    /// The likely way out.
    fn advice(&self, failed: &Failed, endpoints: &Endpoints, answers: &[Answer]) -> Option<String> {
        let config = &self.config;
        let formats = match config.body_format {
            BodyFormat::Json => " The body format is pinned to JSON; many servers take only forms.",
            _ if answers.len() == 1 && answers[0].format == BodyFormat::Form => " A few servers take only JSON (BodyFormat::Json).",
            _ => "",
        };
        let code = failed.code().filter(|_| failed.kind == ErrorKind::OAuth)?;
        let text = match (code, endpoints.authentication) {
            ("invalid_client", ClientAuthentication::SecretPost) if failed.wants_basic => {
                "Check the client's identifier and secret. The server asks for HTTP Basic: try ClientAuthentication::SecretBasic.".to_owned()
            }
            ("invalid_client", ClientAuthentication::SecretPost) => {
                format!("Check the client's identifier and secret; a server that wants HTTP Basic needs ClientAuthentication::SecretBasic.{formats}")
            }
            ("invalid_client", ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded)) => {
                "Check the client's identifier and secret; the server may want them raw (BasicEncoding::Raw), or in the body \
                 (ClientAuthentication::SecretPost)."
                    .to_owned()
            }
            ("invalid_client", ClientAuthentication::SecretBasic(BasicEncoding::Raw)) => {
                "Check the client's identifier and secret; the server may want them form-encoded (BasicEncoding::FormUrlEncoded), or in the \
                 body (ClientAuthentication::SecretPost)."
                    .to_owned()
            }
            ("invalid_client", ClientAuthentication::PrivateKeyJwt) => {
                "Check the client's identifier, that the server knows the public key (and its kid), the audience (AssertionAudience), and this \
                 machine's clock."
                    .to_owned()
            }
            ("invalid_client", ClientAuthentication::SecretJwt(_)) => {
                "Check the client's identifier and secret, the audience (AssertionAudience), and this machine's clock.".to_owned()
            }
            ("invalid_client", ClientAuthentication::Assertion) => {
                "Check the client's identifier, and issuer, subject, audience and age of the assertion.".to_owned()
            }
            ("invalid_client", ClientAuthentication::TlsClientAuth | ClientAuthentication::SelfSignedTlsClientAuth) => {
                "Check the client's identifier, and the certificate that the server knows for it; a proxy on the way may keep it back."
                    .to_owned()
            }
            ("invalid_dpop_proof" | "use_dpop_nonce", _) => {
                "Check this machine's clock, the address of the token endpoint, and which algorithms the server takes for DPoP.".to_owned()
            }
            ("unauthorized_client", _) => "Allow the client credentials grant for this client at the authorization server.".to_owned(),
            ("unsupported_grant_type" | "invalid_request", _) => {
                format!("Check the address of the token endpoint, and which parameters the server wants.{formats}")
            }
            ("invalid_scope", _) => "Ask for scopes that this client was given at the authorization server.".to_owned(),
            ("invalid_target", _) => "Ask for resources that the authorization server knows; some allow only one at a time.".to_owned(),
            _ => return None,
        };
        let advertised = endpoints.advertised().filter(|_| code == "invalid_client");
        let Some(methods) = advertised else { return Some(text) };
        let methods = Scrub::new("", "", None).text(&methods.join(", "), 200);
        Some(format!("{text} The server says that it takes {methods}."))
    }

    /// Keeps what a flight brought. `None` when it is not the one that is under way: everything was forgotten, or it is settled.
    fn settle(&self, slot: &Slot, number: u64, began: Duration, background: bool, outcome: Outcome) -> Option<FlightResult> {
        let now = self.clock.now();
        let mut state = slot.lock();
        if state.flight.as_ref().is_none_or(|(current, _)| *current != number) {
            return None;
        }
        state.flight = None;
        let request = slot.request.clone();
        let (result, event) = match outcome {
            Outcome::Fetched(token) => {
                state.failure = None;
                state.last_error = None;
                state.stale_was_told = false;
                state.not_before = if token.0.is_fleeting(now) { now.monotonic + NOT_KEPT } else { Duration::ZERO };
                *lock(&self.failure) = None;
                slot.refresh_from.store(milliseconds(now.monotonic + NOT_KEPT), Ordering::Relaxed);
                let before = slot.held.swap(Some(Arc::clone(&token.0)));
                let was_held = before.is_some_and(|before| !before.has_expired(now));
                let plan = token.plan();
                let event = if was_held { Event::Refreshed { request, plan } } else { Event::Fetched { request, plan } };
                (Ok(token), event)
            }
            Outcome::SameSecret(error) => return Some(Err(error)),
            Outcome::Failed { error, failed, secret } => {
                let mut shared = lock(&self.failure);
                let place = if failed.is_about_the_client() { &mut *shared } else { &mut state.failure };
                let class = failed.cooldown;
                // After a long time it is a new story.
                let before = place.as_ref().filter(|failure| failure.class == class);
                let before = before.filter(|failure| now.monotonic < failure.until.monotonic.saturating_add(REJECTED.1));
                let (count, since) = match before {
                    // The same outage, as others who asked beside it saw it.
                    Some(failure) if began <= failure.seen => (failure.count, failure.since),
                    Some(failure) => (failure.count.saturating_add(1), failure.since),
                    None => (1, now.monotonic),
                };
                let mut duration = self.config.cooldown.duration(class, count, background);
                if class == CooldownClass::Transient {
                    // Not all at once, when many lost the server at the same moment.
                    duration = duration.mul_f64(1.0 - 0.25 * draw(now));
                }
                if !duration.is_zero() {
                    duration = duration.max(failed.retry_after.unwrap_or_default());
                }
                let earlier = place.as_ref().map(|failure| failure.until).filter(|until| until.left(now) > duration);
                let error = match (earlier, before.is_some()) {
                    // What lasts longer stays.
                    (Some(until), false) => error.with_retry_at(Some(until.wall)),
                    _ if duration.is_zero() => {
                        *place = None;
                        error
                    }
                    (earlier, _) => {
                        let until = earlier.unwrap_or_else(|| Deadline::after(now, duration));
                        let error = error.with_retry_at(Some(until.wall));
                        let refused = secret.filter(|_| class == CooldownClass::Rejected && self.config.credential.may_change());
                        let is_certain = class == CooldownClass::Rejected || (failed.status.is_none() && !background);
                        let mut failure = Failure {
                            error: error.clone(),
                            class,
                            count,
                            since,
                            seen: now.monotonic,
                            is_certain,
                            tried_until: place.as_ref().map_or(Duration::ZERO, |failure| failure.tried_until),
                            until,
                            refused,
                            check_at: Duration::ZERO,
                        };
                        failure.check_at = failure.next_check(now);
                        *place = Some(failure);
                        error
                    }
                };
                drop(shared);
                state.met = now.monotonic;
                state.last_error = Some(error.clone());
                state.stale_was_told = false;
                (Err(error.clone()), Event::Failed { request, error })
            }
        };
        drop(state);
        self.tell(&event);
        Some(result)
    }

    pub(crate) fn sign_out(&self) {
        self.forget_tokens(&signed_out());
        self.tell(&Event::SignedOut);
    }

    /// The last client is gone.
    pub(crate) fn close(&self) {
        self.forget_tokens(&Error::new(ErrorKind::SignedOut, "the client was dropped while a token was requested"));
        self.hub.close();
    }

    fn forget_tokens(&self, error: &Error) {
        for slot in self.all_slots() {
            let mut state = slot.lock();
            slot.generation.fetch_add(1, Ordering::Release);
            state.last_error = None;
            state.stale_was_told = false;
            slot.held.store(None);
            let flight = state.flight.take();
            drop(state);
            if let Some((_, flight)) = flight {
                flight.finish(Err(error.clone()));
            }
        }
    }

    fn all_slots(&self) -> Vec<Arc<Slot>> {
        let mut slots = vec![self.default_slot()];
        slots.extend(lock(&self.slots).values().cloned());
        slots
    }

    pub(crate) fn reset(&self) {
        for slot in self.all_slots() {
            let mut state = slot.lock();
            state.failure = None;
            state.rejections = None;
            slot.refresh_from.store(0, Ordering::Relaxed);
        }
        *lock(&self.failure) = None;
    }

    pub(crate) fn invalidate(&self, slot: &Slot, rejected: &Token) -> Invalidated {
        let now = self.clock.now();
        let mut state = slot.lock();
        let is_it = |held: &Token| held.header() == rejected.header() && !held.0.has_expired(now);
        let Some(held) = slot.held.load_full().map(Token).filter(is_it) else {
            return Invalidated::AlreadyReplaced;
        };
        if now.monotonic.saturating_sub(held.0.arrived) < JUST_MINTED {
            return Invalidated::JustMinted;
        }
        if state.rejections.is_some_and(|rejections| now.monotonic < rejections.until) {
            return Invalidated::CoolingDown;
        }
        // After a long time without one it is a new story.
        let recent = state.rejections.filter(|rejections| now.monotonic < rejections.until.saturating_add(REJECTED.1));
        let count = recent.map_or(0, |rejections| rejections.count);
        let pause = REJECTED.0.saturating_mul(1 << count.min(10)).min(REJECTED.1);
        state.rejections = Some(Rejections { count: count.saturating_add(1), until: now.monotonic.saturating_add(pause) });
        slot.was_rejected.store(true, Ordering::Relaxed);
        slot.held.store(None);
        drop(state);
        self.tell(&Event::Invalidated { request: slot.request.clone() });
        Invalidated::Dropped
    }

    /// Revokes a token at the server, and drops it wherever it is held.
    pub(crate) async fn revoke(&self, token: &Token) -> Result<(), Error> {
        self.server.revoke(token.access_token()).await?;
        for slot in self.all_slots() {
            let state = slot.lock();
            let is_it = slot.held.load().as_ref().is_some_and(|held| Token(Arc::clone(held)).header() == token.header());
            if is_it {
                slot.held.store(None);
            }
            drop(state);
            if is_it {
                self.tell(&Event::Revoked { request: slot.request.clone() });
            }
        }
        Ok(())
    }

    pub(crate) async fn introspect(&self, token: &str) -> Result<Introspection, Error> {
        self.server.introspect(token).await
    }

    pub(crate) fn allows_http_on_loopback(&self) -> bool {
        self.config.http_on_loopback
    }

    pub(crate) fn allows(&self, slot: &Slot, target: &Uri) -> bool {
        self.config.origins.iter().chain(&slot.origins).any(|origin| origin.has(target))
    }

    pub(crate) fn status(&self, slot: &Slot) -> Status {
        let now = self.clock.now();
        let token = slot.held.load_full().filter(|token| !token.has_expired(now)).map(Token);
        let state = slot.lock();
        let shared = lock(&self.failure);
        let cooling = [&state.failure, &*shared].into_iter().flatten().filter_map(|failure| failure.holds_until(state.met, now));
        let cooling_until: Option<SystemTime> = cooling.map(|until| until.wall).max();
        drop(shared);
        Status {
            at: now.wall,
            authorized: token.is_some(),
            authorizing: state.flight.as_ref().is_some_and(|(_, flight)| flight.is_under_way()),
            plan: token.as_ref().map(Token::plan),
            last_error: state.last_error.clone(),
            cooling_until,
            body_format: match self.format() {
                (format, true) => format,
                (_, false) => BodyFormat::Auto,
            },
        }
    }

    pub(crate) fn subscribe(&self) -> Events {
        self.hub.subscribe()
    }

    fn tell(&self, event: &Event) {
        #[cfg(feature = "tracing")]
        match event {
            Event::Failed { error, .. } => tracing::warn!(%error, "no token"),
            Event::ServedStale { .. } => tracing::warn!("a stale token is served"),
            Event::Fetched { .. } | Event::Refreshed { .. } => tracing::debug!("a new token"),
            Event::Invalidated { .. } => tracing::info!("a token was refused and dropped"),
            Event::Revoked { .. } => tracing::info!("a token was revoked"),
            Event::SignedOut => tracing::debug!("signed out"),
        }
        self.observe(|observer| observer.event(event));
        self.hub.tell(event);
    }

    /// Whatever an observer does, callers get their token.
    fn observe(&self, told: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.config.observer {
            let _ = catch_unwind(AssertUnwindSafe(|| told(&**observer)));
        }
    }
}

/// One HTTP request, by the names that OpenTelemetry has for HTTP client spans.
#[cfg(feature = "tracing")]
fn attempt_span(endpoint: &Uri, number: u32) -> tracing::Span {
    let port = endpoint.port_u16().unwrap_or(if endpoint.scheme() == Some(&http::uri::Scheme::HTTP) { 80 } else { 443 });
    tracing::debug_span!(
        "token_request_attempt",
        otel.name = "POST",
        otel.kind = "client",
        http.request.method = "POST",
        http.request.resend_count = (number > 1).then(|| number - 1),
        http.response.status_code = tracing::field::Empty,
        server.address = endpoint.host(),
        server.port = port,
        error.type = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    )
}

#[cfg(feature = "tracing")]
fn record_attempt(span: &tracing::Span, status: Option<StatusCode>, failed: Option<&Failed>) {
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if let Some(failed) = failed {
        span.record("otel.status_code", "ERROR");
        match status.filter(|status| !status.is_success()) {
            Some(status) => span.record("error.type", status.as_str()),
            None => span.record("error.type", failed.kind.name()),
        };
    }
}

enum Cooling {
    Not,
    /// Unless the secret has changed since it was refused.
    CheckSecret(Secret, Error),
    Until(Error, Deadline),
}

/// As it stands in an atomic.
fn milliseconds(moment: Duration) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
}

/// The failure that says most: one that may pass, else a token that cannot be used, else a refused client, else any word of OAuth, else
/// the last.
fn decisive(answers: &[(Answer, Failed)]) -> Failed {
    let worth = |failed: &Failed| match (failed.kind, failed.code()) {
        (ErrorKind::UnsupportedTokenType | ErrorKind::BindingDowngrade | ErrorKind::ScopeDowngrade, _) => 3,
        (_, Some("invalid_client")) => 2,
        (_, Some(_)) => 1,
        (_, None) => 0,
    };
    let last = answers.last().map(|(_, failed)| failed);
    let decisive = match last {
        Some(last) if last.again == Again::Yes => Some(last),
        // Of several that say as much, `max_by_key` takes the last.
        _ => answers.iter().map(|(_, failed)| failed).max_by_key(|failed| worth(failed)),
    };
    decisive.cloned().unwrap_or_else(|| Failed::new(ErrorKind::Transport, "nothing was sent", Again::Never, CooldownClass::Short))
}

/// A request that cannot be sent.
fn unwritten(error: &http::Error, scrub: &Scrub) -> Failed {
    let text = format!("it cannot be written: {}", scrub.text(&error.to_string(), 200));
    Failed::new(ErrorKind::Configuration, text, Again::Never, CooldownClass::Short)
}

pub(crate) fn signed_out() -> Error {
    Error::new(ErrorKind::SignedOut, "signed out while a token was requested")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        let mut debug = formatter.debug_struct("Engine");
        // Without path and query, in which some services want a key.
        debug.field("server", &address::shown(config.address.uri())).field("client_id", &config.client_id);
        debug.field("credential", &config.credential);
        debug.field("authentication", &config.authentication).field("body_format", &config.body_format).field("request", &config.request);
        debug.field("freshness", &config.freshness).field("retry", &config.retry).field("cooldown", &config.cooldown);
        debug.finish_non_exhaustive()
    }
}
