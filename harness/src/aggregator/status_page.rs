//! The aggregator's status page, in the Statuspage format, as the script's notices say.
//!
//! **Invariant:** the page is a function of the script and the instant, and so is its `ETag`.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::wire::{Reply, WireRequest};
use crate::contract::instant_text;
use crate::scenario::{PageIndicator, Script, StatusNotice};

/// Where the page's summary is.
pub(super) const SUMMARY_PATH: &str = "/api/v2/summary.json";
/// Components the page lists whatever happens: one that has to do with texts, and one that has not.
const COMPONENTS: [&str; 2] = ["SMS", "Voice"];
/// Where incidents are told of.
const INCIDENTS: &str = "https://status.example/incidents";

/// The notice in force at `now`, with its place among all; none before the first.
fn in_force(script: &Script, now: DateTime<Utc>) -> Option<(usize, &StatusNotice)> {
    let begun = script.status_page.iter().enumerate();
    begun.filter(|(_, notice)| script.instant(notice.at) <= now).max_by_key(|(_, notice)| notice.at)
}

/// Answers a request for the summary; a caller who has it already is told so.
pub(super) fn answer(script: &Script, request: &WireRequest, now: DateTime<Utc>) -> Reply {
    let notice = in_force(script, now);
    let etag = format!("\"notice-{}\"", notice.map_or(0, |(at, _)| at.saturating_add(1)));
    let mut reply = if request.if_none_match.as_deref() == Some(etag.as_str()) {
        Reply::new(304, "application/json", Vec::new())
    } else {
        Reply::json(200, &summary(script, notice))
    };
    reply.set_header("etag", &etag);
    reply
}

/// What the page says, in words, at `now`.
pub(super) fn words(script: &Script, now: DateTime<Utc>) -> String {
    let Some((_, notice)) = in_force(script, now) else { return "none".to_owned() };
    let component = notice
        .component
        .iter()
        .map(|name| format!(", {name} {}", notice.component_status.as_str()));
    let incident = notice.incident.iter().map(|title| format!(", incident \"{title}\""));
    let more: String = component.chain(incident).collect();
    format!("{}{more}", notice.indicator.as_str())
}

fn summary(script: &Script, notice: Option<(usize, &StatusNotice)>) -> Value {
    let said = notice.map(|(_, notice)| notice.clone()).unwrap_or_default();
    let since = instant_text(script.instant(said.at));
    let mut components: Vec<Value> = COMPONENTS
        .iter()
        .filter(|name| said.component.as_deref() != Some(**name))
        .map(|name| json!({ "id": name, "name": name, "status": "operational", "group": false }))
        .collect();
    if let Some(name) = &said.component {
        let status = said.component_status.as_str();
        components.push(json!({ "id": "named", "name": name, "status": status, "group": false }));
    }
    let place = notice.map_or(0, |(at, _)| at.saturating_add(1));
    let incidents: Vec<Value> = said
        .incident
        .iter()
        .map(|title| {
            json!({
                "id": format!("incident-{place}"),
                "name": title,
                "status": "investigating",
                "impact": said.indicator.as_str(),
                "created_at": since,
                "updated_at": since,
                "shortlink": format!("{INCIDENTS}/{place}"),
                "components": said.component.iter().map(|_| json!({ "id": "named" })).collect::<Vec<_>>(),
                "incident_updates": [],
            })
        })
        .collect();
    let description = match said.indicator {
        PageIndicator::None => "All Systems Operational",
        _ => "Some Systems Are Troubled",
    };
    json!({
        "page": { "id": "scripted", "name": "Scripted aggregator", "time_zone": "Etc/UTC", "updated_at": since },
        "status": { "indicator": said.indicator.as_str(), "description": description },
        "components": components,
        "incidents": incidents,
        "scheduled_maintenances": [],
    })
}
