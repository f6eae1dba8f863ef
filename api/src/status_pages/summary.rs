//! What a summary in the Statuspage format says about texts.
//!
//! **Invariant:** what this version does not know (fields, words, whole parts) is passed over; only what is
//! no summary at all is refused.
//! **Invariant:** texts of the page are cut to a bound and hold no control characters.

use domain::{
    Instant,
    health::{Component, ComponentStatus, Incident, PageIndicator, PageReport},
};
use serde_json::Value;
use std::collections::HashSet;

/// Components looked at. The longest known pages list some hundreds.
const COMPONENTS_MAX: usize = 5_000;
/// Incidents looked at.
const INCIDENTS_MAX: usize = 200;
/// Characters kept of a title or a name.
const TITLE_CHARS_MAX: usize = 200;
/// Characters of a URL; a longer one is left out.
const URL_CHARS_MAX: usize = 2_048;
/// What the names of components and incidents that have to do with texts hold, in lower case and with
/// hyphens and spaces taken out.
const ABOUT_TEXTS: [&str; 5] = ["sms", "mms", "tollfree", "messaging", "delivery"];
/// Stages of an incident in which it is over.
const OVER: [&str; 3] = ["resolved", "postmortem", "completed"];

/// Reads a summary; none for what is none.
pub(super) fn read(body: &[u8]) -> Option<PageReport> {
    let page: Value = serde_json::from_slice(body).ok()?;
    let indicator = page.pointer("/status/indicator").and_then(Value::as_str);
    let components = page.get("components").and_then(Value::as_array);
    if indicator.is_none() && components.is_none() {
        return None;
    }
    let components = components.into_iter().flatten().take(COMPONENTS_MAX);
    let about_texts: Vec<&Value> =
        components.filter(|component| is_about_texts(text(component, "name"))).collect();
    let ids: HashSet<&str> = about_texts.iter().map(|component| text(component, "id")).collect();
    let incident = gravest_incident(&page, &ids);
    Some(PageReport {
        indicator: indicator.unwrap_or_default().parse().unwrap_or(PageIndicator::Unknown),
        component: about_texts.into_iter().map(component).max_by_key(|one| one.status),
        since: incident.and_then(|incident| instant(text(incident, "created_at"))),
        incident: incident.map(|incident| Incident {
            title: title(text(incident, "name")),
            url: url(text(incident, "shortlink")),
        }),
    })
}

fn component(value: &Value) -> Component {
    let status = text(value, "status").parse().unwrap_or(ComponentStatus::Unknown);
    Component { name: title(text(value, "name")), status }
}

/// The incident with the greatest impact that has to do with texts and is not over; of several, the one that
/// the page names first.
fn gravest_incident<'a>(page: &'a Value, about_texts: &HashSet<&str>) -> Option<&'a Value> {
    let incidents = page.get("incidents").and_then(Value::as_array)?;
    let mut gravest: Option<(PageIndicator, &Value)> = None;
    for incident in incidents.iter().take(INCIDENTS_MAX) {
        let impact = text(incident, "impact").parse().unwrap_or(PageIndicator::Unknown);
        let is_graver = gravest.is_none_or(|(known, _)| impact > known);
        if is_graver && !OVER.contains(&text(incident, "status")) && concerns(incident, about_texts)
        {
            gravest = Some((impact, incident));
        }
    }
    gravest.map(|(_, incident)| incident)
}

/// Whether an incident has to do with texts: by its name, by a component it names, or because it names none.
fn concerns(incident: &Value, about_texts: &HashSet<&str>) -> bool {
    let named = incident.get("components").and_then(Value::as_array);
    let named = named.filter(|named| !named.is_empty());
    let is_named = named.is_none_or(|named| {
        named.iter().take(COMPONENTS_MAX).any(|one| about_texts.contains(text(one, "id")))
    });
    is_named || is_about_texts(text(incident, "name"))
}

/// Whether a name is that of something texts depend on.
fn is_about_texts(name: &str) -> bool {
    let compact: String =
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    ABOUT_TEXTS.iter().any(|word| compact.contains(word))
}

