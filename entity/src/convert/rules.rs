//! What rows say about the rules of time: windows, packs, zones and regions.

use super::{Corrupt, quiet_hours, zone};
use crate::{campaign_revision, message, subscriber};
use domain::{
    place::{Clues, Countries, Place, Region, ZoneSet, locate},
    rule_pack::RulePacks,
    site::QuietHours,
    zone::Zone,
};

/// The packs a site or a revision has switched on: those named, or all or none by an older version's flag.
pub fn rule_packs(
    table: &'static str,
    named: Option<&str>,
    has_all: bool,
) -> Result<RulePacks, Corrupt> {
    match named {
        Some(text) => text.parse().map_err(|source| Corrupt::Code { table, source }),
        None if has_all => Ok(RulePacks::ALL),
        None => Ok(RulePacks::NONE),
    }
}

/// The countries that a site texts.
pub fn countries(text: Option<&str>) -> Result<Countries, Corrupt> {
    let corrupt = |_invalid| Corrupt::Value { table: "site", column: "countries" };
    text.unwrap_or_default().parse().map_err(corrupt)
}

/// The packs frozen with a revision.
pub fn frozen_rule_packs(row: &campaign_revision::Model) -> Result<RulePacks, Corrupt> {
    rule_packs("campaign_revision", row.rule_packs.as_deref(), row.has_rule_packs)
}

/// The site's quiet hours as frozen with a revision, where they were enforced.
pub fn frozen_quiet_hours(row: &campaign_revision::Model) -> Result<Option<QuietHours>, Corrupt> {
    let window = row.quiet_hours_start.as_deref().zip(row.quiet_hours_end.as_deref());
    window
        .filter(|_| row.quiet_hours_enabled)
        .map(|(start, end)| quiet_hours("campaign_revision", start, end))
        .transpose()
}

/// The quiet hours of a campaign's own.
pub fn own_quiet_hours(row: &campaign_revision::Model) -> Result<Option<QuietHours>, Corrupt> {
    let window = row.own_quiet_hours_start.as_deref().zip(row.own_quiet_hours_end.as_deref());
    window.map(|(start, end)| quiet_hours("campaign_revision", start, end)).transpose()
}

/// Where a subscriber is, for a campaign that takes `site` for the zone of those of whom nothing is known.
pub fn place(row: &subscriber::Model, site: Zone) -> Result<Place, Corrupt> {
    const TABLE: &str = "subscriber";
    let read = |text: &Option<String>| text.as_deref().map(|text| zone(TABLE, text)).transpose();
    let clues = Clues {
        explicit: read(&row.time_zone)?,
        observed: read(&row.observed_time_zone)?,
        postal_code: row.postal_code.as_deref(),
        phone: &row.phone,
    };
    Ok(locate(&clues, site))
}

/// The zones in which a message's recipient may be.
pub fn zones(row: &message::Model) -> Result<ZoneSet, Corrupt> {
    let text = row.zones.as_deref().unwrap_or(&row.time_zone);
    text.parse().map_err(|_invalid| Corrupt::Value { table: "message", column: "zones" })
}

/// The region whose laws protect a message's recipient.
pub fn region(row: &message::Model) -> Result<Option<Region>, Corrupt> {
    let read = |text: &str| {
        text.parse().map_err(|_invalid| Corrupt::Value { table: "message", column: "region" })
    };
    row.region.as_deref().map(read).transpose()
}
