//! What every schedule begins on: a migrated database with a site, subscribers and audiences for each kind of
//! aggregator, set up through the service's own doors on its own driver.

use std::path::Path;
use std::sync::Arc;

use api::app::{self, Outside, Settings};
use api::config::Config;
use api::db::{self, Db};
use api::ports::Ids;
use api::service::admin::{
    ConnectionSettings, KeySettings, SenderSettings, SetUpError, SiteSettings,
};
use api::service::{Actor, Fault, NewAudience, NewSubscriber, Service};
use api::vitals::{self, Vitals};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use domain::access::Role;
use domain::audience::AudienceRules;
use domain::id::{AudienceId, ConnectionId, SiteId};
use domain::phone::PhoneNumber;
use domain::site::{QuietHours, SmartSending, SmsPlanStatus};
use secrecy::SecretString;

use super::choices::Choices;
use super::clock::{NodeClock, Sky};
use super::plan::{Profile, RECIPIENTS_MAX};
use super::port::{Hub, NoPages, PHONE, Port};
use super::store::{Store, StoreError};
use super::trace::Trace;
use super::turnstile::Turnstile;
use super::world::World;

/// When every schedule begins: a Monday morning.
const START: &str = "2026-11-23T15:00:00Z";
/// Who sends.
const SENDER: &str = "+18885550100";
/// The number that tells the ground's ids from those of every node.
const GROUND_IDS: u64 = 0;
/// Smart Sending's window.
pub(super) const SMART_WINDOW: TimeDelta = TimeDelta::hours(8);

