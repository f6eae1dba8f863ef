//! POST of JSON: one query or mutation in, one answer out.
//!
//! **Invariant:** nothing of a body is read before its sender is known.
use super::{
    execute::{self, Answer, envelope},
    limits::{DISCARD_BYTES, Limits},
    negotiate::{Media, is_json, negotiate},
    prepare::prepare,
    problem::{Outcome, Problem, code, respond},
    request,
    shared::{Shared, unrecognised},
};
use crate::http::auth::{Authenticator, bearer};
use async_graphql::{Executor, Response as GraphqlResponse, parser::types::OperationType};
use futures_util::FutureExt;
use poem::{Body, Request, Response, http::header};
use secrecy::SecretString;
use std::panic::AssertUnwindSafe;
use tokio::{
    io::{AsyncReadExt, copy, sink},
    time::timeout,
};

/// The media type of an answer that says what is wrong with `request`.
pub(super) fn media_of_errors(request: &Request) -> Media {
    negotiate(accept(request).as_deref(), &Media::WHOLE).unwrap_or(Media::Json)
}

/// The answer to a POST.
pub(super) async fn answer<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    request: Request,
) -> Response {
    let media = media_of_errors(&request);
    let work = AssertUnwindSafe(attempt(shared, request)).catch_unwind();
    let outcome = work.await.unwrap_or_else(|_panic| {
        tracing::error!("a request panicked");
        Err(Problem::defect())
    });
    match outcome {
        Ok(response) => executed(media, &response),
        Err(problem) => problem.into_response(media),
    }
}

async fn attempt<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    mut http: Request,
) -> Result<GraphqlResponse, Problem> {
    if negotiate(accept(&http).as_deref(), &Media::WHOLE).is_none() {
        let message = "Accept application/graphql-response+json or application/json.";
        return Err(Problem::new(Outcome::NotAcceptable, code::BAD_REQUEST, message));
    }
    if !is_json(http.header(header::CONTENT_TYPE)) {
        let message = "Send `Content-Type: application/json` in UTF-8.";
        return Err(Problem::new(Outcome::UnsupportedMedia, code::BAD_REQUEST, message));
    }
    let token = http.header(header::AUTHORIZATION).and_then(bearer).map(SecretString::from);
    let caller = shared.caller(token.as_ref()).await.map_err(unrecognised)?;
    let body = read(http.take_body(), &shared.options.limits).await?;
    let mut request = request::parse(&body)?;
    if prepare(&mut request)? == OperationType::Subscription {
        let message = "Subscriptions are served over a WebSocket to this URL, with the \
                       subprotocol graphql-transport-ws.";
        return Err(Problem::new(Outcome::NotAcceptable, code::BAD_REQUEST, message));
    }
    match execute::run(&shared.executor, request.data(caller)).await {
        Answer::Executed(response) => Ok(response),
        Answer::Refused(errors) => Err(Problem::of(Outcome::Refused, errors)),
    }
}

fn executed(media: Media, response: &GraphqlResponse) -> Response {
    let body = envelope(response, true);
    let mut http = respond(Outcome::Executed.status(media), media, body);
    http.headers_mut().extend(response.http_headers.clone());
    http
}

/// All `Accept` headers as one; `None` when there is none.
fn accept(request: &Request) -> Option<String> {
    let values: Vec<&str> =
        request.headers().get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The whole body, whether its length was announced or not.
async fn read(body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    timeout(limits.body_timeout, read_bounded(body, limits.body_bytes)).await.unwrap_or_else(
        |_elapsed| {
            let message = "The body did not arrive in time.";
            Err(Problem::new(Outcome::BodyTooSlow, code::BAD_REQUEST, message))
        },
    )
}

async fn read_bounded(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
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
    let message = format!("The body is longer than {limit} bytes.");
    Err(Problem::new(Outcome::BodyTooLong, code::BAD_REQUEST, message))
}
