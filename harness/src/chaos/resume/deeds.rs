//! What is done to campaigns that clients follow, and what the log says of it in the end.
//!
//! **Invariant:** every campaign is scheduled, moved and called back as often as is asked for, then sent, paused
//! and resumed; every other one is canceled while it is sent.

use super::{Error, member};
use crate::{
    chaos::stage::call,
    client::Client,
    dice,
    privacy::mask_all,
    record::Recorder,
    runner::{
        calls::{ACTIVATE, CANCEL},
        moves::{PAUSE, RESCHEDULE, RESUME},
    },
};
use serde_json::{Value, json};

const LIVE_CURSOR: &str = "{ site { campaigns(first: 1) { liveCursor } } }";
const STATUS: &str = "query($id: ID!) { campaign(id: $id) { status isPaused } }";
const LOG: &str = "query($id: ID!, $after: String) { campaign(id: $id) { events(first: 100, after: \
    $after) { nodes { sequence kind } pageInfo { hasNextPage endCursor } } } }";
/// Pages of one campaign's log.
const PAGES_MAX: usize = 100;
/// When campaigns are scheduled for, and moved to: long after everything is over.
const LATER: &str = "2027-06-01T10:00:00";
const LATER_STILL: &str = "2027-06-02T10:00:00";
/// The statuses out of which nothing leads.
const ENDED: [&str; 3] = ["SENT", "FAILED", "CANCELED"];
/// Every this many campaigns one is canceled while it is sent.
const CANCELED_EVERY: usize = 2;

/// Something that is done to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// It is scheduled.
    Schedule,
    /// Its time is moved.
    Move,
    /// It is canceled, or called back.
    Cancel,
    /// It is sent now.
    Send,
    /// It is paused.
    Pause,
    /// It goes on.
    Resume,
}

/// An event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Its number among the campaign's.
    pub(super) sequence: i64,
    /// Whether the campaign entered a status by it.
    pub(super) enters_status: bool,
    /// Whether it is the last.
    pub(super) is_last: bool,
}

/// All that is done to so many campaigns, each by its place: one step of everybody, in an order of its own, after
/// the other.
pub(super) fn all(seed: u64, campaigns: usize, rounds: u64) -> Vec<(usize, Deed)> {
    let round = [Deed::Schedule, Deed::Move, Deed::Cancel];
    let steps = (0..rounds).flat_map(|_| round);
    let steps: Vec<Deed> = steps.chain([Deed::Send, Deed::Pause, Deed::Resume]).collect();
    let mut deeds = Vec::new();
    for (number, deed) in steps.iter().enumerate() {
        let mut order: Vec<usize> = (0..campaigns).collect();
        let drawn = |place: &usize| {
            let parts = ["order", &number.to_string(), &place.to_string()];
            dice::below(seed, &parts, u64::MAX)
        };
        order.sort_by_cached_key(drawn);
        deeds.extend(order.iter().map(|place| (*place, *deed)));
    }
    let canceled = (0..campaigns).step_by(CANCELED_EVERY);
    deeds.extend(canceled.map(|place| (place, Deed::Cancel)));
    deeds
}

/// Does it; that it comes too late or too early is no matter.
pub(super) async fn act(
    client: &Client,
    recorder: &Recorder,
    deed: Deed,
    id: &str,
) -> Result<(), Error> {
    let at = |local: &str| json!({ "atStoreTime": { "localDateTime": local } });
    let (verb, document, schedule) = match deed {
        Deed::Schedule => ("activate", ACTIVATE, Some(at(LATER))),
        Deed::Move => ("reschedule", RESCHEDULE, Some(at(LATER_STILL))),
        Deed::Cancel => ("cancel", CANCEL, None),
        Deed::Send => ("activate", ACTIVATE, Some(json!({ "now": true }))),
        Deed::Pause => ("pause", PAUSE, None),
        Deed::Resume => ("resume", RESUME, None),
    };
    let variables = match schedule {
        Some(schedule) => json!({ "id": id, "input": { "schedule": schedule } }),
        None => json!({ "id": id }),
    };
    call(client, recorder, (verb, document), variables).await.map(drop)
}

/// Whether a campaign has ended; one that waits for somebody is brought further.
pub(super) async fn end(client: &Client, recorder: &Recorder, id: &str) -> Result<bool, Error> {
    let answer = client.post(STATUS, json!({ "id": id })).await?;
    let campaign = member(&answer, "/data/campaign").ok_or_else(|| unexpected(&answer))?;
    let status = campaign.get("status").and_then(Value::as_str).unwrap_or_default();
    let is_paused = campaign.get("isPaused") == Some(&json!(true));
    let deed = match status {
        "DRAFT" => Deed::Send,
        "SCHEDULED" => Deed::Cancel,
        _ if is_paused => Deed::Resume,
        _ => return Ok(ENDED.contains(&status)),
    };
    act(client, recorder, deed, id).await?;
    Ok(false)
}

/// The end of the site's log.
pub(super) async fn live_cursor(client: &Client) -> Result<Value, Error> {
    let answer = client.post(LIVE_CURSOR, json!({})).await?;
    let cursor = member(&answer, "/data/site/campaigns/liveCursor").cloned();
    cursor.ok_or_else(|| unexpected(&answer))
}

/// The log of a campaign, whose numbers have no gap.
pub(super) async fn log(client: &Client, id: &str) -> Result<Vec<Told>, Error> {
    let (mut log, mut after) = (Vec::new(), Value::Null);
    for _ in 0..PAGES_MAX {
        let answer = client.post(LOG, json!({ "id": id, "after": after })).await?;
        let page = member(&answer, "/data/campaign/events").ok_or_else(|| unexpected(&answer))?;
        let nodes = page.get("nodes").and_then(Value::as_array).into_iter().flatten();
        log.extend(nodes.map(|node| {
            let kind = node.get("kind").and_then(Value::as_str).unwrap_or_default();
            let sequence = node.get("sequence").and_then(Value::as_i64).unwrap_or_default();
            let enters_status = matches!(kind, "CREATED" | "STATUS_CHANGED");
            Told { sequence, enters_status, is_last: false }
        }));
        if page.pointer("/pageInfo/hasNextPage") != Some(&Value::Bool(true)) {
            break;
        }
        after = page.pointer("/pageInfo/endCursor").cloned().unwrap_or_default();
    }
    if let Some(last) = log.last_mut() {
        last.is_last = true;
    }
    if log.is_empty() || !log.iter().zip(1..).all(|(told, number)| told.sequence == number) {
        return Err(Error::Answer { what: "a log without a gap", answer: format!("{log:?}") });
    }
    Ok(log)
}

fn unexpected(answer: &Value) -> Error {
    Error::Answer { what: "how a campaign stands", answer: mask_all(&answer.to_string()) }
}
