//! What callers do in a run: they ask, over the deaths of the service, and know when nothing is left to do.
//!
//! **Invariant:** who got no answer asks again under the same key: nobody knows what became of the first.

use super::{Error, Stage};
use crate::{
    chaos::{plays::Rest, tell},
    client::Client,
    clock::{Now, SharedClock},
    privacy::mask_all,
    record::{Called, Fact, Progress, Received, Recorder, monotonic_us},
    runner::facts,
    world::Text,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often a question is asked that nobody answers.
const ASKS_MAX: usize = 100;
/// How often is looked whether a process is dead whose connections are.
const DYING_LOOKS_MAX: usize = 20;
/// How long is waited between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);
/// How long is waited between two questions: they cost more than what they ask about.
const ASK_PAUSE: Duration = Duration::from_millis(60);
/// How long everything may take to be done, once nothing is done to it any more.
const DONE_WITHIN: Duration = Duration::from_mins(1);
/// How long nothing may change before a receipt counts as given up by the aggregator, which owes none. One that the
/// service had stored and not applied would break I15.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);
/// The code of an answer that a busy service gives, and that means nothing but to ask again.
const TRY_AGAIN: &str = "UNAVAILABLE";
/// The statuses out of which nothing leads.
const ENDED: [&str; 3] = ["SENT", "FAILED", "CANCELED"];
/// Pages of campaigns that are read.
const PAGES_MAX: usize = 100;

impl Stage<'_> {
    /// Asks, and asks again of the next process if this one is dead.
    pub(in crate::chaos) async fn ask<T>(
        &mut self,
        question: impl AsyncFn(&Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 0..ASKS_MAX {
            let client = self.client.clone();
            match question(&client).await {
                Err(error) if error.is_nobody() => self.revive().await?,
                told => return told,
            }
        }
        Err(Error::Mute)
    }

    /// Starts the service again if it is dead. One that is not may have been asked over a connection that was
    /// the dead one's.
    async fn revive(&mut self) -> Result<(), Error> {
        for _ in 0..DYING_LOOKS_MAX {
            if !self.seat(super::ASKED)?.is_running() {
                self.kill().await?;
                return self.start(0).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// How every campaign stands; each answer is recorded.
    pub(in crate::chaos) async fn progress(&mut self) -> Result<Vec<Progress>, Error> {
        let told = self.ask(async |client| read_progress(client).await).await?;
        for one in &told {
            self.recorder.record(Fact::Progress(one.clone()));
        }
        Ok(told)
    }

    /// Waits until nothing is left to do; answers false if that takes too long.
    pub(in crate::chaos) async fn drained(&mut self, rest: Rest) -> Result<bool, Error> {
        let began = Instant::now();
        let mut waiting = (0, began);
        while began.elapsed() < DONE_WITHIN {
            let is_owing = self.aggregator.next_due().is_some();
            let told = self.progress().await?;
            let accepted = told.iter().map(|one| one.counts.accepted).fold(0, u64::saturating_add);
            if is_owing || accepted != waiting.0 {
                waiting = (accepted, Instant::now());
            }
            // A receipt that nobody took for too long is given up, and its message waits for ever.
            let has_all =
                accepted == 0 || !rest.has_receipts || waiting.1.elapsed() > GIVEN_UP_AFTER;
            if !is_owing && has_all && told.iter().all(|one| is_at_rest(one, rest)) {
                return Ok(true);
            }
            tokio::time::sleep(ASK_PAUSE).await;
        }
        for one in self.progress().await?.iter().filter(|one| !is_at_rest(one, rest)) {
            let counts = &one.counts;
            tell(&format!(
                "{} is {}: {} deferred, {} queued, {} in flight, {} accepted, {} unknown",
                one.campaign,
                one.status,
                counts.deferred,
                counts.queued,
                counts.in_flight,
                counts.accepted,
                counts.unknown
            ));
        }
        Ok(false)
    }
}

fn is_at_rest(one: &Progress, rest: Rest) -> bool {
    let counts = &one.counts;
    let open = [counts.deferred, counts.queued, counts.in_flight];
    ENDED.contains(&one.status.as_str())
        && open.iter().all(|count| *count == 0)
        && (counts.unknown == 0 || !rest.has_answers)
}

async fn read_progress(client: &Client) -> Result<Vec<Progress>, Error> {
    let mut told = Vec::new();
    let mut after = Value::Null;
    for _ in 0..PAGES_MAX {
        let began_us = monotonic_us();
        let answer = post(client, facts::PROGRESS, &json!({ "after": after })).await?;
        let page = answer.pointer("/data/site/campaigns");
        let nodes = page.and_then(|page| page.get("nodes")?.as_array());
        let (Some(page), Some(nodes)) = (page, nodes) else {
            return Err(none("how campaigns stand", &answer));
        };
        told.extend(nodes.iter().map(|node| facts::progress(node, began_us)));
        if page.pointer("/pageInfo/hasNextPage") != Some(&Value::Bool(true)) {
            break;
        }
        after = page.pointer("/pageInfo/endCursor").cloned().unwrap_or_default();
    }
    Ok(told)
}

/// Posts, and posts again while the answer says that it should be tried again.
async fn post(client: &Client, document: &str, variables: &Value) -> Result<Value, Error> {
    for _ in 1..ASKS_MAX {
        let answer = client.post(document, variables.clone()).await?;
        if answer.pointer("/errors/0/extensions/code") != Some(&json!(TRY_AGAIN)) {
            return Ok(answer);
        }
        tokio::time::sleep(ASK_PAUSE).await;
    }
    Ok(client.post(document, variables.clone()).await?)
}

fn none(what: &'static str, answer: &Value) -> Error {
    Error::Answer { what, answer: mask_all(&answer.to_string()) }
}

/// Calls a mutation, and records it with its answer; answers the payload, and whether it was done.
pub(in crate::chaos) async fn call(
    client: &Client,
    recorder: &Recorder,
    (verb, document): (&'static str, &str),
    variables: Value,
) -> Result<(Value, bool), Error> {
    let began_us = monotonic_us();
    let answer = post(client, document, &variables).await?;
    let payload = answer.get("data").and_then(|data| data.as_object()?.values().next());
    let errors = payload.and_then(|payload| payload.get("userErrors")?.as_array());
    let (Some(payload), Some(errors), None) = (payload, errors, answer.get("errors")) else {
        return Err(none(verb, &answer));
    };
    let codes = errors.iter().filter_map(|error| error.get("code")?.as_str());
    let refused: Vec<String> = codes.map(str::to_owned).collect();
    let is_done = refused.is_empty();
    let called = facts::called(verb, &variables, began_us, payload);
    let asked_of = variables.get("id").and_then(Value::as_str).map(str::to_owned);
    let campaign = called.campaign.clone().or(asked_of);
    recorder.record(Fact::Called(Called { campaign, refused, ..called }));
    Ok((payload.clone(), is_done))
}

/// Posts a STOP from a phone, and records it once its answer was read.
pub(in crate::chaos) async fn post_stop(
    recorder: &Recorder,
    (http, hook): (&reqwest::Client, &str),
    clock: &SharedClock,
    phone: &str,
) -> Result<u16, Error> {
    let at = Now::now(clock);
    let text = Text { id: &format!("whk_stop_{phone}"), from: phone, words: "STOP", at };
    let status = text.post(http, hook).await?;
    recorder.record(Fact::Received(Received {
        from: phone.to_owned(),
        text: "STOP".to_owned(),
        said_ms: at.timestamp_millis(),
        answered: Some(status),
    }));
    Ok(status)
}
