//! A database to plan in: one site with quiet hours, legal hours and Smart Sending, its subscribers over ten
//! time zones, and a draft to all of them.
//!
//! Subscribers differ as a shop's do: half have a zone of their own and the rest only an area code, a third
//! have a first name, some were texted two hours ago, some left.
//!
//! **Invariant:** the same number of subscribers makes the same rows, apart from ids.

use super::{Error, tell};
use crate::clock::RunningClock;
use api::{
    app::{App, Settings},
    config::Config,
    db::{Db, Options},
    ports::Ids,
    service::{
        Actor, NewAudience, NewCampaign, NewStep,
        admin::{ConnectionSettings, KeySettings, SenderSettings, SiteSettings},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    access::Role,
    audience::AudienceRules,
    campaign::StepCondition,
    id::{CampaignId, MessageId, SiteId, SubscriberId},
    phone::PhoneNumber,
    place::{Clues, TimeZoneSource, locate},
    refusal::Refusal,
    rule_pack::RulePacks,
    site::{QuietHours, SmartSending, SmsPlanStatus},
    subscriber::SubscriberStatus,
    zone::Zone,
};
use entity::{convert::ms, subscriber};
use sea_orm::{ActiveValue::Set, EntityTrait as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::{fmt::Display, ops::Range, path::Path, sync::Arc};

/// An area code in each of ten zones.
const AREAS: [(u16, &str); 10] = [
    (787, "America/Puerto_Rico"),
    (212, "America/New_York"),
    (313, "America/Detroit"),
    (317, "America/Indiana/Indianapolis"),
    (312, "America/Chicago"),
    (303, "America/Denver"),
    (602, "America/Phoenix"),
    (415, "America/Los_Angeles"),
    (907, "America/Anchorage"),
    (808, "Pacific/Honolulu"),
];
/// The most subscribers there are numbers for: [`EXCHANGES`] of 10,000 in every area.
pub(super) const SUBSCRIBERS_MAX: u32 = 5_000_000;
/// Exchanges of an area that are used.
const EXCHANGES: u32 = 50;
/// Numbers of an exchange.
const LINES: u32 = 10_000;
/// A step through an area's numbers that hits each once, so that they are in no order, as a shop's are not.
const STRIDE: u32 = 7_919;
/// One in so many was texted of late.
const TEXTED_EVERY: u32 = 20;
/// One in so many has left.
const LEFT_EVERY: u32 = 100;
/// How long ago the ones were texted who were.
const TEXTED_AGO: TimeDelta = TimeDelta::hours(2);
/// How long ago everybody subscribed.
const SUBSCRIBED_AGO: TimeDelta = TimeDelta::days(30);
/// Rows of one statement: SQLite binds 32,766 values in one, and a row has 21.
const STATEMENT_ROWS: u32 = 1_000;
/// Statements of one transaction.
const STATEMENTS: u32 = 20;
/// Smart Sending's window.
const SMART_SENDING_WINDOW_S: i64 = 8 * 60 * 60;
/// Where nobody listens: the discard port.
const NOWHERE: &str = "http://127.0.0.1:9";
/// The number everything is sent from.
const SENDER: &str = "+18885550100";
const TEXT: &str =
    "Hi {{ first_name | there }}, our autumn sale is on: 20% off everything in store.";

/// What was seeded.
pub(super) struct Seeded {
    /// The draft.
    pub(super) campaign: CampaignId,
    /// The site.
    pub(super) site: SiteId,
    /// A key that may activate it.
    pub(super) key: SecretString,
}

/// Makes the database in `file`, as of `at`.
pub(super) async fn seed(file: &Path, at: DateTime<Utc>, count: u32) -> Result<Seeded, Error> {
    let db = open(file).await?;
    let seeded = seed_into(&db, at, count).await?;
    // Closing it folds the write-ahead log into the file.
    db.close().await?;
    Ok(seeded)
}

/// Makes all of it in an empty database, as of `at`.
pub(super) async fn seed_into(db: &Db, at: DateTime<Utc>, count: u32) -> Result<Seeded, Error> {
    tell(&format!("seeding {count} subscribers"));
    db.migrate().await?;
    let clock = Arc::new(RunningClock::new(at - SUBSCRIBED_AGO));
    let ids = Ids::new(clock.clone());
    let app = App::new(db.clone(), clock, Settings::new(&Config::default(), NOWHERE.to_owned()))?;
    let (site_id, actor, key) = site(&app).await?;
    let campaign = draft(&app, &actor, site_id, ("Everybody", AudienceRules::default())).await?;
    drop(app);
    people(db, &ids, site_id, (at, at - SUBSCRIBED_AGO), 0..count).await?;
    Ok(Seeded { campaign, site: site_id, key })
}

/// Adds `count` subscribers who came at `at`, beside the `before` who were seeded, and a draft to them alone: a
/// campaign that is planned by then is not for them.
pub(super) async fn latecomers(
    db: &Db,
    site_id: SiteId,
    at: DateTime<Utc>,
    (before, count): (u32, u32),
) -> Result<CampaignId, Error> {
    let clock = Arc::new(RunningClock::new(at));
    let ids = Ids::new(clock.clone());
    people(db, &ids, site_id, (at, at), before..before + count).await?;
    let app = App::new(db.clone(), clock, Settings::new(&Config::default(), NOWHERE.to_owned()))?;
    let (actor, _) = admin(&app, site_id, "late").await?;
    let late = AudienceRules { subscribed_from: Some(at), ..AudienceRules::default() };
    draft(&app, &actor, site_id, ("Latecomers", late)).await
}

/// Opens a SQLite file as the service does.
pub(super) async fn open(file: &Path) -> Result<Db, Error> {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let options = Options { url, reader_connections: 1, max_connections: 1 };
    Ok(Db::open(&options).await?)
}

async fn site(app: &App) -> Result<(SiteId, Actor, SecretString), Error> {
    let settings = SiteSettings {
        zone: "America/New_York".parse().ok(),
        subdomain: Some("bench".to_owned()),
        plan: Some(SmsPlanStatus::Active),
        quiet_hours: Some(QuietHours::DEFAULT.switched(true)),
        rule_packs: Some(RulePacks::ALL),
        smart_sending: Some(SmartSending { is_enabled: true, window_s: SMART_SENDING_WINDOW_S }),
        text_prefix: Some("Acme".to_owned()),
        text_footer: Some("Reply STOP to opt out".to_owned()),
        ..SiteSettings::default()
    };
    let service = app.service();
    let site_id = service.admin_site("Bench", settings).await?;
    let connection = ConnectionSettings {
        site_id,
        name: "nowhere".to_owned(),
        base_url: Some(NOWHERE.to_owned()),
        token: Some("bench".to_owned().into()),
        webhook_secret: Some("whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=".to_owned().into()),
        webhook_secret_next: None,
        key_window_s: None,
        has_lookup: None,
        status_page_url: None,
        segments_per_s: None,
    };
    let connection_id = service.admin_connection(connection).await?;
    let sender = SenderSettings {
        site_id,
        phone: PhoneNumber::parse(SENDER).map_err(|_invalid| Error::Value(SENDER))?,
        connection_id: Some(connection_id),
        segments_per_s: Some(0),
        is_ready: Some(true),
    };
    service.admin_sender(sender).await?;
    let (actor, key) = admin(app, site_id, "bench").await?;
    Ok((site_id, actor, key))
}

/// A key for all of a site.
async fn admin(app: &App, site_id: SiteId, name: &str) -> Result<(Actor, SecretString), Error> {
    let key = KeySettings { name, role: Role::Admin, sites: &[site_id], is_development: false };
    let (key_id, secret) = app.service().admin_key(key).await?;
    let actor = Actor::new(key_id, name.to_owned(), Role::Admin, vec![site_id]);
    Ok((actor, secret.expose_secret().to_owned().into()))
}

/// A draft to an audience of its own.
async fn draft(
    app: &App,
    actor: &Actor,
    site_id: SiteId,
    (name, rules): (&str, AudienceRules),
) -> Result<CampaignId, Error> {
    let name = name.to_owned();
    let audience = NewAudience { site_id: Some(site_id), name, rules, idempotency_key: None };
    let audience = app.service().audience_create(actor, audience).await?.map_err(refused)?;
    let step = NewStep {
        body: TEXT.to_owned(),
        media_url: None,
        delay_s: None,
        condition: StepCondition::Always,
    };
    let campaign = NewCampaign {
        site_id: Some(site_id),
        name: "Sale".to_owned(),
        audience_ids: vec![Some(audience.id)],
        excluded_audience_ids: Vec::new(),
        steps: vec![step],
        uses_smart_sending: true,
        quiet_hours: None,
        idempotency_key: None,
    };
    let made = app.service().campaign_create(actor, campaign).await?.map_err(refused)?;
    Ok(made.id)
}

fn refused<C: Display>(refusals: Vec<Refusal<C>>) -> Error {
    let first = refusals.into_iter().next().map(|refusal| refusal.message);
    Error::Refused(first.unwrap_or_default())
}

/// Writes the subscribers of `numbers`, in large transactions; `instants` are now, and when they subscribed.
async fn people(
    db: &Db,
    ids: &Ids,
    site_id: SiteId,
    instants: (DateTime<Utc>, DateTime<Utc>),
    numbers: Range<u32>,
) -> Result<(), Error> {
    let zones = AREAS.map(|(_, name)| name.parse::<Zone>());
    let mut next = numbers.start;
    while next < numbers.end {
        let txn = db.begin_write().await?;
        for _ in 0..STATEMENTS {
            let end = numbers.end.min(next + STATEMENT_ROWS);
            let mut rows = Vec::new();
            for number in next..end {
                let area = usize::try_from(number).unwrap_or_default() % AREAS.len();
                let (Some((code, _)), Some(Ok(zone))) = (AREAS.get(area), zones.get(area)) else {
                    return Err(Error::Value("a zone of the seed"));
                };
                rows.push(person(
                    ids,
                    site_id,
                    instants,
                    Which { number, code: *code, zone: *zone },
                ));
            }
            if rows.is_empty() {
                break;
            }
            subscriber::Entity::insert_many(rows).exec_without_returning(&txn).await?;
            next = end;
        }
        txn.commit().await?;
    }
    Ok(())
}

/// Which subscriber to make.
struct Which {
    number: u32,
    code: u16,
    zone: Zone,
}

fn person(
    ids: &Ids,
    site_id: SiteId,
    (at, subscribed_at): (DateTime<Utc>, DateTime<Utc>),
    Which { number, code, zone }: Which,
) -> subscriber::ActiveModel {
    let areas = u32::try_from(AREAS.len()).unwrap_or(1);
    let line = (number / areas * STRIDE) % (EXCHANGES * LINES);
    let phone = format!("+1{code}{}{:04}", 200 + line / LINES, line % LINES);
    // By tens: whether somebody has a zone or a name says nothing about where they are.
    let has = |every: u32| (number / areas).is_multiple_of(every);
    let explicit = has(2).then_some(zone);
    let clues = Clues { explicit, observed: None, postal_code: None, phone: &phone };
    let place = locate(&clues, Zone::UTC);
    let is_known = place.source != TimeZoneSource::Site;
    let (is_texted, has_left) = (has(TEXTED_EVERY), (number / areas) % LEFT_EVERY == 1);
    let status =
        if has_left { SubscriberStatus::Unsubscribed } else { SubscriberStatus::Subscribed };
    let since = ms(subscribed_at);
    subscriber::ActiveModel {
        id: Set(ids.next::<SubscriberId>().0),
        site_id: Set(site_id.0),
        status: Set(status.as_str().to_owned()),
        time_zone: Set(explicit.map(|zone| zone.name().to_owned())),
        subscribed_at: Set(since),
        unsubscribed_at: Set(has_left.then_some(since)),
        last_messaged_at: Set(is_texted.then(|| ms(at - TEXTED_AGO))),
        postal_code: Set(None),
        observed_time_zone: Set(None),
        attributes: Set(has(3).then(|| json!({ "first_name": "Alexandra" }))),
        zones: Set(is_known.then(|| place.zones.to_string())),
        zone_source: Set(Some(place.source.as_str().to_owned())),
        region: Set(place.region.map(|region| region.to_string())),
        last_message_id: Set(is_texted.then(|| ids.next::<MessageId>().0)),
        last_inbound_at: Set(None),
        suspected_opt_out_at: Set(None),
        created_at: Set(since),
        updated_at: Set(since),
        phone: Set(phone),
    }
}
