//! Posts webhooks over HTTP.
//!
//! **Invariant:** it follows no redirect, uses no proxy and waits no longer than [`ANSWER_WAIT`].

use std::sync::Arc;
use std::time::Duration;

use super::event::{Outcome, Webhook};
use crate::client::http_builder;

/// How long an answer may take.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// What carries receipts to the service.
#[derive(Clone, Debug)]
pub(crate) struct Courier {
    http: Arc<reqwest::Client>,
}

impl Courier {
    /// A courier with its own connections.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let http = http_builder().timeout(ANSWER_WAIT).build()?;
        Ok(Self { http: Arc::new(http) })
    }

    /// Posts one webhook.
    pub(crate) async fn post(&self, webhook: Webhook) -> Outcome {
        let mut request = self.http.post(&webhook.url).header("content-type", "application/json");
        for (name, value) in webhook.headers {
            request = request.header(name, value);
        }
        let Ok(response) = request.body(webhook.body).send().await else {
            return Outcome::NoAnswer;
        };
        let status = response.status().as_u16();
        // The body is read so that the connection can be used again; what it says does not matter.
        drop(response.bytes().await);
        Outcome::Answered(status)
    }
}
