//! The other side of `harness bench query`: resolvers that answer what they were taught, over the plainest of HTTP
//! servers.
//!
//! **Invariant:** nothing stands between a request and the resolvers but the reading of JSON.

use crate::{bench::Error, child};
use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

/// What the query answers.
#[derive(Deserialize)]
struct Data {
    site: Site,
}

#[derive(Deserialize)]
struct Site {
    campaigns: Campaigns,
}

#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Campaigns {
    total_count: i32,
    page_info: PageInfo,
    nodes: Vec<Campaign>,
}

#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Campaign {
    id: ID,
    name: String,
    status: String,
    status_changed_at: String,
    created_at: String,
    progress: Option<Progress>,
}

#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Progress {
    recipient_count: i32,
    percent_complete: f64,
    counts: Counts,
}

#[derive(Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Counts {
    total: i32,
    deferred: i32,
    queued: i32,
    in_flight: i32,
    accepted: i32,
    delivered: i32,
    undelivered: i32,
    unconfirmed: i32,
    unknown: i32,
    skipped: i32,
    canceled: i32,
}

/// What is answered, once it was taught.
type Taught = Arc<OnceLock<Data>>;

struct Query(Taught);

#[Object]
impl Query {
    async fn site(&self) -> Option<&Site> {
        self.0.get().map(|data| &data.site)
    }
}

#[Object]
impl Site {
    async fn campaigns(&self, first: i32) -> Option<&Campaigns> {
        (first > 0).then_some(&self.campaigns)
    }
}

type Bare = Schema<Query, EmptyMutation, EmptySubscription>;

/// Serves in this process; answers where.
pub(in crate::bench) async fn start() -> Result<String, Error> {
    let (listener, url) = child::listen().await?;
    let taught = Taught::default();
    let schema = Schema::new(Query(Arc::clone(&taught)), EmptyMutation, EmptySubscription);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One that cannot be told to hurry is served all the same.
            let _ = stream.set_nodelay(true);
            let (schema, taught) = (schema.clone(), Arc::clone(&taught));
            let answer =
                service_fn(move |request| answer(request, schema.clone(), Arc::clone(&taught)));
            tokio::spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new();
                // A connection that breaks is the other side's to tell of.
                let _ = serving.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(url)
}

async fn answer(
    request: Request<Incoming>,
    schema: Bare,
    taught: Taught,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_lesson = request.method() == Method::PUT;
    let body = request.into_body().collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let answered = if is_lesson { learn(&taught, &body) } else { resolve(&schema, &body).await };
    let mut response = Response::new(Full::new(Bytes::new()));
    match answered {
        Some(body) => *response.body_mut() = Full::new(body),
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

fn learn(taught: &Taught, body: &[u8]) -> Option<Bytes> {
    taught.set(serde_json::from_slice(body).ok()?).ok()?;
    Some(Bytes::new())
}

async fn resolve(schema: &Bare, body: &[u8]) -> Option<Bytes> {
    let request: async_graphql::Request = serde_json::from_slice(body).ok()?;
    let answer = schema.execute(request).await;
    serde_json::to_vec(&answer).ok().map(Bytes::from)
}
