//! Where aggregators post receipts: stored, then answered; applied later.
//!
//! **Invariant:** 2xx means stored. Anything else, and the aggregator must deliver again.

use crate::{
    ports::{RawReceipt, ReceiptRefusal},
    service::{ReceiptAnswer, ReceiptRefused, Service},
    vitals::{ReceiptTaking, Vitals},
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
    vitals: Data<&Vitals>,
    request: &Request,
    body: Body,
) -> Response {
    let taking = take(&connection, &service, request, body).await;
    vitals.metrics().receipt(taking);
    let status = match taking {
        ReceiptTaking::Stored | ReceiptTaking::Repeated => StatusCode::NO_CONTENT,
        ReceiptTaking::Forged => StatusCode::UNAUTHORIZED,
        ReceiptTaking::Unreadable | ReceiptTaking::Broken => StatusCode::BAD_REQUEST,
        ReceiptTaking::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ReceiptTaking::Late => StatusCode::REQUEST_TIMEOUT,
        ReceiptTaking::UnknownConnection => StatusCode::NOT_FOUND,
        ReceiptTaking::Fault => StatusCode::SERVICE_UNAVAILABLE,
    };
    Response::builder().status(status).finish()
}

async fn take(connection: &str, service: &Service, request: &Request, body: Body) -> ReceiptTaking {
    let body = match timeout(BODY_TIMEOUT, body.into_bytes_limit(BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return ReceiptTaking::TooLarge,
        Ok(Err(_)) => return ReceiptTaking::Broken,
        Err(_) => return ReceiptTaking::Late,
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
        Ok(Ok(ReceiptAnswer::Stored)) => ReceiptTaking::Stored,
        Ok(Ok(ReceiptAnswer::Repeated)) => ReceiptTaking::Repeated,
        Ok(Err(ReceiptRefused::UnknownConnection)) => ReceiptTaking::UnknownConnection,
        Ok(Err(ReceiptRefused::Refused(refusal))) => {
            // Anyone can forge: a line each at a higher level would let them fill a disk.
            tracing::debug!(connection.id = %connection, reason = %refusal, "a receipt was refused");
            match refusal {
                ReceiptRefusal::Forged => ReceiptTaking::Forged,
                ReceiptRefusal::Unreadable => ReceiptTaking::Unreadable,
            }
        }
        Err(fault) => {
            let causes = crate::causes::chain(&fault);
            tracing::error!(error = %fault, causes, "a receipt could not be stored");
            ReceiptTaking::Fault
        }
    }
}
