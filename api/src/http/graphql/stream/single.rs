//! The single connection mode of GraphQL over server-sent events: PUT reserves a stream and tells
//! its token, GET opens it, POST starts operations on it, DELETE stops them.
//!
//! **Invariant:** each of these requests carries the bearer token of the key that reserved the
//! stream; to every other key the stream is not there.
use super::{Feed, Wire, reservations::Missed, respond};
use crate::http::{
    auth::Authenticator,
    graphql::{
        ask::{read, recognise},
        bound::Bound,
        execute::run_stream,
        limits::OPERATION_ID_BYTES,
        negotiate::{Accepted, Media},
        operations::Unstarted,
        problem::{Outcome, Problem, code},
        shared::{BUSY_RETRY_AFTER_S, Shared, told},
        watches::lapse,
    },
};
use async_graphql::{Executor, Request as Operation, Value};
use futures_util::{FutureExt, StreamExt, stream};
use poem::{
    Request, Response,
    http::{StatusCode, header},
};
use std::sync::Arc;
use tokio::time::sleep;

/// The header that carries a stream's token.
const TOKEN_HEADER: &str = "x-graphql-event-stream-token";
/// The parameter that does, for clients that cannot set headers.
const TOKEN_PARAMETER: &str = "token";
/// The parameter that names the operation to stop, and the extension that names the one to start.
const OPERATION_ID: &str = "operationId";

/// The token of a stream, if the request carries one.
pub(in super::super) fn token(request: &Request) -> Option<String> {
    let in_header = request.header(TOKEN_HEADER).map(str::to_owned);
    in_header.or_else(|| parameter(request, TOKEN_PARAMETER)).filter(|token| !token.is_empty())
}

fn parameter(request: &Request, name: &str) -> Option<String> {
    let all: Vec<(String, String)> = request.params().ok()?;
    all.into_iter().find_map(|(own, value)| (own == name).then_some(value))
}

/// Reserves a stream.
pub(in super::super) async fn reserve<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: &Request,
) -> Response {
    let attempt = async {
        let (_, caller) = recognise(shared, request).await?;
        let account = shared.authenticator.account(&caller);
        let held = (shared.enter()?, shared.enter_for(account)?);
        let token = shared.reservations.reserve(account, held);
        let (shared, reserved) = (Arc::clone(shared), token.clone());
        tokio::spawn(async move {
            let mut shutdown = shared.shutdown.clone();
            tokio::select! {
                () = sleep(shared.options.limits.reservation_timeout) => {}
                () = told(&mut shutdown) => {}
            }
            shared.reservations.expire(&reserved);
        });
        Ok(Response::builder()
            .status(StatusCode::CREATED)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(header::CACHE_CONTROL, "no-store")
            .body(token))
    };
    attempt.await.unwrap_or_else(refused)
}

/// Opens the stream of this token.
pub(in super::super) async fn listen<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: &Request,
    token: &str,
) -> Response {
    let attempt = async {
        if !Accepted::of(request).events() {
            let message = "A reserved stream is opened with `Accept: text/event-stream`.";
            return Err(Problem::new(Outcome::NotAcceptable, code::BAD_REQUEST, message));
        }
        let (bearer, caller) = recognise(shared, request).await?;
        let account = shared.authenticator.account(&caller);
        let (lane, opened) = shared.reservations.open(token, account).map_err(missed)?;
        let source = stream::unfold(lane, |mut lane| async move {
            let text = lane.next().await?;
            Some((text, lane))
        });
        let lapsed = lapse(Arc::clone(shared), bearer, caller).boxed();
        let (wire, limits) = (Wire::SharedEvents, &shared.options.limits);
        let feed = Feed::new(source.boxed(), wire, lapsed, shared.shutdown.clone(), limits);
        Ok(respond(wire, feed.chunks(opened)))
    };
    attempt.await.unwrap_or_else(refused)
}

/// Starts an operation on the stream of this token.
pub(in super::super) async fn ask<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    mut http: Request,
    token: &str,
) -> Response {
    let attempt = async {
        let (_, caller, mut request) = read(shared, &mut http).await?;
        let account = shared.authenticator.account(&caller);
        shared.reservations.has(token, account).map_err(missed)?;
        let id = operation_id(&request)?;
        let admitted = shared.admit(account, &mut request)?;
        let executing = Arc::clone(shared);
        let opening =
            async move { Ok(run_stream(&executing.executor, request.data(caller), admitted)) }
                .boxed();
        let most = shared.options.limits.operations;
        let started = shared.reservations.start(token, account, (id, opening), most);
        started.map_err(missed)?.map_err(|unstarted| match unstarted {
            Unstarted::Duplicate => {
                let message = "An operation of this id runs already.";
                Problem::new(Outcome::Taken, code::CONFLICT, message)
            }
            Unstarted::TooMany => {
                Bound::OperationsOfOne.problem(None, most).with_retry_after(BUSY_RETRY_AFTER_S)
            }
        })?;
        Ok(Response::builder().status(StatusCode::ACCEPTED).finish())
    };
    attempt.await.unwrap_or_else(refused)
}

/// Stops an operation on the stream of this token.
pub(in super::super) async fn stop<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: &Request,
    token: Option<String>,
) -> Response {
    let attempt = async {
        let (_, caller) = recognise(shared, request).await?;
        let account = shared.authenticator.account(&caller);
        let id = parameter(request, OPERATION_ID);
        let (Some(token), Some(id)) = (token, id) else {
            let message = format!("Send the token in `{TOKEN_HEADER}`, and `?{OPERATION_ID}=`.");
            return Err(Problem::ill_formed(message));
        };
        shared.reservations.stop(&token, account, &id).map_err(missed)?;
        Ok(Response::builder().status(StatusCode::OK).finish())
    };
    attempt.await.unwrap_or_else(refused)
}

/// The id under which the client will know what it asked for.
fn operation_id(request: &Operation) -> Result<String, Problem> {
    match request.extensions.get(OPERATION_ID) {
        Some(Value::String(id)) if (1..=OPERATION_ID_BYTES).contains(&id.len()) => Ok(id.clone()),
        _ => Err(Problem::ill_formed(format!(
            "`extensions.{OPERATION_ID}` must be a string of 1 to {OPERATION_ID_BYTES} bytes."
        ))),
    }
}

fn missed(missed: Missed) -> Problem {
    match missed {
        Missed::Unknown => {
            let message = "There is no such reservation. Make one with PUT.";
            Problem::new(Outcome::NotFound, code::NOT_FOUND, message)
        }
        Missed::Open => {
            let message = "The stream of this reservation is open already.";
            Problem::new(Outcome::Taken, code::CONFLICT, message)
        }
    }
}

/// The status alone tells whether an operation was taken, so the media type is the one that has a
/// status for refused documents.
fn refused(problem: Problem) -> Response {
    problem.into_response(Media::GraphqlResponse)
}
