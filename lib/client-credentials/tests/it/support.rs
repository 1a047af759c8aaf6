//! An HTTP client and a runtime that do what a test says.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
pub(crate) use client_credentials::testkit::VirtualClock;
use client_credentials::{BoxFuture, Client, ClientBuilder, HttpClient, Limits, Spawn, TransportError, TransportErrorKind};
use http::{Request, Response, StatusCode};

/// When the clock begins.
pub(crate) const START: u64 = VirtualClock::START;

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Does {
    Answers(StatusCode, Vec<(&'static str, String)>, String),
    Fails(TransportErrorKind),
    /// Answers only when the test says so.
    Waits,
    Panics,
}

/// A success with a token.
pub(crate) fn token(token: &str, expires_in: u64) -> Does {
    json(200, &format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{expires_in}}}"#))
}

pub(crate) fn json(status: u16, body: &str) -> Does {
    let headers = vec![("content-type", "application/json".to_owned())];
    Does::Answers(StatusCode::from_u16(status).unwrap(), headers, body.to_owned())
}

pub(crate) fn refuses(status: u16, code: &str) -> Does {
    json(status, &format!(r#"{{"error":"{code}"}}"#))
}

/// Stands for an authorization server.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<ServerState>>);

#[derive(Default)]
struct ServerState {
    script: VecDeque<Does>,
    otherwise: Option<Does>,
    requests: Vec<Request<Bytes>>,
    under_way: usize,
    most_under_way: usize,
    released: Option<Does>,
    waiting: Vec<Waker>,
}

impl Server {
    /// Does this, one after the other, and the last for ever.
    pub(crate) fn new(script: impl IntoIterator<Item = Does>) -> Self {
        let server = Self::default();
        server.then(script);
        server
    }

    pub(crate) fn then(&self, script: impl IntoIterator<Item = Does>) {
        let mut state = self.0.lock().unwrap();
        state.script = script.into_iter().collect();
        state.otherwise = state.script.back().cloned();
    }

    /// Answers the requests that wait.
    pub(crate) fn release(&self, does: Does) {
        let mut state = self.0.lock().unwrap();
        state.released = Some(does);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// An answer that nobody waited for any more is not for the next request.
    pub(crate) fn forget_release(&self) {
        self.0.lock().unwrap().released = None;
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.lock().unwrap().requests.len()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.iter().map(|request| String::from_utf8(request.body().to_vec()).unwrap()).collect()
    }

    pub(crate) fn header(&self, index: usize, name: &str) -> Option<String> {
        let state = self.0.lock().unwrap();
        Some(state.requests[index].headers().get(name)?.to_str().unwrap().to_owned())
    }

    /// Method and address of each.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.iter().map(|request| format!("{} {}", request.method(), request.uri())).collect()
    }

    /// Requests that nobody has given up and that have no answer.
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().unwrap().under_way
    }

    pub(crate) fn most_under_way(&self) -> usize {
        self.0.lock().unwrap().most_under_way
    }
}

struct UnderWay(Server);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().under_way -= 1;
    }
}

impl HttpClient for Server {
    fn send(&self, request: Request<Bytes>, _limits: Limits) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let server = self.clone();
        Box::pin(async move {
            let does = {
                let mut state = server.0.lock().unwrap();
                state.requests.push(request);
                state.under_way += 1;
                state.most_under_way = state.most_under_way.max(state.under_way);
                state.script.pop_front().or_else(|| state.otherwise.clone()).expect("the test says what the server does")
            };
            let _under_way = UnderWay(server.clone());
            let does = match does {
                Does::Waits => {
                    poll_fn(|context| {
                        let mut state = server.0.lock().unwrap();
                        match state.released.take() {
                            Some(does) => Poll::Ready(does),
                            None => {
                                state.waiting.push(context.waker().clone());
                                Poll::Pending
                            }
                        }
                    })
                    .await
                }
                does => does,
            };
            match does {
                Does::Answers(status, headers, body) => {
                    let mut response = Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    Ok(response.body(Bytes::from(body)).unwrap())
                }
                Does::Fails(kind) => Err(TransportError::new(kind, format!("{kind:?}"))),
                Does::Waits => unreachable!("a release is an answer"),
                Does::Panics => panic!("as the test wants it"),
            }
        })
    }
}

/// Keeps tasks until a test runs them.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(task);
    }
}

impl Tasks {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Polls every task once, and drops those that are done.
    pub(crate) fn run(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        let mut context = Context::from_waker(Waker::noop());
        for mut task in tasks {
            if task.as_mut().poll(&mut context).is_pending() {
                self.0.lock().unwrap().push(task);
            }
        }
    }

    /// As a runtime does that ends.
    pub(crate) fn drop_all(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        drop(tasks);
    }
}

/// A client of such a server, by such a clock.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) server: Server,
    pub(crate) tasks: Tasks,
}

impl World {
    pub(crate) fn new(script: impl IntoIterator<Item = Does>) -> Self {
        Self { clock: VirtualClock::new(), server: Server::new(script), tasks: Tasks::default() }
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder("https://auth.example/token", "my-id", "my-secret")
            .http_client(self.server.clone())
            .clock(self.clock.clone())
            .spawn(self.tasks.clone())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// Waits for the future, and moves the clock whenever everything sleeps.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.clock.run(future)
    }
}

/// Polls once.
pub(crate) fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}
