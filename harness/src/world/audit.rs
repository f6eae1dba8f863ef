//! Holding a campaign to account, from outside: its counts against its messages, page by page.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::history::AttemptOutcome;
use domain::id::{AttemptId, MessageId};
use entity::attempt;
use sea_orm::{ConnectionTrait as _, DbErr, EntityTrait as _, QueryResult, Statement};
use serde_json::{Value, json};

use super::{Error, World, setup};
use crate::client::Client;

/// Objects on a page.
const PAGE: u32 = 100;
/// Pages read of one list.
const PAGES_MAX: usize = 10_000;
/// The parts of the counts, in the order they are shown, each with the state it counts.
const PARTS: [(&str, &str); 10] = [
    ("deferred", "DEFERRED"),
    ("queued", "QUEUED"),
    ("inFlight", "IN_FLIGHT"),
    ("accepted", "ACCEPTED"),
    ("delivered", "DELIVERED"),
    ("undelivered", "UNDELIVERED"),
    ("unconfirmed", "UNCONFIRMED"),
    ("unknown", "UNKNOWN"),
    ("skipped", "SKIPPED"),
    ("canceled", "CANCELED"),
];

const CAMPAIGNS: &str = "query($first: Int!, $after: String) { site { campaigns(first: $first, \
    after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }";
const CAMPAIGN: &str = "query($id: ID!) { campaign(id: $id) { status statusReason { code } \
    steps { id } progress { recipientCount counts { total deferred queued inFlight accepted \
    delivered undelivered unconfirmed unknown skipped canceled } skipped { reason count } \
    undelivered { reason count } } } }";
const MESSAGES: &str = "query($id: ID!, $first: Int!, $after: String) { campaign(id: $id) { \
    messages(first: $first, after: $after) { nodes { id status reason { code rule { code } } step { id position } \
    aggregatorMessageId subscriber { phoneNumber region } timeZone timeZones dueAt deferredFrom acceptedAt \
    deliveredAt attemptCount segmentCount } pageInfo { hasNextPage endCursor } } } }";

/// A message, as far as it is held against the aggregator's ledger and the story's expectations.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its step.
    pub step: String,
    /// Its step's place, the initial message being 0.
    pub position: u64,
    /// Whom it texts.
    pub phone: String,
    /// Its state.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The window or law that held or capped it.
    pub rule: Option<String>,
    /// The aggregator's id for it, if it is known.
    pub aggregator_id: Option<String>,
    /// The zone its due time was worked out in.
    pub zone: String,
    /// Every zone the recipient may be in, that one first.
    pub zones: Vec<String>,
    /// The place whose law protects the recipient.
    pub region: Option<String>,
    /// When it is or was due.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was due before it was deferred.
    pub deferred_from: Option<DateTime<Utc>>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// When it was delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: Option<u64>,
    /// Billable segments.
    pub segments: Option<u64>,
}

impl Row {
    fn of(node: &Value) -> Result<Self, Error> {
        let some = |path: &str| node.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let at = |path: &str| node.pointer(path).and_then(Value::as_str)?.parse().ok();
        let count = |path: &str| node.pointer(path).and_then(Value::as_u64);
        let zones = node.get("timeZones").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            id: setup::text(node, "/id")?,
            step: setup::text(node, "/step/id")?,
            position: number(node, "/step/position")?,
            phone: setup::text(node, "/subscriber/phoneNumber")?,
            status: setup::text(node, "/status")?,
            reason: some("/reason/code"),
            rule: some("/reason/rule/code"),
            aggregator_id: some("/aggregatorMessageId"),
            zone: setup::text(node, "/timeZone")?,
            zones: zones.filter_map(Value::as_str).map(str::to_owned).collect(),
            region: some("/subscriber/region"),
            due_at: at("/dueAt"),
            deferred_from: at("/deferredFrom"),
            accepted_at: at("/acceptedAt"),
            delivered_at: at("/deliveredAt"),
            attempts: count("/attemptCount"),
            segments: count("/segmentCount"),
        })
    }

    /// What it has in common with others of its campaign.
    fn standing(&self) -> Standing {
        let is_deferred = self.status == "DEFERRED";
        Standing {
            status: self.status.clone(),
            reason: self.reason.clone(),
            rule: self.rule.clone(),
            until: self.due_at.filter(|_| is_deferred),
        }
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("phone", &crate::privacy::mask(&self.phone))
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// How a message stands, told together with others that stand alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Its state.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The window or law that held or capped it.
    pub rule: Option<String>,
    /// When it is due, if it is deferred.
    pub until: Option<DateTime<Utc>>,
}

