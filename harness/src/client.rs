//! A caller of the GraphQL API, over HTTP and over graphql-transport-ws.
//!
//! **Invariant:** neither proxies nor redirects; no `Debug` shows a token.

pub mod socket;

use std::fmt;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};

pub use socket::{Ended, Subscription, subscribe};

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Sees to it that this process has a TLS provider, without which no HTTP client can be made.
pub(crate) fn provide_tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that somebody else of this process has installed one, which is as well.
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}

/// A builder for HTTP clients that talk to this machine: no proxy, no redirect, and a TLS provider
/// where there was none.
pub fn http_builder() -> reqwest::ClientBuilder {
    provide_tls();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

/// A call that brought no GraphQL answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be made.
    #[error("the http client cannot be made")]
    Client(#[source] reqwest::Error),
    /// The server could not be reached, or broke off.
    #[error("the graphql server did not answer")]
    Http(#[source] reqwest::Error),
    /// The variables cannot be written.
    #[error("the request cannot be written")]
    Write(#[source] serde_json::Error),
    /// The answer is not JSON.
    #[error("the graphql server answered {status} and no json")]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A caller with a token.
#[derive(Clone)]
pub struct Client {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body: `data`, `errors`, `extensions`.
    pub body: Value,
}

impl Client {
    /// A caller of the GraphQL endpoint at `url`, with a bearer token or without.
    pub fn new(url: impl Into<String>, token: Option<String>) -> Result<Self, Error> {
        let http = http_builder().timeout(ANSWER_WAIT).build().map_err(Error::Client)?;
        Ok(Self { url: url.into(), token, http })
    }

    /// Sends an operation and answers the whole body, with its `data` and its `errors`.
    pub async fn post(&self, query: &str, variables: Value) -> Result<Value, Error> {
        self.send(query, variables).await.map(|answer| answer.body)
    }

    /// Sends an operation and answers status and body.
    pub async fn send(&self, query: &str, variables: Value) -> Result<Answer, Error> {
        let body = json!({ "query": query, "variables": variables });
        let body = serde_json::to_vec(&body).map_err(Error::Write)?;
        let mut request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/graphql-response+json, application/json;q=0.9");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.body(body).send().await.map_err(Error::Http)?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.map_err(Error::Http)?;
        let body =
            serde_json::from_slice(&bytes).map_err(|source| Error::NotJson { status, source })?;
        Ok(Answer { status, body })
    }

    /// Subscribes on a connection of its own, at the same URL with `ws` for `http`.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Result<Subscription, Ended> {
        let url = self.url.replacen("http", "ws", 1);
        subscribe(&url, self.token.as_deref(), query, variables).await
    }
}

#[cfg(test)]
mod tests;
