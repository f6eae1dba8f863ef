//! The invariants, held against the ledger and the world once nobody has anything left to do.
//!
//! **Invariant:** nothing here calls the service: rows are read as they are, and judged by rules written anew.

use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

use rusqlite::types::ValueRef;

use super::ground::SMART_WINDOW;
use super::play::{Play, index};
use super::port::PHONE;
use super::store::StoreError;
use super::world::{Place, Taken};
use crate::check::Rule;

/// States in which a hand-over is still to come, or under way.
const OPEN: [&str; 3] = ["deferred", "queued", "in_flight"];
/// States of what the aggregator took, by the ledger's account.
const TAKEN: [&str; 3] = ["accepted", "delivered", "unconfirmed"];
/// States that say why.
const REASONED: [&str; 5] = ["skipped", "undelivered", "unconfirmed", "unknown", "canceled"];
/// Statuses that a campaign can rest in.
const RESTING: [&str; 4] = ["draft", "sent", "failed", "canceled"];
/// Where a status may lead.
const EDGES: [(&str, &[&str]); 4] = [
    ("draft", &["scheduled", "processing"]),
    ("scheduled", &["processing", "draft", "failed"]),
    ("processing", &["sending", "sent", "canceled", "failed"]),
    ("sending", &["sent", "canceled", "failed"]),
];
/// What Smart Sending's window is held to: civil clocks of nodes may be an hour off either way, at both ends.
const SMART_SLACK_MS: i64 = 2 * 3_600_000;

/// A row of the ledger.
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) provider_id: Option<String>,
    /// Attempts that were made.
    pub(super) attempts: i64,
    /// How often a person had it sent again.
    pub(super) resent: usize,
}

impl Play {
    /// Judges.
    pub(super) fn judge(&mut self) -> Result<(), StoreError> {
        let rows = self.rows()?;
        self.played.messages = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        for row in &rows {
            let (state, reason) = (row.state.as_str(), row.reason.as_deref().unwrap_or_default());
            self.hub.trace().mix(format!("{} {state} {reason}\n", row.place.words()).as_bytes());
            self.tell(70, row.place.phone, || format!("{}: {state} {reason}", row.place.words()));
        }
        if !self.hub.world().found.is_empty() {
            return Ok(());
        }
        let taken = self.hub.world().taken.clone();
        let mut by_place: BTreeMap<Place, Vec<&Taken>> = BTreeMap::new();
        for one in &taken {
            by_place.entry(one.place).or_default().push(one);
        }
        self.taken_once(&rows, &by_place);
        self.known(&rows, &by_place);
        self.nobody_lost(&rows);
        self.counted(&rows)?;
        self.canceled(&rows);
        self.left_alone(&rows, &taken)?;
        self.edges()?;
        self.told(&rows, &by_place);
        Ok(())
    }

