//! Rows to domain types, and instants to milliseconds.
//!
//! **Invariant:** a row that this version cannot read is a fault that names its table, never a guess.

pub mod rules;

use crate::{audience, campaign, campaign_revision, campaign_step, event, site, subscriber};
use domain::{
    Instant,
    audience::{Audience, AudienceRules},
    campaign::{Campaign, Step},
    code::UnknownCode,
    event::CampaignEvent,
    phone::PhoneNumber,
    schedule::Schedule,
    site::{QuietHours, SegmentPrice, Site, SmartSending, TrialAllowance},
    subscriber::Subscriber,
    text::Frame,
    zone::InvalidZone,
};
use sea_orm::prelude::{ChronoDateTime, ChronoTime, DateTimeUtc, Json};
use std::collections::BTreeMap;

/// A stored value that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum Corrupt {
    /// A code this version does not know.
    #[error("a row of `{table}` holds an unknown code")]
    Code {
        /// The table.
        table: &'static str,
        /// Which.
        #[source]
        source: UnknownCode,
    },
    /// A time zone this version does not know.
    #[error("a row of `{table}` holds an unknown time zone")]
    Zone {
        /// The table.
        table: &'static str,
        /// Which.
        #[source]
        source: InvalidZone,
    },
    /// Any other value; the value itself may be personal and is left out.
    #[error("a row of `{table}` holds an unreadable `{column}`")]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
}

/// Wall-clock times of day are kept as `20:00:00`.
const TIME_FORMAT: &str = "%H:%M:%S";
/// Wall-clock date-times are kept as `2026-11-27T09:30:00`.
const DATE_TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// Milliseconds since 1970 in UTC.
pub fn ms(instant: Instant) -> i64 {
    instant.timestamp_millis()
}

/// The instant `ms` milliseconds after 1970 in UTC; one out of range becomes 1970, which no row holds.
pub fn instant(ms: i64) -> Instant {
    DateTimeUtc::from_timestamp_millis(ms).unwrap_or_default()
}

/// A time of day as rows hold it.
pub fn time_text(time: ChronoTime) -> String {
    time.format(TIME_FORMAT).to_string()
}

/// A wall-clock date-time as rows hold it.
pub fn date_time_text(local: ChronoDateTime) -> String {
    local.format(DATE_TIME_FORMAT).to_string()
}

fn time(table: &'static str, column: &'static str, text: &str) -> Result<ChronoTime, Corrupt> {
    ChronoTime::parse_from_str(text, TIME_FORMAT).map_err(|_parse| Corrupt::Value { table, column })
}

/// Reads a window of quiet hours of `table`, kept in `quiet_hours_start` and `quiet_hours_end`. It is
/// switched on; whether it applies is another column's business.
pub fn quiet_hours(table: &'static str, start: &str, end: &str) -> Result<QuietHours, Corrupt> {
    const END: &str = "quiet_hours_end";
    let start = time(table, "quiet_hours_start", start)?;
    let zero_width = |_zero_width| Corrupt::Value { table, column: END };
    QuietHours::new(start, time(table, END, end)?).map_err(zero_width)
}

/// Reads a code of `table`.
pub fn code<T: std::str::FromStr<Err = UnknownCode>>(
    table: &'static str,
    text: &str,
) -> Result<T, Corrupt> {
    text.parse().map_err(|source| Corrupt::Code { table, source })
}

