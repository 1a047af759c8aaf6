//! Token requests by ureq, for threads that may block.

use std::io;

use bytes::Bytes;
use futures_channel::oneshot;
use http::uri::Scheme;
use zeroize::Zeroizing;

use crate::engine::Config;
use crate::{BoxFuture, Error, HttpClient, Limits, TransportError, TransportErrorKind};

pub(crate) struct UreqClient(ureq::Agent);

impl UreqClient {
    #[cfg_attr(not(feature = "rustls"), expect(clippy::unnecessary_wraps, reason = "only TLS can be told something wrong"))]
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mut builder = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .accept_encoding(ureq::config::AutoHeaderValue::None)
            .timeout_connect(Some(config.limits.connect));
        if config.address.uri().scheme() == Some(&Scheme::HTTP) {
            // A proxy would read the secret.
            builder = builder.proxy(None);
        }
        #[cfg(feature = "rustls")]
        {
            builder = builder.tls_config(tls(config)?);
        }
        Ok(Self(builder.build().into()))
    }
}

/// Whom to trust, and what to show.
#[cfg(feature = "rustls")]
fn tls(config: &Config) -> Result<ureq::tls::TlsConfig, Error> {
    use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

    let certificates = |pem: &str, what: &str| {
        let items: Result<Vec<PemItem<'_>>, _> = parse_pem(pem.as_bytes()).collect();
        let items = items.map_err(|error| Error::configuration(format!("{what} cannot be read: {error}")))?;
        let certificates = items.into_iter().filter_map(|item| if let PemItem::Certificate(one) = item { Some(one) } else { None });
        Ok::<Vec<Certificate<'static>>, Error>(certificates.map(|one| one.to_owned()).collect())
    };
    let roots = match &config.roots {
        Some(pem) => RootCerts::new_with_certs(&certificates(pem, "the root certificates")?),
        None => RootCerts::PlatformVerifier,
    };
    let mut shown = None;
    if let Some(pem) = config.certificate.as_ref().and_then(|certificate| certificate.0.as_ref()) {
        let key = PrivateKey::from_pem(pem.key.expose().as_bytes());
        let key =
            key.map_err(|error| Error::configuration(format!("the private key of the client certificate cannot be read: {error}")))?;
        shown = Some(ClientCert::new_with_certs(&certificates(&pem.certificates, "the client certificate")?, key));
    }
    Ok(TlsConfig::builder().root_certs(roots).client_cert(shown).build())
}

impl HttpClient for UreqClient {
    /// Asks on a thread that ends with the request, after at most [`Limits::total`], so that who waits can be told that time is up.
    fn send(&self, request: http::Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let agent = self.0.clone();
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let thread = std::thread::Builder::new().name("token request".to_owned());
            thread
                .spawn(move || {
                    // Nobody may want to know any more.
                    let _ = tell.send(ask(&agent, request, limits));
                })
                .map_err(|error| TransportError::new(TransportErrorKind::Other, format!("no thread for a request: {error}")))?;
            told.await.unwrap_or_else(|_| Err(TransportError::new(TransportErrorKind::Other, "the HTTP client panicked")))
        })
    }
}

fn ask(agent: &ureq::Agent, request: http::Request<Bytes>, limits: Limits) -> Result<http::Response<Bytes>, TransportError> {
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, &body[..]);
    let request = agent.configure_request(request).timeout_global(Some(limits.total)).build();
    let mut answer = agent.run(request).map_err(failed)?;
    let too_large = || TransportError::new(TransportErrorKind::TooLarge, format!("an answer of more than {} bytes", limits.max_body));
    if answer.body().content_length().is_some_and(|length| length > limits.max_body as u64) {
        return Err(too_large());
    }
    let body = match answer.body_mut().with_config().limit(limits.max_body as u64 + 1).read_to_vec() {
        Ok(body) => Zeroizing::new(body),
        Err(ureq::Error::BodyExceedsLimit(_)) => return Err(too_large()),
        Err(error) => return Err(failed(error)),
    };
    if body.len() > limits.max_body {
        return Err(too_large());
    }
    let (parts, _) = answer.into_parts();
    Ok(http::Response::from_parts(parts, Bytes::from_owner(body)))
}

fn failed(error: ureq::Error) -> TransportError {
    let kind = match &error {
        ureq::Error::Timeout(_) => TransportErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => TransportErrorKind::Connect,
        ureq::Error::Tls(_) => TransportErrorKind::Tls,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => TransportErrorKind::Timeout,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound | io::ErrorKind::AddrNotAvailable => TransportErrorKind::Connect,
            io::ErrorKind::InvalidData => TransportErrorKind::Tls,
            _ => TransportErrorKind::Interrupted,
        },
        ureq::Error::Protocol(_) => TransportErrorKind::Interrupted,
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => TransportErrorKind::Redirect,
        ureq::Error::BodyExceedsLimit(_) | ureq::Error::LargeResponseHeader(..) => TransportErrorKind::TooLarge,
        _ => TransportErrorKind::Other,
    };
    TransportError::new(kind, error.to_string())
}
