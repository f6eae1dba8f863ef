//! Whether the process lives, and whether it can serve.
//!
//! **Invariant:** a released code never changes its meaning.

use crate::{
    service::{Service, Unready},
    vitals::Trouble,
};
use domain::zone::TZDB_VERSION;
use poem::{Response, handler, http::StatusCode, web::Data};
use serde_json::{Value, json};
use tokio::sync::watch;

/// True once the process is shutting down: a balancer must send nothing more.
#[derive(Clone)]
pub(super) struct ShuttingDown(pub(super) watch::Receiver<bool>);

/// The process lives: it answers.
#[handler]
pub(super) fn healthz() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The process can serve: its database answers and takes writes, its schema is this version's, its engine
/// works if it has one, and it is not shutting down.
#[handler]
pub(super) async fn readyz(service: Data<&Service>, stopping: Data<&ShuttingDown>) -> Response {
    let causes = if *stopping.0.0.borrow() {
        let message = "The service is shutting down.";
        vec![json!({ "code": "SHUTTING_DOWN", "message": message })]
    } else {
        service.readiness().await.into_iter().map(cause).collect()
    };
    let (is_driven, _) = service.engine_standing();
    let is_ready = causes.is_empty();
    if !is_ready {
        let causes = Value::from(causes.clone());
        tracing::warn!(%causes, "the service is not ready");
    }
    // Two nodes that read different rules of time would disagree on when to send.
    let body = json!({
        "status": if is_ready { "ready" } else { "unready" },
        "causes": causes,
        "engine": if is_driven { "running" } else { "none" },
        "tzdb": TZDB_VERSION,
    });
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, &body)
}

/// A cause, as a code for machines and a sentence for people.
fn cause(unready: Unready) -> Value {
    match unready {
        Unready::Database(code) => json!({ "code": code.as_str(), "message": code.message() }),
        Unready::SchemaBehind(steps) => json!({
            "code": "SCHEMA_BEHIND",
            "message": format!("The database is {steps} schema steps behind this version."),
        }),
        Unready::Reconciler(Trouble::Failing(task, code)) => json!({
            "code": "RECONCILER_FAILING",
            "message": format!("The {} has failed several times in a row.", task.name()),
            "reconciler": task.name(),
            "error": code.as_str(),
        }),
        Unready::Reconciler(Trouble::Stalled(task)) => json!({
            "code": "RECONCILER_STALLED",
            "message": format!("The {} has not looked for too long.", task.name()),
            "reconciler": task.name(),
        }),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json; charset=utf-8")
        .body(body.to_string())
}
