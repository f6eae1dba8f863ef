//! Where aggregators post receipts: stored, then answered; applied later.
//!
//! **Invariant:** 2xx means stored. Anything else, and the aggregator must deliver again.

use crate::{
    ports::{RawReceipt, ReceiptRefusal},
    service::{ReceiptRefused, Service},
};
use poem::{
    Body, Request, Response,
    error::ReadBodyError,
    handler,
    http::StatusCode,
    web::{Data, Path},
};
use std::time::Duration;
use tokio::time::timeout;

/// Bytes of a receipt.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a receipt may take to come in.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes a receipt of the generic contract.
#[handler]
pub(super) async fn generic(
    Path(connection): Path<String>,
    service: Data<&Service>,
    request: &Request,
    body: Body,
) -> Response {
    let body = match timeout(BODY_TIMEOUT, body.into_bytes_limit(BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return answer(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => return answer(StatusCode::BAD_REQUEST),
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT),
    };
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("webhook-"))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let raw = RawReceipt { headers: &headers, body: &body };
    match service.receipt_take(connection.parse().ok(), &raw).await {
        Ok(Ok(_)) => answer(StatusCode::NO_CONTENT),
        Ok(Err(ReceiptRefused::UnknownConnection)) => answer(StatusCode::NOT_FOUND),
        Ok(Err(ReceiptRefused::Refused(refusal))) => {
            // Anyone can forge: a line each at a higher level would let them fill a disk.
            tracing::debug!(connection.id = %connection, reason = %refusal, "a receipt was refused");
            answer(match refusal {
                ReceiptRefusal::Forged => StatusCode::UNAUTHORIZED,
                ReceiptRefusal::Unreadable => StatusCode::BAD_REQUEST,
            })
        }
        Err(fault) => {
            let causes = crate::causes::chain(&fault);
            tracing::error!(error = %fault, causes, "a receipt could not be stored");
            answer(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn answer(status: StatusCode) -> Response {
    Response::builder().status(status).finish()
}
