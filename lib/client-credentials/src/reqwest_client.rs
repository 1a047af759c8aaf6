//! Token requests by reqwest. No type of reqwest's is part of the library's interface.

use std::error::Error as _;
use std::io;

use bytes::Bytes;
use http::uri::Scheme;
use zeroize::Zeroizing;

use crate::engine::Config;
use crate::{BoxFuture, Error, HttpClient, Limits, TransportError, TransportErrorKind};

pub(crate) struct ReqwestClient(reqwest::Client);

impl ReqwestClient {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder().connect_timeout(config.limits.connect).redirect(reqwest::redirect::Policy::none());
        // Nothing is decompressed, whatever features others switch on: what is small on the way must not be large in memory.
        builder = builder.no_gzip().no_brotli().no_deflate().no_zstd().referer(false);
        if config.address.uri().scheme() == Some(&Scheme::HTTP) {
            // A proxy would read the secret.
            builder = builder.no_proxy();
        }
        let failed = |error: reqwest::Error| {
            let cause = error.source().map_or(String::new(), |cause| format!(": {cause}"));
            Error::configuration(format!("the HTTP client cannot be made: {error}{cause}"))
        };
        #[cfg(feature = "rustls")]
        {
            builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
            if let Some(pem) = &config.roots {
                builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(failed)?);
            }
            if let Some(pem) = config.certificate.as_ref().and_then(|certificate| certificate.0.as_ref()) {
                let both = Zeroizing::new(format!("{}\n{}", pem.certificates, pem.key.expose()));
                builder = builder.identity(reqwest::Identity::from_pem(both.as_bytes()).map_err(failed)?);
            }
        }
        Ok(Self(builder.build().map_err(failed)?))
    }
}

impl HttpClient for ReqwestClient {
    fn send(&self, request: http::Request<Bytes>, limits: Limits) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            if tokio::runtime::Handle::try_current().is_err() {
                let text = "reqwest needs a Tokio runtime: call from within one, use blocking::Client, or give another http_client()";
                return Err(TransportError::new(TransportErrorKind::Other, text));
            }
            let (parts, body) = request.into_parts();
            let url = parts.uri.to_string();
            let request = self.0.request(parts.method, url).headers(parts.headers).body(body).timeout(limits.total);
            let mut answer = request.send().await.map_err(failed)?;
            let too_large =
                || TransportError::new(TransportErrorKind::TooLarge, format!("an answer of more than {} bytes", limits.max_body));
            if answer.content_length().is_some_and(|length| length > limits.max_body as u64) {
                return Err(too_large());
            }
            let mut body = Zeroizing::new(Vec::with_capacity(answer.content_length().map_or(4 * 1024, |length| length as usize)));
            while let Some(chunk) = answer.chunk().await.map_err(failed)? {
                let length = body.len() + chunk.len();
                if length > limits.max_body {
                    return Err(too_large());
                }
                if length > body.capacity() {
                    // Grown by hand, so that what is left behind is overwritten.
                    let mut larger = Zeroizing::new(Vec::with_capacity(length.max(2 * body.capacity())));
                    larger.extend_from_slice(&body);
                    body = larger;
                }
                body.extend_from_slice(&chunk);
            }
            let mut response = http::Response::new(Bytes::from_owner(body));
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(response)
        })
    }
}

/// The kind of failure, and its text without the address, in whose query there may be a key.
fn failed(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let mut causes = vec![error.to_string()];
    let mut is_untrusted = false;
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        is_untrusted |= hides_invalid_data(inner) || text.contains("certificate");
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        cause = inner.source();
    }
    // hyper's words, when reqwest was compiled without TLS.
    if causes.last().is_some_and(|text| text.contains("scheme is not http")) {
        return TransportError::new(TransportErrorKind::Tls, "reqwest was compiled without TLS: enable the feature rustls");
    }
    let kind = match () {
        () if error.is_timeout() => TransportErrorKind::Timeout,
        () if error.is_connect() && is_untrusted => TransportErrorKind::Tls,
        () if error.is_connect() => TransportErrorKind::Connect,
        () if error.is_redirect() => TransportErrorKind::Redirect,
        () if error.is_builder() => TransportErrorKind::Other,
        () => TransportErrorKind::Interrupted,
    };
    TransportError::new(kind, causes.join(": "))
}

/// TLS libraries hide behind an `io::Error`, and that behind another one.
fn hides_invalid_data(error: &(dyn std::error::Error + 'static)) -> bool {
    let Some(error) = error.downcast_ref::<io::Error>() else {
        return false;
    };
    error.kind() == io::ErrorKind::InvalidData || error.get_ref().is_some_and(|inner| hides_invalid_data(inner))
}