impl Standing {
    /// In words: `DEFERRED QUIET_HOURS (us_fl) until …`, with the instant as it is.
    pub fn words(&self) -> String {
        let mut words = self.status.clone();
        if let Some(reason) = &self.reason {
            words = format!("{words} {reason}");
        }
        if let Some(rule) = &self.rule {
            words = format!("{words} ({rule})");
        }
        if let Some(until) = self.until {
            words = format!("{words} until {}", crate::contract::instant_text(until));
        }
        words
    }
}

/// How a campaign stands, by its own account and by its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// The campaign.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Why, as a code.
    pub reason: Option<String>,
    /// How many steps it has.
    pub steps: u64,
    /// How many recipients its audiences yielded; none before its planning.
    pub recipients: Option<u64>,
    /// Its counts by name, `total` first; empty before its planning.
    pub counts: Vec<(String, u64)>,
    /// How many of its messages stand alike.
    pub messages: BTreeMap<Standing, u64>,
    /// What it says of its skipped and undelivered messages, by reason.
    pub reasons: BTreeMap<(String, String), u64>,
    /// Its messages.
    pub rows: Vec<Row>,
}

/// A hand-over of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The message's id.
    pub message: String,
    /// Whether the service says that it does not know whether it was taken.
    pub is_unknown: bool,
}

impl World {
    /// The aggregator's ids of the texts that belong to no campaign (tests, answers to HELP), each with the
    /// phone it is for: the service tells nobody of them, so its database is asked.
    pub async fn direct_texts(&self) -> Result<BTreeMap<String, String>, Error> {
        let db = self.db().read();
        let sql = "SELECT provider_id, phone FROM direct_text WHERE provider_id IS NOT NULL";
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let failed = |error: DbErr| Error::Database(error.into());
        let rows = db.query_all_raw(statement).await.map_err(failed)?;
        let read = |row: QueryResult| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        rows.into_iter().map(read).collect::<Result<_, DbErr>>().map_err(failed)
    }

    /// What was handed over for campaigns, by the references it went out under: the service tells nobody of
    /// them either.
    pub async fn attempts(&self) -> Result<BTreeMap<String, Tried>, Error> {
        let rows = attempt::Entity::find().all(self.db().read()).await;
        let rows = rows.map_err(|error| Error::Database(error.into()))?;
        let tried = rows.into_iter().map(|row| {
            let message = MessageId(row.message_id).to_string();
            let is_unknown = row.outcome.as_deref() == Some(AttemptOutcome::Unknown.as_str());
            (AttemptId(row.id).to_string(), Tried { message, is_unknown })
        });
        Ok(tried.collect())
    }

    /// The ids of the site's campaigns, in the order the API lists them.
    pub async fn campaigns(&self) -> Result<Vec<String>, Error> {
        let nodes = pages(self.client(), CAMPAIGNS, &json!({}), "/data/site/campaigns").await?;
        nodes.iter().map(|node| setup::text(node, "/id")).collect()
    }

    /// Reads how a campaign stands.
    pub async fn audit(&self, id: &str) -> Result<Audit, Error> {
        Audit::read(self.client(), id).await
    }
}

/// Every node of a connection, page by page.
async fn pages(
    client: &Client,
    query: &str,
    variables: &Value,
    path: &str,
) -> Result<Vec<Value>, Error> {
    let mut nodes = Vec::new();
    let mut after = Value::Null;
    for _ in 0..PAGES_MAX {
        let mut variables = variables.clone();
        if let Some(variables) = variables.as_object_mut() {
            variables.insert("first".to_owned(), json!(PAGE));
            variables.insert("after".to_owned(), after);
        }
        let answer = client.post(query, variables).await?;
        let page = answer.pointer(path).filter(|_| answer.get("errors").is_none());
        let found = page.and_then(|page| page.get("nodes")?.as_array());
        let (Some(page), Some(found)) = (page, found) else {
            return Err(Error::answer(path, &answer));
        };
        nodes.extend(found.iter().cloned());
        if page.pointer("/pageInfo/hasNextPage") != Some(&Value::Bool(true)) {
            return Ok(nodes);
        }
        after = page.pointer("/pageInfo/endCursor").cloned().unwrap_or_default();
    }
    Err(Error::answer(&format!("the end of {path}"), &Value::Null))
}

