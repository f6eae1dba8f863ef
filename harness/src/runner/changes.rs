//! What a dashboard sees: the site's changes, over a subscription that runs through the whole story.
//!
//! The end of the site's log is asked for, and the change with that cursor waited for; so nothing is
//! missed and nothing is slept for.
//!
//! **Invariant:** each campaign's events are numbered without a gap, and its status moves along the
//! edges of the business alone. What breaks that is a problem of the story.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Error;
use crate::client::Subscription;
use crate::world::World;

/// How long a change that was committed may take to arrive.
const ARRIVAL_WAIT: Duration = Duration::from_secs(20);
/// Changes read in one look.
const CHANGES_MAX: usize = 100_000;
/// Where a status may lead, from the rules of the business and not from the service's own table.
const EDGES: [(&str, &[&str]); 4] = [
    ("DRAFT", &["SCHEDULED", "PROCESSING"]),
    ("SCHEDULED", &["PROCESSING", "DRAFT", "FAILED"]),
    ("PROCESSING", &["SENDING", "SENT", "CANCELED", "FAILED"]),
    ("SENDING", &["SENT", "CANCELED", "FAILED"]),
];

const END: &str = "query { site { campaigns(first: 1) { liveCursor } } }";
const CHANGED: &str = "subscription($after: EventCursor) { campaignsChanged(after: $after) { \
    cursor kind event { kind sequence occurredAt campaignId fromStatus toStatus \
    actor { kind name } reason { code } } } }";

/// One change, in words.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// When it happened.
    pub(super) at: DateTime<Utc>,
    /// What.
    pub(super) words: String,
}

/// How far a campaign's events were seen.
#[derive(Clone, Debug, Default)]
struct Seen {
    sequence: i64,
    status: String,
    /// Every status, in order.
    statuses: Vec<String>,
    /// The kinds of all other events, in order.
    events: Vec<String>,
}

/// The subscription, and what it told so far.
pub(super) struct Changes {
    subscription: Subscription,
    cursor: String,
    campaigns: BTreeMap<String, Seen>,
    problems: Vec<String>,
}

impl Changes {
    /// Subscribes from the end of the log on.
    pub(super) async fn begin(world: &World) -> Result<Self, Error> {
        let cursor = end_of_log(world).await?;
        let after = json!({ "after": cursor });
        let subscription = world.client().subscribe(CHANGED, after).await?;
        Ok(Self { subscription, cursor, campaigns: BTreeMap::new(), problems: Vec::new() })
    }

    /// Subscribes again after the service went away, from the last change on that was told.
    pub(super) async fn connect_again(&mut self, world: &World) -> Result<(), Error> {
        let after = json!({ "after": self.cursor });
        self.subscription = world.client().subscribe(CHANGED, after).await?;
        Ok(())
    }

    /// Every change up to the present end of the log that was not told before.
    pub(super) async fn since_last(&mut self, world: &World) -> Result<Vec<Change>, Error> {
        let end = end_of_log(world).await?;
        let mut changes = Vec::new();
        for _ in 0..CHANGES_MAX {
            if self.cursor == end {
                return Ok(changes);
            }
            let next = tokio::time::timeout(ARRIVAL_WAIT, self.subscription.next_value()).await;
            let Ok(Some(next)) = next else { return Err(Error::EventLost) };
            let change = next?;
            changes.push(self.read(&change)?);
        }
        Err(Error::EventLost)
    }

    /// Every status a campaign was in, in order.
    pub(super) fn statuses(&self, id: &str) -> Vec<String> {
        self.campaigns.get(id).map(|seen| seen.statuses.clone()).unwrap_or_default()
    }

    /// The kinds of a campaign's other events, in order.
    pub(super) fn events(&self, id: &str) -> Vec<String> {
        self.campaigns.get(id).map(|seen| seen.events.clone()).unwrap_or_default()
    }

    /// Ends the subscription; answers what was wrong with what it told.
    pub(super) async fn end(self) -> Result<Vec<String>, Error> {
        self.subscription.close().await?;
        Ok(self.problems)
    }

    fn read(&mut self, answer: &Value) -> Result<Change, Error> {
        let lacks =
            |call: &str| Error::Answer { call: call.to_owned(), answer: answer.to_string() };
        let change = answer.pointer("/data/campaignsChanged").ok_or_else(|| lacks("a change"))?;
        let text = |path: &str| change.pointer(path).and_then(Value::as_str);
        text("/cursor").ok_or_else(|| lacks("a cursor"))?.clone_into(&mut self.cursor);
        let at = text("/event/occurredAt").and_then(|at| at.parse().ok());
        let at = at.ok_or_else(|| lacks("an event with an instant"))?;
        let id = text("/event/campaignId").ok_or_else(|| lacks("a campaign"))?;
        let kind = text("/event/kind").unwrap_or_default();
        let actor = text("/event/actor/name").unwrap_or_default();
        let (from, to) = (text("/event/fromStatus"), text("/event/toStatus"));
        let sequence = change.pointer("/event/sequence").and_then(Value::as_i64);
        let reason = text("/event/reason/code");
        let reason = reason.map_or_else(String::new, |code| format!(" ({code})"));
        let words = match (kind, from, to) {
            ("STATUS_CHANGED", Some(from), Some(to)) => {
                format!("{id} {from} → {to}{reason} by the {actor}")
            }
            _ => format!("{id} {kind} by the {actor}"),
        };
        self.hold_to_account(id, sequence.unwrap_or_default(), kind, from.zip(to));
        Ok(Change { at, words })
    }

    /// Checks an event against those before it.
    fn hold_to_account(
        &mut self,
        id: &str,
        sequence: i64,
        kind: &str,
        moved: Option<(&str, &str)>,
    ) {
        let seen = self.campaigns.entry(id.to_owned()).or_default();
        if sequence != seen.sequence.saturating_add(1) {
            let problem = format!("{id}: event {sequence} was told after {}", seen.sequence);
            self.problems.push(problem);
        }
        seen.sequence = sequence;
        if kind == "CREATED" {
            "DRAFT".clone_into(&mut seen.status);
            seen.statuses.push("DRAFT".to_owned());
        }
        if kind != "STATUS_CHANGED" {
            seen.events.push(kind.to_owned());
        }
        let Some((from, to)) = moved.filter(|_| kind == "STATUS_CHANGED") else { return };
        let allowed = EDGES.iter().find(|(known, _)| *known == from).map(|(_, to)| *to);
        if from != seen.status || !allowed.unwrap_or_default().contains(&to) {
            let problem = format!("{id}: {from} → {to} was told when it was {}", seen.status);
            self.problems.push(problem);
        }
        to.clone_into(&mut seen.status);
        seen.statuses.push(to.to_owned());
    }
}

/// The cursor of the last event of the site's log.
async fn end_of_log(world: &World) -> Result<String, Error> {
    let answer = world.client().post(END, json!({})).await?;
    let cursor = answer.pointer("/data/site/campaigns/liveCursor").and_then(Value::as_str);
    cursor.map(str::to_owned).ok_or_else(|| Error::answer("the end of the site's log", &answer))
}
