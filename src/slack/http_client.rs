//! [`HttpClient`]: the one place that talks HTTP.

use crate::delivery::DeliveryError;

use super::{BotToken, HttpSettings};

/// What came back over HTTP, as far as it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Vec<u8>>,
    /// At most 16 KiB.
    pub(crate) body: Vec<u8>,
}

/// A client without redirects and cookies, with time limits, that reads no
/// more of an answer than it needs. Nothing of `reqwest` leaves this file: its
/// errors print the URL, which is the secret.
#[derive(Debug)]
pub(crate) struct HttpClient {
    #[cfg(feature = "__http")]
    client: reqwest::Client,
    /// For loopback addresses: no proxy shall carry a local secret away.
    #[cfg(feature = "__http")]
    direct: reqwest::Client,
}

#[cfg(not(feature = "__http"))]
impl HttpClient {
    /// There is none without a TLS feature.
    pub(crate) fn new(_settings: &HttpSettings) -> Result<Self, String> {
        Err("built without an HTTP client; enable the feature `rustls`, `rustls-no-provider` \
             or `native-tls`"
            .to_owned())
    }

    pub(super) async fn post(
        &self,
        _url: &str,
        _token: Option<&BotToken>,
        _body: String,
    ) -> Result<Answer, DeliveryError> {
        Err(DeliveryError::transient().because("no_http_client"))
    }
}

#[cfg(feature = "__http")]
pub(super) use with_reqwest::fault_of_certificate;

#[cfg(feature = "__http")]
mod with_reqwest {
    use std::error::Error as _;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

    use super::super::secrets::is_loopback;
    use super::{Answer, BotToken, DeliveryError, HttpClient, HttpSettings};

    const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    const MAX_BODY: usize = 16 * 1024;

    impl HttpClient {
        /// Builds the client; a TLS library that panics is caught.
        pub(crate) fn new(settings: &HttpSettings) -> Result<Self, String> {
            catch_unwind(AssertUnwindSafe(|| build(settings)))
                .unwrap_or_else(|_| Err("the TLS library panicked while it started".to_owned()))
        }

        pub(crate) async fn post(
            &self,
            url: &str,
            token: Option<&BotToken>,
            body: String,
        ) -> Result<Answer, DeliveryError> {
            let client = if is_local(url) { &self.direct } else { &self.client };
            let mut request =
                client.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").body(body);
            if let Some(token) = token {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
                    .map_err(|_| DeliveryError::revoked().because("token_is_no_header"))?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            let mut response = request.send().await.map_err(|error| fault(&error))?;
            let status = response.status().as_u16();
            let retry_after =
                response.headers().get(RETRY_AFTER).map(|value| value.as_bytes().to_vec());
            let mut body = Vec::new();
            while body.len() < MAX_BODY {
                // An answer whose status says no needs no body to be understood.
                match response.chunk().await {
                    Ok(Some(chunk)) => {
                        let room = MAX_BODY - body.len();
                        body.extend(chunk.iter().take(room));
                    }
                    Ok(None) => break,
                    Err(_) if status != 200 => break,
                    Err(error) => return Err(fault(&error)),
                }
            }
            Ok(Answer { status, retry_after, body })
        }
    }

    fn build(settings: &HttpSettings) -> Result<HttpClient, String> {
        let mut proxied = builder(settings)?;
        if let Some(proxy) = &settings.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| "the proxy's URL is not valid")?;
            proxied = proxied.proxy(proxy);
        }
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| {
                format!("the HTTP client could not be built: {}", error.without_url())
            })
        };
        Ok(HttpClient { client: built(proxied)?, direct: built(builder(settings)?.no_proxy())? })
    }

    fn builder(settings: &HttpSettings) -> Result<reqwest::ClientBuilder, String> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("tower-slack-alert/", env!("CARGO_PKG_VERSION")))
            // Before the other one, which would leave it unknown whether we were heard.
            .connect_timeout(CONNECT_TIMEOUT.min(settings.total_timeout / 2))
            .timeout(settings.total_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30));
        settings.root_certificates.iter().try_fold(builder, |builder, pem| {
            let some = certificates(pem).ok_or("a root certificate is not valid PEM")?;
            Ok(builder.tls_certs_merge(some))
        })
    }

    /// The certificates of a PEM, if there are any.
    fn certificates(pem: &[u8]) -> Option<Vec<reqwest::Certificate>> {
        reqwest::Certificate::from_pem_bundle(pem).ok().filter(|some| !some.is_empty())
    }

    /// What is wrong with a root certificate. A client that trusts others as
    /// well leaves out what it can't read, so one that trusts only these is
    /// asked.
    pub(crate) fn fault_of_certificate(pem: &[u8]) -> Option<&'static str> {
        let Some(some) = certificates(pem) else { return Some("is not a PEM certificate") };
        let strict = || reqwest::Client::builder().no_proxy().tls_certs_only(some).build();
        // A TLS library that panics is a fault of its own, said when it starts.
        let is_usable = catch_unwind(AssertUnwindSafe(|| strict().is_ok())).unwrap_or(true);
        (!is_usable).then_some("has a certificate that the TLS library can't use")
    }

    fn is_local(url: &str) -> bool {
        let uri: Option<http::Uri> = url.parse().ok();
        uri.as_ref().and_then(http::Uri::host).is_some_and(is_loopback)
    }

    /// What a transport error means. Only a code is kept of it.
    fn fault(error: &reqwest::Error) -> DeliveryError {
        if error.is_connect() {
            // Nothing was sent, so nothing can be there twice.
            return DeliveryError::transient().because(connect_code(error));
        }
        if error.is_timeout() {
            return DeliveryError::unknown_outcome().because("timeout");
        }
        if error.is_builder() {
            return DeliveryError::revoked().because("invalid_url");
        }
        DeliveryError::unknown_outcome().because("connection_lost")
    }

    fn connect_code(error: &reqwest::Error) -> &'static str {
        if error.is_timeout() {
            return "connect_timeout";
        }
        let mut texts = String::new();
        let mut next = error.source();
        while let Some(error) = next {
            texts.push_str(&error.to_string().to_ascii_lowercase());
            next = error.source();
        }
        let says = |words: &[&str]| words.iter().any(|word| texts.contains(word));
        // The last ones are how rustls and OpenSSL meet a server without TLS.
        let tls = ["certificate", "tls", "handshake", "corrupt message", "wrong version"];
        if says(&tls) {
            "tls"
        } else if says(&["dns", "lookup"]) {
            "dns"
        } else if says(&["refused"]) {
            "connection_refused"
        } else {
            "connect"
        }
    }
}
