//! The generic contract (`docs/aggregator-contract.md`): JSON over HTTP, idempotency keys, receipts by
//! Standard Webhooks.

mod classify;
mod receipts;
mod wire;

use crate::ports::{
    Aggregator, Connection, Outbound, RawReceipt, ReadReceipt, ReceiptRefusal, Submitted,
};
use async_trait::async_trait;
use domain::{Instant, id::AttemptId};
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
                Submitted::NotSent { retry_after: None, code: None }
            }
            Err(_) => Submitted::Unknown,
        }
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
    let retry_after = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok().map(Duration::from_secs));
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            // An answer cut short or without end: the status alone is judged.
            Ok(Some(_)) | Err(_) => {
                body.clear();
                break;
            }
        }
    }
    classify::classify(status, retry_after, &body)
}