impl Audit {
    /// Reads how a campaign stands, as that caller is told.
    pub async fn read(client: &Client, id: &str) -> Result<Self, Error> {
        let answer = client.post(CAMPAIGN, json!({ "id": id })).await?;
        let campaign = answer.pointer("/data/campaign").filter(|found| !found.is_null());
        let Some(campaign) = campaign.filter(|_| answer.get("errors").is_none()) else {
            return Err(Error::answer("campaign", &answer));
        };
        let mut audit = Self::of(id, campaign)?;
        let (variables, path) = (json!({ "id": id }), "/data/campaign/messages");
        for node in pages(client, MESSAGES, &variables, path).await? {
            let row = Row::of(&node)?;
            *audit.messages.entry(row.standing()).or_default() += 1;
            audit.rows.push(row);
        }
        Ok(audit)
    }

    fn of(id: &str, campaign: &Value) -> Result<Self, Error> {
        let reason = campaign.pointer("/statusReason/code").and_then(Value::as_str);
        let steps = campaign.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
        let mut audit = Self {
            id: id.to_owned(),
            status: setup::text(campaign, "/status")?,
            reason: reason.map(str::to_owned),
            steps: u64::try_from(steps).unwrap_or(u64::MAX),
            ..Self::default()
        };
        let Some(progress) = campaign.get("progress").filter(|it| !it.is_null()) else {
            return Ok(audit);
        };
        audit.recipients = Some(number(progress, "/recipientCount")?);
        for name in std::iter::once("total").chain(PARTS.map(|(name, _)| name)) {
            let count = number(progress, &format!("/counts/{name}"))?;
            audit.counts.push((name.to_owned(), count));
        }
        for (list, state) in [("skipped", "SKIPPED"), ("undelivered", "UNDELIVERED")] {
            for one in progress.get(list).and_then(Value::as_array).into_iter().flatten() {
                let reason = setup::text(one, "/reason")?;
                audit.reasons.insert((state.to_owned(), reason), number(one, "/count")?);
            }
        }
        Ok(audit)
    }

    /// The count of that name; none before the campaign was planned.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.counts.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
    }

    /// Its message of one step to a phone.
    pub fn row(&self, phone: &str, position: u64) -> Option<&Row> {
        self.rows.iter().find(|row| row.phone == phone && row.position == position)
    }

    /// Whether the aggregator's message of that id is one of its own.
    pub fn has_taken(&self, aggregator_id: &str) -> bool {
        self.rows.iter().any(|row| row.aggregator_id.as_deref() == Some(aggregator_id))
    }

    /// Whether its ledger adds up: the counts are those of the messages, they sum to the total, the
    /// initial messages are as many as recipients, the reasons are those of the messages, and nothing is
    /// in flight.
    pub fn balances(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Ledger { campaign: self.id.clone(), what });
        let listed: u64 = self.messages.values().sum();
        let Some(total) = self.count("total") else {
            let is_empty = listed == 0;
            return if is_empty { Ok(()) } else { wrong(format!("{listed} messages, no counts")) };
        };
        let mut sum: u64 = 0;
        for (name, state) in PARTS {
            let counted = self.count(name).unwrap_or_default();
            let of_state = self.messages.iter().filter(|(known, _)| known.status == state);
            let rows: u64 = of_state.map(|(_, rows)| rows).sum();
            if counted != rows {
                return wrong(format!("{name} is {counted}, and {rows} messages are {state}"));
            }
            sum = sum.saturating_add(counted);
        }
        if sum != total || listed != total {
            return wrong(format!("the total is {total}, the parts {sum}, the messages {listed}"));
        }
        let recipients = self.recipients.unwrap_or_default();
        let initial = self.rows.iter().filter(|row| row.position == 0).count();
        if u64::try_from(initial) != Ok(recipients) {
            return wrong(format!("{initial} initial messages for {recipients} recipients"));
        }
        if total > recipients.saturating_mul(self.steps) {
            let steps = self.steps;
            return wrong(format!(
                "{total} messages for {recipients} recipients and {steps} steps"
            ));
        }
        for ((state, reason), count) in &self.reasons {
            let alike = self.messages.iter().filter(|(standing, _)| {
                standing.status == *state && standing.reason.as_ref() == Some(reason)
            });
            let rows: u64 = alike.map(|(_, rows)| rows).sum();
            if *count != rows {
                return wrong(format!("{state} {reason} is {count}, and {rows} messages are"));
            }
        }
        match self.count("inFlight") {
            Some(0) | None => Ok(()),
            Some(flying) => wrong(format!("{flying} messages are in flight")),
        }
    }
}

fn number(answer: &Value, path: &str) -> Result<u64, Error> {
    let found = answer.pointer(path).and_then(Value::as_u64);
    found.ok_or_else(|| Error::answer(path, answer))
}