    fn rows(&self) -> Result<Vec<Row>, StoreError> {
        const SQL: &str = "SELECT m.campaign_id, m.step_position, m.phone, m.state, m.reason, \
            m.provider_id, m.attempt_count, (SELECT count(*) FROM message_decision d \
            WHERE d.message_id = m.id AND d.is_by_caller AND d.state = 'queued') \
            FROM message m ORDER BY m.id";
        let campaign = |id: ValueRef<'_>| {
            let id = id.as_blob().unwrap_or_default();
            let found = self.campaigns.iter().position(|it| it.id.0.as_bytes() == id);
            found.and_then(|place| u32::try_from(place).ok()).unwrap_or(u32::MAX)
        };
        self.hub.store.ask(SQL, [], |row| {
            let phone: String = row.get(2)?;
            let phone = phone.strip_prefix(PHONE).and_then(|it| it.parse().ok());
            let place = Place {
                campaign: campaign(row.get_ref(0)?),
                step: row.get(1)?,
                phone: phone.unwrap_or(u32::MAX),
            };
            let is_asked =
                self.campaigns.get(index(place.campaign)).is_some_and(|it| it.was_resent);
            let resent: u32 = row.get(7)?;
            Ok(Row {
                place,
                state: row.get(3)?,
                reason: row.get(4)?,
                provider_id: row.get(5)?,
                attempts: row.get(6)?,
                resent: if is_asked { index(resent) } else { 0 },
            })
        })
    }

    fn hold(&self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.hub.against(rule, what());
        }
    }

    /// I3 and I4, which are one here: a phone is one subscriber's.
    fn taken_once(&self, rows: &[Row], by_place: &BTreeMap<Place, Vec<&Taken>>) {
        let resent: HashMap<Place, usize> =
            rows.iter().map(|row| (row.place, row.resent)).collect();
        for (place, taken) in by_place {
            let allowed = resent.get(place).copied().unwrap_or_default().saturating_add(1);
            self.hold(Rule::I3, taken.len() <= allowed, || {
                format!("{} was taken {} times, and {allowed} may be", place.words(), taken.len())
            });
        }
        for pair in rows.windows(2) {
            let is_twice = matches!(pair, [one, other] if one.place == other.place);
            self.hold(Rule::I4, !is_twice, || "one step has two messages to one phone".to_owned());
        }
    }

    /// I5.
    fn known(&self, rows: &[Row], by_place: &BTreeMap<Place, Vec<&Taken>>) {
        let by_row: HashMap<Place, &Row> = rows.iter().map(|row| (row.place, row)).collect();
        for (place, taken) in by_place {
            let row = by_row.get(place);
            let state = row.map_or("not there", |row| row.state.as_str());
            let is_refused_by_receipt = || {
                let world = self.hub.world();
                taken.iter().any(|it| world.told.get(&it.provider_id).is_some_and(|it| *it == 1))
            };
            let is_known = TAKEN.contains(&state)
                || state == "unknown"
                || (state == "undelivered"
                    && (row.is_some_and(|row| row.resent > 0) || is_refused_by_receipt()));
            let is_resent_and_open = row.is_some_and(|row| row.resent > 0);
            self.hold(Rule::I5, is_known || is_resent_and_open, || {
                format!("{} was taken, and its message is {state}", place.words())
            });
        }
        let can_tell = self.plan.profile.has_lookup;
        for row in rows {
            let place = row.place;
            let taken = by_place.get(&place).map(Vec::as_slice).unwrap_or_default();
            let is_right = !TAKEN.contains(&row.state.as_str()) || !taken.is_empty();
            self.hold(Rule::I5, is_right, || {
                format!("{} is {}, and nothing was taken", place.words(), row.state)
            });
            if let Some(id) = &row.provider_id {
                let is_given = taken.iter().any(|it| it.provider_id == *id);
                self.hold(Rule::I5, is_given, || {
                    format!("{} has an id that was never given for it", place.words())
                });
            }
            let is_written_off = row.reason.as_deref() == Some("written_off");
            let is_left = row.state == "unknown" && can_tell && !is_written_off;
            self.hold(Rule::I5, !is_left, || {
                format!("{} is unknown, and a look-up would tell", place.words())
            });
        }
    }

    /// I6, I16 and I29.
    fn nobody_lost(&self, rows: &[Row]) {
        for (number, campaign) in self.campaigns.iter().enumerate() {
            let status = campaign.status.as_str();
            self.hold(Rule::I29, RESTING.contains(&status), || {
                format!("nothing is left to do, and campaign {number} is {status}")
            });
            let own = || rows.iter().filter(|row| index(row.place.campaign) == number);
            let recipients = self.plan.campaigns.get(number).map_or(0, |it| it.recipients);
            let first = own().filter(|row| row.place.step == 0).count();
            let is_whole = status != "sent" || first == index(recipients);
            self.hold(Rule::I6, is_whole, || {
                format!("campaign {number} has {first} messages for {recipients} recipients")
            });
            for row in own() {
                let state = row.state.as_str();
                self.hold(Rule::I16, !OPEN.contains(&state), || {
                    format!("campaign {number} is {status}, and {} is {state}", row.place.words())
                });
                let says_why = !REASONED.contains(&state) || row.reason.is_some();
                self.hold(Rule::I6, says_why, || {
                    format!("{} is {state} and says not why", row.place.words())
                });
            }
        }
    }

    /// I2.
    fn counted(&self, rows: &[Row]) -> Result<(), StoreError> {
        let mut held: BTreeMap<(u32, String, String), i64> = BTreeMap::new();
        for row in rows {
            let reason = row.reason.clone().unwrap_or_default();
            *held.entry((row.place.campaign, row.state.clone(), reason)).or_default() += 1;
        }
        let mut counted: BTreeMap<(u32, String, String), i64> = BTreeMap::new();
        for (number, campaign) in self.campaigns.iter().enumerate() {
            let sql = "SELECT state, reason, sum(count) FROM message_count WHERE campaign_id = ?1 \
                       GROUP BY state, reason HAVING sum(count) <> 0";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let id = campaign.id.0;
            let found: Vec<(String, String, i64)> =
                self.hub.store.ask(sql, [id.as_bytes().as_slice()], read)?;
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            counted.extend(found.into_iter().map(|(state, why, n)| ((number, state, why), n)));
        }
        self.hold(Rule::I2, held == counted, || {
            format!("{held:?} are there, and {counted:?} counted")
        });
        Ok(())
    }

    /// I12.
    fn canceled(&self, rows: &[Row]) {
        for (number, campaign) in self.campaigns.iter().enumerate() {
            let Some(answer) = &campaign.was_canceled else { continue };
            let own = || rows.iter().filter(|row| index(row.place.campaign) == number);
            let count = |is: &dyn Fn(&Row) -> bool| {
                i64::try_from(own().filter(|row| is(row)).count()).unwrap_or(i64::MAX)
            };
            let stopped = count(&|row| row.state == "canceled");
            let retracted = count(&|row| row.state == "canceled" && row.attempts > 0);
            let out = count(&|row| TAKEN.contains(&row.state.as_str()))
                + count(&|row| row.state == "undelivered" || row.state == "unknown");
            let (least, most) =
                (answer.handed_over - retracted, answer.handed_over + answer.in_flight);
            self.hold(Rule::I12, (least..=most).contains(&out), || {
                let (handed_over, in_flight) = (answer.handed_over, answer.in_flight);
                format!("{handed_over} were handed over, {in_flight} in flight; {out} came of it")
            });
            let most = answer.canceled + answer.in_flight + retracted;
            self.hold(Rule::I12, (answer.canceled..=most).contains(&stopped), || {
                format!("{} were stopped, and {stopped} are canceled", answer.canceled)
            });
        }
    }

    /// I13. Of two that were claimed and stood still, the later claim may leave first: what counts is the order of
    /// the claims.
    fn left_alone(&self, rows: &[Row], taken: &[Taken]) -> Result<(), StoreError> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0);
        let claims = self.hub.store.ask("SELECT id FROM attempt ORDER BY rowid", [], read)?;
        let claims: HashMap<Uuid, usize> = claims
            .iter()
            .enumerate()
            .filter_map(|(number, id)| Some((Uuid::from_slice(id).ok()?, number)))
            .collect();
        let resent: HashMap<Place, usize> =
            rows.iter().map(|row| (row.place, row.resent)).collect();
        let window_ms = SMART_WINDOW.num_milliseconds() - SMART_SLACK_MS;
        for later in taken.iter().filter(|it| it.place.step == 0) {
            let place = later.place;
            let campaign = self.plan.campaigns.get(index(place.campaign));
            let is_capped = campaign.is_some_and(|it| it.uses_smart_sending);
            let is_resent = resent.get(&place).is_some_and(|resent| *resent > 0);
            if !is_capped || is_resent {
                continue;
            }
            let near = taken.iter().find(|earlier| {
                earlier.place.phone == place.phone
                    && earlier.place != place
                    && earlier.order < later.begun
                    && claims.get(&earlier.attempt) < claims.get(&later.attempt)
                    && later.begun_ms - earlier.at_ms < window_ms
            });
            self.hold(Rule::I13, near.is_none(), || {
                let before = near.map_or_else(String::new, |it| it.place.words());
                format!("{} left within the window of {before}", place.words())
            });
        }
        Ok(())
    }

    /// I14 and I18.
    fn edges(&self) -> Result<(), StoreError> {
        const SQL: &str = "SELECT sequence, from_status, to_status FROM event \
            WHERE campaign_id = ?1 ORDER BY position";
        for campaign in &self.campaigns {
            let id = campaign.id.0;
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let events: Vec<(i64, Option<String>, Option<String>)> =
                self.hub.store.ask(SQL, [id.as_bytes().as_slice()], read)?;
            let (mut status, mut sequence) = ("draft".to_owned(), 0);
            for (next, from, to) in events {
                self.hold(Rule::I18, next == sequence + 1, || {
                    format!("event {next} follows event {sequence}")
                });
                sequence = next;
                let (Some(from), Some(to)) = (from, to) else { continue };
                let leads =
                    EDGES.iter().any(|(known, next)| *known == from && next.contains(&to.as_str()));
                self.hold(Rule::I14, leads && from == status, || {
                    format!("{from} became {to}, and it was {status}")
                });
                status = to;
            }
            self.hold(Rule::I14, status == campaign.status, || {
                format!("a campaign is {}, and {status} was told last", campaign.status)
            });
        }
        Ok(())
    }

    /// I15: of messages that were taken once, and of which nobody had another sent.
    fn told(&self, rows: &[Row], by_place: &BTreeMap<Place, Vec<&Taken>>) {
        for row in rows.iter().filter(|row| row.resent == 0) {
            let taken = by_place.get(&row.place).map(Vec::as_slice).unwrap_or_default();
            let [taken] = taken else { continue };
            let told = self.hub.world().told.get(&taken.provider_id).copied();
            let state = row.state.as_str();
            let is_unheard = state == "unknown" && row.provider_id.is_none();
            let echoes = self.plan.profile.echoes && told.is_some();
            let is_right = match told.unwrap_or_default() {
                _ if is_unheard => !echoes,
                0 => state == "accepted" || state == "unconfirmed",
                1 => state == "undelivered",
                _ => state == "delivered",
            };
            self.hold(Rule::I15, is_right, || {
                format!("{} is {state}, and rank {told:?} was told", row.place.words())
            });
        }
    }
}