/// Why the ground cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// The database is not to be had.
    #[error("the ground's database cannot be made")]
    Database(#[from] db::Error),
    /// It cannot be taken into memory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A site, a sender or a connection cannot be set up.
    #[error("the ground cannot be set up")]
    SetUp(#[from] SetUpError),
    /// The service broke down.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What a node shows of itself cannot be set up.
    #[error(transparent)]
    Vitals(#[from] vitals::Unusable),
    /// The service refused what the ground needs, or a constant of it cannot be read.
    #[error("the ground is refused: {0}")]
    Refused(&'static str),
}

/// A site of the ground.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    pub(super) site: SiteId,
    pub(super) connection: ConnectionId,
    /// The audience of the first so many subscribers, by how many they are, from one.
    pub(super) audiences: Vec<AudienceId>,
    pub(super) actor: Actor,
}

/// The ground.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) start: DateTime<Utc>,
    /// How a node works, but for its name and window.
    pub(super) settings: Settings,
    /// What is seen of the nodes, of which nobody looks at any.
    pub(super) vitals: Vitals,
    first: Arc<Plot>,
    plots: Vec<Arc<Plot>>,
}

impl Ground {
    /// The site of an aggregator's agreements, by their place.
    pub(super) fn plot(&self, place: usize) -> Arc<Plot> {
        Arc::clone(self.plots.get(place).unwrap_or(&self.first))
    }

    /// Makes the ground's database in `file`.
    pub(super) async fn prepare(file: &Path) -> Result<Self, GroundError> {
        let start = START.parse().map_err(|_invalid| GroundError::Refused("the first instant"))?;
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let options = db::Options { url, reader_connections: 1, max_connections: 1 };
        let db = Db::open(&options).await?;
        db.migrate().await?;
        let service = service(&db, start)?;
        let mut plots = Vec::new();
        for (number, (key_window_s, has_lookup)) in Profile::SITES.into_iter().enumerate() {
            let plot = plot(&service, number, key_window_s, has_lookup, start).await?;
            plots.push(Arc::new(plot));
        }
        drop(service);
        db.close().await?;
        let first = plots.first().ok_or(GroundError::Refused("no site"))?;
        let (settings, vitals) = (settings(), Vitals::new()?);
        Ok(Self { start, settings, vitals, first: Arc::clone(first), plots })
    }
}

/// The service that sets up: on the driver it always has, with ids that are the same every time.
fn service(db: &Db, start: DateTime<Utc>) -> Result<Service, GroundError> {
    let sky = Sky::new(start);
    let clock = NodeClock::new(&sky, 0);
    let ids = Arc::new(Ids::counted(clock.clone(), GROUND_IDS));
    let store = Store::empty()?;
    let profile = Profile { site: 0, key_window_s: 0, has_lookup: false, echoes: false };
    let parts = (Turnstile::new(Choices::scripted(Vec::new())), store, sky);
    let hub = Hub::new(parts, World::new(profile), Trace::new(false), Vec::new());
    let port = Arc::new(Port { hub, clock: clock.clone(), node: 0 });
    let (status_pages, vitals) = (Arc::new(NoPages), Vitals::new()?);
    let outside = Outside { aggregator: port, status_pages, vitals };
    Ok(app::assemble(db.clone(), clock, ids, outside, &settings()).service)
}

fn settings() -> Settings {
    Settings::new(&Config::default(), "http://simulated".to_owned())
}

async fn plot(
    service: &Service,
    number: usize,
    key_window_s: u32,
    has_lookup: bool,
    start: DateTime<Utc>,
) -> Result<Plot, GroundError> {
    let quiet_hours = NaiveTime::from_hms_opt(1, 0, 0).zip(NaiveTime::from_hms_opt(2, 0, 0));
    let quiet_hours = quiet_hours.and_then(|(start, end)| QuietHours::new(start, end).ok());
    let name = format!("Simulated {number}");
    let site = SiteSettings {
        plan: Some(SmsPlanStatus::Active),
        subdomain: Some(format!("simulated-{number}")),
        quiet_hours: quiet_hours.map(|hours| hours.switched(false)),
        rule_packs: "".parse().ok(),
        smart_sending: Some(SmartSending {
            is_enabled: true,
            window_s: SMART_WINDOW.num_seconds(),
        }),
        ..SiteSettings::default()
    };
    let site = service.admin_site(&name, site).await?;
    let connection = ConnectionSettings {
        site_id: site,
        name: "aggregator".to_owned(),
        base_url: Some("http://127.0.0.1:9".to_owned()),
        token: Some(SecretString::from("token")),
        webhook_secret: Some(SecretString::from("whsec_c2ltdWxhdGVk")),
        webhook_secret_next: None,
        key_window_s: Some(key_window_s.into()),
        has_lookup: Some(has_lookup),
        status_page_url: None,
        segments_per_s: None,
    };
    let connection = service.admin_connection(connection).await?;
    let phone = PhoneNumber::parse(SENDER);
    let sender = SenderSettings {
        site_id: site,
        phone: phone.map_err(|_invalid| GroundError::Refused("the sender's number"))?,
        connection_id: Some(connection),
        segments_per_s: Some(0),
        is_ready: Some(true),
    };
    service.admin_sender(sender).await?;
    let key =
        KeySettings { name: "person", role: Role::Admin, sites: &[site], is_development: false };
    let key = service.admin_key_with(key, &format!("key of {name}")).await?;
    let actor = Actor::new(key, "person".to_owned(), Role::Admin, vec![site]);
    let audiences = people(service, &actor, site, start).await?;
    Ok(Plot { site, connection, audiences, actor })
}

/// The subscribers of a site, and the audiences of the first one, two, three and so on.
async fn people(
    service: &Service,
    actor: &Actor,
    site: SiteId,
    start: DateTime<Utc>,
) -> Result<Vec<AudienceId>, GroundError> {
    let tag = |count: u32| format!("first-{count}");
    let subscriber = |number: u32| NewSubscriber {
        phone_number: format!("{PHONE}{number}"),
        zone: None,
        observed_zone: None,
        postal_code: None,
        attributes: None,
        tags: Some((number.saturating_add(1)..=RECIPIENTS_MAX).map(tag).collect()),
        subscribed_at: Some(start - TimeDelta::days(1)),
    };
    let rows: Vec<NewSubscriber> = (0..RECIPIENTS_MAX).map(subscriber).collect();
    let upserted = service.subscribers_upsert(actor, Some(site), rows).await?;
    if !upserted.refusals.is_empty() {
        return Err(GroundError::Refused("the subscribers"));
    }
    let mut audiences = Vec::new();
    for count in 1..=RECIPIENTS_MAX {
        let audience = NewAudience {
            site_id: Some(site),
            name: tag(count),
            rules: AudienceRules { tags_any: vec![tag(count)], ..AudienceRules::default() },
            idempotency_key: None,
        };
        let made = service.audience_create(actor, audience).await?;
        audiences.push(made.map_err(|_refused| GroundError::Refused("an audience"))?.id);
    }
    Ok(audiences)
}
