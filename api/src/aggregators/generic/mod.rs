//! The generic contract (`docs/aggregator-contract.md`): JSON over HTTP, idempotency keys, receipts by
//! Standard Webhooks.

mod classify;
mod receipts;
mod wire;

use crate::ports::{
    Aggregator, Connection, LookedUp, Outbound, RawReceipt, ReadReceipt, ReceiptRefusal, Submitted,
};
use async_trait::async_trait;
use domain::{Instant, health::Pushback, id::AttemptId};
use reqwest::{Client, header, redirect::Policy};
use secrecy::ExposeSecret;
use std::time::Duration;

/// How long connecting may take: before it, nothing was sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: shorter than servers keep theirs, so that a request rarely meets
/// one just closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read: more is no answer of this contract.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A client of the generic contract.
#[derive(Clone, Debug)]
pub struct Generic {
    client: Client,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up")]
pub struct Unusable(#[from] reqwest::Error);

impl Generic {
    /// A client with its own connections. Redirects are never followed, and no proxy is asked.
    pub fn new() -> Result<Self, Unusable> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .build()?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Aggregator for Generic {
    fn render(&self, message: &Outbound<'_>) -> Vec<u8> {
        wire::render(message)
    }

    async fn submit(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        request: Vec<u8>,
        timeout: Duration,
    ) -> Submitted {
        let sent = self
            .client
            .post(format!("{}/messages", connection.base_url))
            .timeout(timeout)
            .bearer_auth(connection.token.expose_secret())
            .header("idempotency-key", attempt_id.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(request)
            .send()
            .await;
        match sent {
            Ok(answer) => read(answer).await,
            // Nothing was written before a connection stood.
            Err(error) if error.is_connect() || error.is_builder() => {
                let pushback = Some(Pushback::Unavailable);
                Submitted::NotSent { retry_after: None, pushback, code: None }
            }
            Err(_) => Submitted::Unknown,
        }
    }

    async fn look_up(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        timeout: Duration,
    ) -> LookedUp {
        let reference = attempt_id.to_string();
        let asked = self
            .client
            .get(format!("{}/messages?reference={reference}", connection.base_url))
            .timeout(timeout)
            .bearer_auth(connection.token.expose_secret())
            .send()
            .await;
        let Ok(mut answer) = asked else { return LookedUp::NoAnswer };
        let status = answer.status().as_u16();
        let body = read_body(&mut answer).await.unwrap_or_default();
        classify::looked_up(status, &reference, &body)
    }

    fn read_receipt(
        &self,
        connection: &Connection,
        raw: &RawReceipt<'_>,
        now: Instant,
    ) -> Result<ReadReceipt, ReceiptRefusal> {
        let delivery = receipts::verify(connection, raw, now)?;
        wire::read_event(raw.body, delivery)
    }
}

async fn read(mut answer: reqwest::Response) -> Submitted {
    let status = answer.status().as_u16();
    let retry_after = retry_after(answer.headers());
    // Of an answer cut short or without end, the status alone is judged.
    let body = read_body(&mut answer).await.unwrap_or_default();
    classify::classify(status, retry_after, &body)
}

/// An answer's body; none if it was cut short, or is longer than any answer of this contract.
async fn read_body(answer: &mut reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// How long `Retry-After` asks to wait: seconds, or a date, which is held against the answer's own `Date`
/// so that no clock of ours is asked.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let asked = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = date(asked)?.signed_duration_since(date(text(header::DATE)?)?);
    Some(wait.to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let asks = |retry: &str| {
            let mut headers = header::HeaderMap::new();
            headers.insert(header::DATE, "Mon, 23 Nov 2026 15:00:00 GMT".parse().unwrap());
            headers.insert(header::RETRY_AFTER, retry.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(asks("7"), Some(Duration::from_secs(7)));
        assert_eq!(asks("Mon, 23 Nov 2026 15:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(asks("Mon, 23 Nov 2026 14:59:00 GMT"), Some(Duration::ZERO), "it has passed");
        assert_eq!(asks("soon"), None);
    }
}
