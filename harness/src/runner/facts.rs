//! Answers of the API as facts of a journal.
//!
//! **Invariant:** what is recorded was seen from outside; what an answer does not say is left out.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Error;
use crate::client::Client;
use crate::record::{
    Called, Counts, Fact, Frozen, Hours, Ledger, Person, Progress, Recorder, Row, Selection,
    StepText, digest,
};
use crate::scenario::{QuietHours, SeedSubscriber};
use crate::world::Audit;

/// Asks how a hundred of the site's campaigns stand.
pub(crate) const PROGRESS: &str = "query($after: String) { site { campaigns(first: 100, \
    after: $after) { nodes { id status revision isPaused progress { version recipientCount counts { \
    total deferred queued inFlight accepted delivered undelivered unconfirmed unknown skipped canceled \
    } } } pageInfo { hasNextPage endCursor } } } }";
const FROZEN: &str = "query($id: ID!) { campaign(id: $id) { usesSmartSending steps { position body \
    delay } audiences { rules { tagsAny tagsAll tagsNone } } schedule { mode localDateTime startsAt \
    ifPassed sendBy } } }";

/// Somebody who can be texted.
pub(crate) fn person(site: &str, one: SeedSubscriber) -> Person {
    Person {
        site: site.to_owned(),
        phone: one.phone,
        zone: one.time_zone.or(one.observed_time_zone),
        postal_code: one.postal_code,
        tags: one.tags,
        attributes: one.attributes,
        is_opted_out: one.unsubscribed,
    }
}

/// A mutation that was answered and not refused, about the campaign of the answer.
pub(crate) fn called(verb: &str, variables: &Value, began_us: u64, payload: &Value) -> Called {
    let count = |name: &str| payload.get(name).and_then(Value::as_u64);
    Called {
        verb: verb.to_owned(),
        began_us,
        campaign: payload.pointer("/campaign/id").and_then(text),
        phone: None,
        key: variables.pointer("/input/idempotencyKey").and_then(text),
        asked: digest(variables.to_string().as_bytes()),
        told: digest(frozen_part(payload).to_string().as_bytes()),
        refused: Vec::new(),
        status: payload.pointer("/campaign/status").and_then(text),
        revision: payload.pointer("/campaign/revision").and_then(Value::as_i64),
        canceled: count("canceledCount"),
        handed_over: count("handedOverCount"),
        in_flight: count("inFlightCount"),
    }
}

/// What a campaign's activation froze, but for its site and the hours of its own, which no answer shows.
pub(crate) async fn frozen(client: &Client, id: &str, activated_ms: i64) -> Result<Frozen, Error> {
    let answer = client.post(FROZEN, json!({ "id": id })).await?;
    let campaign = answer.pointer("/data/campaign").filter(|found| !found.is_null());
    let campaign = campaign.ok_or_else(|| Error::answer("what was frozen", &answer))?;
    let list = |name: &str| campaign.get(name).and_then(Value::as_array).into_iter().flatten();
    let schedule = |name: &str| campaign.get("schedule").and_then(|it| it.get(name));
    let at = |name: &str| instant_ms(schedule(name)?);
    Ok(Frozen {
        site: String::new(),
        campaign: id.to_owned(),
        steps: list("steps").map(step).collect(),
        audiences: list("audiences").filter_map(|it| it.get("rules")).map(selection).collect(),
        quiet_hours: None,
        uses_smart_sending: campaign.get("usesSmartSending") == Some(&Value::Bool(true)),
        mode: schedule("mode").and_then(text).unwrap_or_default(),
        local: schedule("localDateTime").and_then(text),
        if_passed: schedule("ifPassed").and_then(text),
        activated_ms,
        starts_ms: at("startsAt").unwrap_or(activated_ms),
        send_by_ms: at("sendBy"),
    })
}

/// How a campaign stands by one node of [`PROGRESS`].
pub(crate) fn progress(node: &Value, began_us: u64) -> Progress {
    let number = |path: &str| node.pointer(path).and_then(Value::as_i64);
    Progress {
        began_us,
        campaign: node.get("id").and_then(text).unwrap_or_default(),
        status: node.get("status").and_then(text).unwrap_or_default(),
        revision: number("/revision").unwrap_or_default(),
        is_paused: node.get("isPaused") == Some(&Value::Bool(true)),
        version: number("/progress/version"),
        recipients: count(node, "/progress/recipientCount"),
        counts: counts(|name| count(node, &format!("/progress/counts/{name}"))),
    }
}