/// Reads an optional code of `table`.
pub fn code_opt<T: std::str::FromStr<Err = UnknownCode>>(
    table: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Corrupt> {
    text.map(|text| code(table, text)).transpose()
}

/// Reads a time zone of `table`.
pub fn zone(table: &'static str, text: &str) -> Result<domain::zone::Zone, Corrupt> {
    text.parse().map_err(|source| Corrupt::Zone { table, source })
}

/// Reads a phone number of `table`.
pub fn phone(table: &'static str, text: &str) -> Result<PhoneNumber, Corrupt> {
    PhoneNumber::parse(text).map_err(|_invalid| Corrupt::Value { table, column: "phone" })
}

/// A site.
pub fn site(row: site::Model) -> Result<Site, Corrupt> {
    const TABLE: &str = "site";
    let price = row.price_amount.zip(row.price_currency);
    Ok(Site {
        id: row.id.into(),
        zone: zone(TABLE, &row.time_zone)?,
        status: code(TABLE, &row.status)?,
        plan: code(TABLE, &row.plan)?,
        trial: TrialAllowance {
            limit: row.trial_limit,
            used: row.trial_used,
            reserved: row.trial_reserved,
            ends_at: row.trial_ends_at.map(instant),
        },
        price: price.map(|(amount, currency_code)| SegmentPrice { amount, currency_code }),
        quiet_hours: quiet_hours(TABLE, &row.quiet_hours_start, &row.quiet_hours_end)?
            .switched(row.quiet_hours_enabled),
        rule_packs: rules::rule_packs(TABLE, row.rule_packs.as_deref(), row.has_rule_packs)?,
        smart_sending: SmartSending {
            is_enabled: row.smart_sending_enabled,
            window_s: row.smart_sending_window_s,
        },
        countries: rules::countries(row.countries.as_deref())?,
        frame: Frame { prefix: row.text_prefix, footer: row.text_footer },
        help_reply: row.help_reply,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
        name: row.name,
        subdomain: row.subdomain,
    })
}

/// A subscriber.
pub fn subscriber(row: subscriber::Model) -> Result<Subscriber, Corrupt> {
    const TABLE: &str = "subscriber";
    Ok(Subscriber {
        id: row.id.into(),
        site_id: row.site_id.into(),
        phone: phone(TABLE, &row.phone)?,
        status: code(TABLE, &row.status)?,
        zone: row.time_zone.map(|text| zone(TABLE, &text)).transpose()?,
        observed_zone: row.observed_time_zone.map(|text| zone(TABLE, &text)).transpose()?,
        attributes: values(TABLE, "attributes", row.attributes.as_ref())?,
        postal_code: row.postal_code,
        subscribed_at: instant(row.subscribed_at),
        unsubscribed_at: row.unsubscribed_at.map(instant),
        last_messaged_at: row.last_messaged_at.map(instant),
        suspected_opt_out_at: row.suspected_opt_out_at.map(instant),
    })
}

/// An audience.
pub fn audience(row: audience::Model) -> Result<Audience, Corrupt> {
    Ok(Audience {
        id: row.id.into(),
        site_id: row.site_id.into(),
        rules: rules("audience", &row.rules)?,
        name: row.name,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

/// Rules of an audience, from their JSON.
pub fn rules(table: &'static str, json: &Json) -> Result<AudienceRules, Corrupt> {
    let corrupt = || Corrupt::Value { table, column: "rules" };
    let tags = |name: &str| -> Result<Vec<String>, Corrupt> {
        let list = json.get(name).and_then(Json::as_array).ok_or_else(corrupt)?;
        list.iter().map(|tag| tag.as_str().map(str::to_owned).ok_or_else(corrupt)).collect()
    };
    let at = |name: &str| json.get(name).and_then(Json::as_i64).map(instant);
    Ok(AudienceRules {
        tags_any: tags("tags_any")?,
        tags_all: tags("tags_all")?,
        tags_none: tags("tags_none")?,
        subscribed_from: at("subscribed_from"),
        subscribed_until: at("subscribed_until"),
    })
}

/// Rules of an audience, as JSON.
pub fn rules_json(rules: &AudienceRules) -> Json {
    let tags =
        |tags: &[String]| Json::Array(tags.iter().map(|tag| Json::from(tag.as_str())).collect());
    let at = |at: Option<Instant>| at.map_or(Json::Null, |at| Json::from(ms(at)));
    Json::Object(
        [
            ("tags_any".to_owned(), tags(&rules.tags_any)),
            ("tags_all".to_owned(), tags(&rules.tags_all)),
            ("tags_none".to_owned(), tags(&rules.tags_none)),
            ("subscribed_from".to_owned(), at(rules.subscribed_from)),
            ("subscribed_until".to_owned(), at(rules.subscribed_until)),
        ]
        .into_iter()
        .collect(),
    )
}

/// Values of variables by name, from their JSON: a flat object of texts. No JSON is no values.
pub fn values(
    table: &'static str,
    column: &'static str,
    json: Option<&Json>,
) -> Result<BTreeMap<String, String>, Corrupt> {
    let corrupt = || Corrupt::Value { table, column };
    let Some(json) = json.filter(|json| !json.is_null()) else { return Ok(BTreeMap::new()) };
    let pairs = json.as_object().ok_or_else(corrupt)?.iter();
    let read = |(name, value): (&String, &Json)| {
        Ok((name.clone(), value.as_str().ok_or_else(corrupt)?.to_owned()))
    };
    pairs.map(read).collect()
}

/// Values of variables by name, as JSON.
pub fn values_json(values: &BTreeMap<String, String>) -> Json {
    let pairs = values.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
    Json::Object(pairs.collect())
}

/// A campaign with the revision in force.
pub fn campaign(
    row: campaign::Model,
    revision: &campaign_revision::Model,
) -> Result<Campaign, Corrupt> {
    const TABLE: &str = "campaign";
    Ok(Campaign {
        id: row.id.into(),
        site_id: row.site_id.into(),
        name: row.name,
        status: code(TABLE, &row.status)?,
        status_reason: code_opt(TABLE, row.status_reason.as_deref())?,
        status_changed_at: instant(row.status_changed_at),
        revision: row.revision,
        revision_id: row.revision_id.into(),
        uses_smart_sending: revision.uses_smart_sending,
        quiet_hours: rules::own_quiet_hours(revision)?,
        max_lateness_s: revision.max_lateness_s,
        paused_at: row.paused_at.map(instant),
        schedule: schedule(revision)?,
        duplicated_from: row.duplicated_from.map(Into::into),
        excludes_reached: row.excludes_reached,
        created_at: instant(row.created_at),
        updated_at: instant(row.updated_at),
    })
}

/// The schedule frozen in a revision, if it has one.
pub fn schedule(row: &campaign_revision::Model) -> Result<Option<Schedule>, Corrupt> {
    const TABLE: &str = "campaign_revision";
    let (Some(mode), Some(starts_at), Some(ends_at)) = (&row.mode, row.starts_at, row.ends_at)
    else {
        return Ok(None);
    };
    let local = row.local_date_time.as_deref().map(|text| {
        ChronoDateTime::parse_from_str(text, DATE_TIME_FORMAT)
            .map_err(|_parse| Corrupt::Value { table: TABLE, column: "local_date_time" })
    });
    Ok(Some(Schedule {
        mode: code(TABLE, mode)?,
        local_date_time: local.transpose()?,
        zone: row.time_zone.as_deref().map(|text| zone(TABLE, text)).transpose()?,
        if_passed: code_opt(TABLE, row.if_passed.as_deref())?,
        launches_at: instant(row.launches_at.unwrap_or(starts_at)),
        starts_at: instant(starts_at),
        ends_at: instant(ends_at),
        send_by: row.send_by.map(instant),
    }))
}

/// A step.
pub fn step(row: campaign_step::Model) -> Result<Step, Corrupt> {
    let position = i32::try_from(row.position)
        .map_err(|_range| Corrupt::Value { table: "campaign_step", column: "position" })?;
    Ok(Step {
        id: row.id.into(),
        position,
        body: row.body,
        media_url: row.media_url,
        delay_s: row.delay_s,
        condition: code("campaign_step", &row.condition)?,
    })
}

/// An event.
pub fn event(row: event::Model) -> Result<CampaignEvent, Corrupt> {
    const TABLE: &str = "event";
    Ok(CampaignEvent {
        id: row.id.into(),
        site_id: row.site_id.into(),
        position: row.position,
        campaign_id: row.campaign_id.into(),
        sequence: row.sequence,
        kind: code(TABLE, &row.kind)?,
        occurred_at: instant(row.occurred_at),
        actor_kind: code(TABLE, &row.actor_kind)?,
        actor_name: row.actor_name,
        from_status: code_opt(TABLE, row.from_status.as_deref())?,
        to_status: code_opt(TABLE, row.to_status.as_deref())?,
        reason: code_opt(TABLE, row.reason.as_deref())?,
    })
}
