//! Whether the process lives, and whether it can serve.

use crate::service::Service;
use domain::zone::TZDB_VERSION;
use poem::{Body, Response, handler, http::StatusCode, web::Data};
use tokio::sync::watch;

/// True once the process is shutting down: a balancer must send nothing more.
#[derive(Clone)]
pub(super) struct ShuttingDown(pub(super) watch::Receiver<bool>);

/// The process lives: it answers.
#[handler]
pub(super) fn healthz() -> Response {
    answer(StatusCode::OK, r#"{"status":"ok"}"#)
}

/// The process can serve: its database answers, and it is not shutting down.
#[handler]
pub(super) async fn readyz(service: Data<&Service>, stopping: Data<&ShuttingDown>) -> Response {
    if *stopping.0.0.borrow() {
        let body = r#"{"status":"unready","causes":["the service is shutting down"]}"#;
        return answer(StatusCode::SERVICE_UNAVAILABLE, body);
    }
    match service.ping().await {
        Ok(()) => {
            // Two nodes that read different rules of time would disagree on when to send.
            let body = format!(r#"{{"status":"ready","causes":[],"tzdb":"{TZDB_VERSION}"}}"#);
            answer(StatusCode::OK, body)
        }
        Err(fault) => {
            let causes = crate::causes::chain(&fault);
            tracing::error!(error = %fault, causes, "the service is not ready");
            let body = r#"{"status":"unready","causes":["the database does not answer"]}"#;
            answer(StatusCode::SERVICE_UNAVAILABLE, body)
        }
    }
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .body(body.into())
}