/// Records how a campaign's ledger stands.
pub(crate) fn ledger(recorder: &Recorder, audit: &Audit) {
    let reasons = audit.reasons.iter();
    let reasons = reasons.map(|((state, reason), count)| (format!("{state} {reason}"), *count));
    recorder.record(Fact::Ledger(Ledger {
        campaign: audit.id.clone(),
        status: audit.status.clone(),
        recipients: audit.recipients,
        counts: counts(|name| audit.count(name).unwrap_or_default()),
        reasons: reasons.collect(),
        rows: u64::try_from(audit.rows.len()).unwrap_or(u64::MAX),
    }));
    for row in &audit.rows {
        let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
        recorder.record(Fact::Row(Row {
            message: row.id.clone(),
            campaign: audit.id.clone(),
            position: u32::try_from(row.position).unwrap_or(u32::MAX),
            phone: row.phone.clone(),
            state: row.status.clone(),
            reason: row.reason.clone(),
            id: row.aggregator_id.clone(),
            zones: row.zones.clone(),
            region: row.region.clone(),
            due_ms: ms(row.due_at),
            attempts: row.attempts.unwrap_or_default(),
            segments: row.segments.and_then(|count| u32::try_from(count).ok()),
        }));
    }
}

/// An answer without how the campaign stands: that is shown as it is when the answer is read, and so may be
/// another when the answer is repeated.
fn frozen_part(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(campaign) = payload.get_mut("campaign").and_then(Value::as_object_mut) {
        campaign.retain(|name, _| name == "id");
    }
    payload
}

pub(super) fn hours_of(hours: &QuietHours) -> Hours {
    Hours { start: hours.start.clone(), end: hours.end.clone() }
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn count(node: &Value, path: &str) -> u64 {
    node.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn counts(of: impl Fn(&str) -> u64) -> Counts {
    Counts {
        total: of("total"),
        deferred: of("deferred"),
        queued: of("queued"),
        in_flight: of("inFlight"),
        accepted: of("accepted"),
        delivered: of("delivered"),
        undelivered: of("undelivered"),
        unconfirmed: of("unconfirmed"),
        unknown: of("unknown"),
        skipped: of("skipped"),
        canceled: of("canceled"),
    }
}

pub(super) fn instant_ms(value: &Value) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(at.timestamp_millis())
}

fn step(step: &Value) -> StepText {
    let position = step.get("position").and_then(Value::as_u64).unwrap_or_default();
    StepText {
        position: u32::try_from(position).unwrap_or(u32::MAX),
        body: step.get("body").and_then(text).unwrap_or_default(),
        delay_ms: step.get("delay").and_then(Value::as_str).and_then(duration_ms).unwrap_or(0),
    }
}

fn selection(rules: &Value) -> Selection {
    let tags = |name: &str| {
        let tags = rules.get(name).and_then(Value::as_array).into_iter().flatten();
        tags.filter_map(text).collect()
    };
    Selection { any: tags("tagsAny"), all: tags("tagsAll"), none: tags("tagsNone") }
}

/// A span as the API writes it, `P1DT2H30M0.5S`, in milliseconds.
fn duration_ms(text: &str) -> Option<i64> {
    let mut span = TimeDelta::zero();
    let mut is_time = false;
    let mut number = String::new();
    for character in text.strip_prefix('P')?.chars() {
        if character == 'T' {
            is_time = true;
            continue;
        }
        if character.is_ascii_digit() || character == '.' {
            number.push(character);
            continue;
        }
        let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
        let whole: i64 = whole.parse().ok()?;
        let unit = match (character, is_time) {
            ('W', false) => TimeDelta::weeks(1),
            ('D', false) => TimeDelta::days(1),
            ('H', true) => TimeDelta::hours(1),
            ('M', true) => TimeDelta::minutes(1),
            ('S', true) => TimeDelta::seconds(1),
            _ => return None,
        };
        span = span.checked_add(&unit.checked_mul(i32::try_from(whole).ok()?)?)?;
        let thousandths: i64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
        span = span.checked_add(&TimeDelta::milliseconds(thousandths))?;
        number.clear();
    }
    Some(span.num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::duration_ms;

    #[test]
    fn spans_are_read_as_the_api_writes_them() {
        let cases = [
            ("PT30S", Some(30_000)),
            ("PT1.5S", Some(1_500)),
            ("P1DT2H3M4.005S", Some(93_784_005)),
            ("P1W", Some(604_800_000)),
            ("1H", None),
            ("P1H", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }
}
