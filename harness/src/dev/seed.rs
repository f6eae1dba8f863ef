//! The demo data: two sites with subscribers across the time zones of the United States.
//!
//! **Invariant:** seeding again changes nothing but the connection, whose port is new at each start.

use super::{DevError, Peer};
use api::service::{
    Actor, Fault, NewAudience, NewSubscriber, Service,
    admin::{ConnectionSettings, KeySettings, SenderSettings, SiteSettings},
};
use domain::{
    access::Role,
    audience::AudienceRules,
    id::SiteId,
    phone::PhoneNumber,
    rule_pack::RulePacks,
    site::{QuietHours, SmartSending, SmsPlanStatus},
    zone::Zone,
};
use secrecy::{ExposeSecret as _, SecretString};

/// An area code and the zone its subscribers live in.
const AREAS: [(u16, &str); 10] = [
    (212, "America/New_York"),
    (305, "America/New_York"),
    (312, "America/Chicago"),
    (214, "America/Chicago"),
    (303, "America/Denver"),
    (602, "America/Phoenix"),
    (415, "America/Los_Angeles"),
    (206, "America/Los_Angeles"),
    (907, "America/Anchorage"),
    (808, "Pacific/Honolulu"),
];
/// Subscribers of each area: the first of the numbers reserved for fiction.
const PER_AREA: u16 = 50;
/// Segments a second the demo sender may send: slow enough to watch.
const SEGMENTS_PER_S: i64 = 100;
/// Seconds for which the aggregator honours idempotency keys.
const KEY_WINDOW_S: i64 = 24 * 60 * 60;

/// A site of the demo.
struct Demo {
    name: &'static str,
    subdomain: &'static str,
    sender: &'static str,
    has_rules: bool,
}

const DEMOS: [Demo; 2] = [
    Demo { name: "demo", subdomain: "demo", sender: "+18885550100", has_rules: false },
    Demo { name: "demo-rules", subdomain: "demo-rules", sender: "+18885550101", has_rules: true },
];

/// Makes what is missing. The key reaches the first site alone, unless `reach_all`.
pub(super) async fn seed(
    service: &Service,
    peer: &Peer,
    secret: &SecretString,
    reach_all: bool,
) -> Result<(), DevError> {
    let mut sites = Vec::new();
    for demo in &DEMOS {
        let site_id = service.admin_site(demo.name, settings(demo)).await?;
        connect(service, peer, demo, site_id).await?;
        sites.push(site_id);
    }
    let reached: Vec<SiteId> =
        sites.iter().copied().take(if reach_all { sites.len() } else { 1 }).collect();
    let key = KeySettings {
        name: "development",
        role: Role::Admin,
        sites: &reached,
        is_development: true,
    };
    let key_id = service.admin_key_with(key, secret.expose_secret()).await?;
    let actor = Actor::new(key_id, "development".to_owned(), Role::Admin, sites.clone());
    for site_id in sites {
        populate(service, &actor, site_id).await?;
    }
    Ok(())
}

fn settings(demo: &Demo) -> SiteSettings {
    SiteSettings {
        zone: "America/New_York".parse().ok(),
        subdomain: Some(demo.subdomain.to_owned()),
        plan: Some(SmsPlanStatus::Active),
        quiet_hours: Some(QuietHours::DEFAULT.switched(demo.has_rules)),
        rule_packs: Some(if demo.has_rules { RulePacks::ALL } else { RulePacks::NONE }),
        smart_sending: Some(SmartSending { is_enabled: demo.has_rules, window_s: 8 * 60 * 60 }),
        ..SiteSettings::default()
    }
}

async fn connect(
    service: &Service,
    peer: &Peer,
    demo: &Demo,
    site_id: SiteId,
) -> Result<(), DevError> {
    let connection = ConnectionSettings {
        site_id,
        name: "main".to_owned(),
        base_url: Some(peer.base_url.clone()),
        token: Some(peer.token.clone()),
        webhook_secret: Some(peer.webhook_secret.clone()),
        webhook_secret_next: None,
        key_window_s: Some(KEY_WINDOW_S),
        has_lookup: Some(true),
        status_page_url: None,
        segments_per_s: None,
    };
    let connection_id = service.admin_connection(connection).await?;
    let phone = PhoneNumber::parse(demo.sender)
        .map_err(|invalid| DevError::Refused(invalid.to_string()))?;
    let sender = SenderSettings {
        site_id,
        phone,
        connection_id: Some(connection_id),
        segments_per_s: Some(SEGMENTS_PER_S),
        is_ready: Some(true),
    };
    service.admin_sender(sender).await?;
    Ok(())
}

/// Gives a site its subscribers and audiences, unless it has audiences already.
async fn populate(service: &Service, actor: &Actor, site_id: SiteId) -> Result<(), DevError> {
    let known = service.audience_totals(actor, &[site_id]).await?;
    if known.iter().any(|count| *count > 0) {
        return Ok(());
    }
    let upserted = service.subscribers_upsert(actor, Some(site_id), subscribers()).await?;
    if let Some(refusal) = upserted.refusals.first() {
        return Err(DevError::Refused(refusal.message.clone()));
    }
    for (name, rules) in audiences() {
        audience(service, actor, site_id, name, rules).await?;
    }
    Ok(())
}

fn subscribers() -> Vec<NewSubscriber> {
    let in_area = |(area, zone): (u16, &'static str)| {
        (0..PER_AREA).map(move |number| {
            let mut tags = vec![format!("area-{area}")];
            if number % 10 == 0 {
                tags.push("vip".to_owned());
            }
            if zone == "America/Los_Angeles" {
                tags.push("west-coast".to_owned());
            }
            NewSubscriber {
                phone_number: format!("+1{area}55501{number:02}"),
                zone: zone.parse::<Zone>().ok().map(Some),
                tags: Some(tags),
                ..NewSubscriber::default()
            }
        })
    };
    AREAS.into_iter().flat_map(in_area).collect()
}

fn audiences() -> [(&'static str, AudienceRules); 3] {
    let tagged = |tag: &str| AudienceRules { tags_any: vec![tag.to_owned()], ..Default::default() };
    [
        ("Everyone", AudienceRules::default()),
        ("VIPs", tagged("vip")),
        ("West coast", tagged("west-coast")),
    ]
}

async fn audience(
    service: &Service,
    actor: &Actor,
    site_id: SiteId,
    name: &str,
    rules: AudienceRules,
) -> Result<(), DevError> {
    let new =
        NewAudience { site_id: Some(site_id), name: name.to_owned(), rules, idempotency_key: None };
    let made: Result<_, Fault> = service.audience_create(actor, new).await;
    match made? {
        Ok(_) => Ok(()),
        Err(refusals) => {
            let first = refusals.first().map(|refusal| refusal.message.clone());
            Err(DevError::Refused(first.unwrap_or_default()))
        }
    }
}