/// The text of that name, or an empty one.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn title(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(TITLE_CHARS_MAX).collect::<String>().trim().to_owned()
}

fn url(text: &str) -> Option<String> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_web && is_plain && text.len() <= URL_CHARS_MAX).then(|| text.to_owned())
}

fn instant(text: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(page: &Value) -> PageReport {
        read(page.to_string().as_bytes()).unwrap()
    }

    fn page() -> Value {
        json!({
            "page": { "id": "p1", "name": "Example", "url": "https://status.example" },
            "status": { "indicator": "major", "description": "Partial System Outage" },
            "components": [
                { "id": "c0", "name": "Voice", "status": "major_outage" },
                { "id": "c1", "name": "SMS - Toll-Free", "status": "partial_outage" },
                { "id": "c2", "name": "Messaging API", "status": "operational" },
                { "id": "c3", "name": "MMS", "status": "on_fire" },
            ],
            "incidents": [
                { "id": "i0", "name": "Calls drop", "status": "investigating", "impact": "critical",
                  "components": [{ "id": "c0" }] },
                { "id": "i1", "name": "Receipts are late", "status": "identified", "impact": "minor",
                  "components": [{ "id": "c1" }] },
                { "id": "i2", "name": "Delays to one carrier", "status": "monitoring", "impact": "major",
                  "created_at": "2026-11-23T14:58:00.000-01:00", "shortlink": "https://stspg.example/x",
                  "components": [{ "id": "c0" }, { "id": "c1" }] },
                { "id": "i3", "name": "SMS was down", "status": "resolved", "impact": "critical" },
            ],
        })
    }

    #[test]
    fn what_concerns_texts_is_found() {
        let report = report(&page());
        assert_eq!(report.indicator, PageIndicator::Major);
        let component = report.component.unwrap();
        assert_eq!(
            (component.name.as_str(), component.status),
            ("SMS - Toll-Free", ComponentStatus::PartialOutage)
        );
        let incident = report.incident.unwrap();
        assert_eq!(incident.title, "Delays to one carrier");
        assert_eq!(incident.url.as_deref(), Some("https://stspg.example/x"));
        assert_eq!(report.since, Some("2026-11-23T15:58:00Z".parse().unwrap()));
    }

    #[test]
    fn names_are_told_by_their_words() {
        for name in [
            "SMS > Toll-Free",
            "toll free",
            "TOLLFREE",
            "Programmable Messaging",
            "mms",
            "Delivery receipts",
        ] {
            assert!(is_about_texts(name), "{name}");
        }
        for name in ["Voice", "Billing", "", "Video", "S.O.S."] {
            assert!(!is_about_texts(name), "{name}");
        }
    }

    /// Goal: a page of tomorrow is read as far as it can be. Method: wrong types, missing parts, new words.
    #[test]
    fn what_is_not_known_is_passed_over() {
        for body in ["", "<html>", "[]", "{}", "null", "{\"status\":{\"indicator\":7}}"] {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
        let odd = json!({
            "status": { "indicator": "apocalyptic" },
            "components": [null, 7, { "name": "SMS" }, { "name": ["SMS"], "status": "operational" }],
            "incidents": [{ "components": "none" }],
        });
        let odd = report(&odd);
        assert_eq!(odd.indicator, PageIndicator::Unknown);
        assert_eq!(odd.component.map(|one| one.status), Some(ComponentStatus::Unknown));
        assert_eq!(odd.incident.map(|incident| incident.url), Some(None), "it names no component");
        let bare = report(&json!({ "status": { "indicator": "none" } }));
        assert!(!bare.is_troubled());
    }

    #[test]
    fn texts_are_cut() {
        let long = format!("SMS\u{7}{}", "x".repeat(1_000));
        let page = json!({ "status": { "indicator": "minor" }, "incidents": [
            { "name": long, "shortlink": "javascript:alert(1)", "impact": "minor" } ] });
        let incident = report(&page).incident.unwrap();
        assert_eq!(incident.title.chars().count(), TITLE_CHARS_MAX);
        assert!(incident.title.starts_with("SMS x") && incident.url.is_none());
    }
}
