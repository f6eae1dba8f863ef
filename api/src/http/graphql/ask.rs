//! One operation asked for over HTTP, by POST of JSON or GET: a whole answer, or a stream of
//! answers.
//!
//! **Invariant:** nothing of a body is read before its sender is known.
//! **Invariant:** a mutation runs only by POST.
use super::{
    bound::Bound,
    execute::{self, Answer, envelope},
    limits::{DISCARD_BYTES, Limits},
    negotiate::{Accepted, Media, is_json},
    problem::{Outcome, Problem, code, respond},
    request,
    shared::{Shared, unrecognised},
    stream,
};
use crate::http::auth::{Authenticator, bearer};
use async_graphql::{
    Executor, Request as Operation, Response as GraphqlResponse, parser::types::OperationType,
};
use futures_util::FutureExt;
use poem::{
    Body, Request, Response,
    http::{Method, header},
};
use secrecy::SecretString;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::{
    io::{AsyncReadExt, copy, sink},
    time::timeout,
};

/// The answer to a GET or a POST.
pub(super) async fn answer<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: Request,
) -> Response {
    let accepted = Accepted::of(&request);
    let work = AssertUnwindSafe(attempt(shared, request, accepted)).catch_unwind();
    let outcome = work.await.unwrap_or_else(|_panic| {
        tracing::error!("a request panicked");
        Err(Problem::defect())
    });
    outcome.unwrap_or_else(|problem| refuse(problem, accepted))
}

/// A document may be refused in the words of a stream, which browsers can read where they cannot
/// read an answer of another status. All else is told by the status.
fn refuse(problem: Problem, accepted: Accepted) -> Response {
    match stream::Wire::of(accepted.of_refusals()) {
        Some(wire) if problem.is_refusal() => stream::refusal(wire, &problem.into_errors()),
        _ => problem.into_response(accepted.of_errors()),
    }
}

async fn attempt<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    mut http: Request,
    accepted: Accepted,
) -> Result<Response, Problem> {
    accepted.anything()?;
    let (token, caller, mut request) = read(shared, &mut http).await?;
    let account = shared.authenticator.account(&caller);
    let admitted = shared.admit(account, &mut request)?;
    let kind = admitted.prepared.kind;
    if http.method() == Method::GET && kind == OperationType::Mutation {
        let message = "Mutations are run by POST.";
        let problem = Problem::new(Outcome::MethodNotAllowed, code::BAD_REQUEST, message);
        return Err(problem.with_header(header::ALLOW, "POST"));
    }
    let media = accepted.for_operation(kind)?;
    if let Some(wire) = stream::Wire::of(media) {
        return stream::open(shared, wire, token, caller, (request, admitted));
    }
    match execute::run(&shared.executor, request.data(caller), admitted).await {
        Answer::Executed(response) => Ok(executed(media, &response)),
        Answer::Refused(outcome, errors) => Err(Problem::of(outcome, errors)),
    }
}

/// Who asks, and for what.
pub(super) async fn read<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    http: &mut Request,
) -> Result<(Option<SecretString>, A::Caller, Operation), Problem> {
    let by_post = http.method() == Method::POST;
    if by_post && !is_json(http.header(header::CONTENT_TYPE)) {
        let message = "Send `Content-Type: application/json` in UTF-8.";
        return Err(Problem::new(Outcome::UnsupportedMedia, code::BAD_REQUEST, message));
    }
    let (token, caller) = recognise(shared, http).await?;
    if by_post {
        let announced = http.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let body = read_body(http.take_body(), announced, &shared.options.limits).await?;
        return Ok((token, caller, request::parse(&body)?));
    }
    let parameters = http.params().map_err(|fault| {
        tracing::debug!(%fault, "parameters that cannot be read");
        Problem::ill_formed("The parameters of the URL cannot be read.")
    })?;
    Ok((token, caller, request::from_parameters(parameters)?))
}

/// Who asks, by the bearer token that the request carries.
pub(super) async fn recognise<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    http: &Request,
) -> Result<(Option<SecretString>, A::Caller), Problem> {
    let token = http.header(header::AUTHORIZATION).and_then(bearer).map(SecretString::from);
    let caller = shared.caller(token.as_ref()).await.map_err(unrecognised)?;
    Ok((token, caller))
}

fn executed(media: Media, response: &GraphqlResponse) -> Response {
    let body = envelope(response, true);
    let mut http = respond(Outcome::Executed.status(media), media, body);
    http.headers_mut().extend(response.http_headers.clone());
    http
}

/// The whole body, whether its length was announced or not.
async fn read_body(
    body: Body,
    announced: Option<usize>,
    limits: &Limits,
) -> Result<Vec<u8>, Problem> {
    let reading = read_bounded(body, announced, limits.body_bytes);
    timeout(limits.body_timeout, reading).await.unwrap_or_else(|_elapsed| {
        let seconds = limits.body_timeout.as_secs();
        let message = format!("The body did not arrive within {seconds} s.");
        Err(Problem::new(Outcome::BodyTooSlow, code::BAD_REQUEST, message))
    })
}

async fn read_bounded(
    body: Body,
    announced: Option<usize>,
    limit: usize,
) -> Result<Vec<u8>, Problem> {
    let mut reader = body.into_async_read();
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    (&mut reader).take(most).read_to_end(&mut bytes).await.map_err(|fault| {
        tracing::debug!(%fault, "a body broke off");
        Problem::ill_formed("The body could not be read.")
    })?;
    if bytes.len() <= limit {
        return Ok(bytes);
    }
    // A client that is still sending when the connection closes never reads the refusal.
    let rest = u64::try_from(DISCARD_BYTES).unwrap_or(u64::MAX);
    let discarded = copy(&mut reader.take(rest), &mut sink()).await;
    tracing::debug!(bytes = ?discarded.ok(), "threw away the rest of an over-long body");
    Err(Bound::BodyBytes.problem(announced, limit))
}
