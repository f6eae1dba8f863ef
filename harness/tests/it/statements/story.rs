//! A world with twenty of everything that a list can be of.

use api::service::admin::{ConnectionSettings, SenderSettings, SiteSettings};
use domain::access::Role;
use domain::id::SiteId;
use domain::phone::PhoneNumber;
use domain::site::{SiteStatus, SmsPlanStatus};
use harness::client::Client;
use harness::world::World;
use secrecy::SecretString;
use serde_json::json;

use super::MANY;
use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CREATE, DUPLICATE, SITE_UPDATE, UPSERT, at, done, key, now, text,
};

/// Some are in quiet hours as it begins, and nobody is texted twice within eight hours.
pub(super) const WORLD: &str = "\
clock: { start: \"2026-11-24T15:30:00Z\" }
site: { quiet_hours: {}, smart_sending: 8h }
subscribers: []
";

/// Tells it; answers a caller who reaches all sites.
pub(super) async fn tell(world: &World) -> Client {
    let mut sites = vec![world.site_id().parse().unwrap()];
    for nth in 0..MANY {
        sites.push(another_site(world, nth).await);
    }
    let client = world.client_with(Some(key(world, Role::Admin, &sites).await)).unwrap();
    for nth in 0..MANY {
        let input = json!({ "textPrefix": format!("Acme {nth}") });
        done(world.client(), SITE_UPDATE, json!({ "id": world.site_id(), "input": input })).await;
    }
    people(world).await;
    campaigns(world).await;
    world.run_now().await.unwrap();
    world.deliver_due().await;
    world.run_now().await.unwrap();
    client
}

/// A site on trial that is switched off, with a changed setting.
async fn another_site(world: &World, nth: usize) -> SiteId {
    let app = world.app();
    let service = app.service();
    let name = format!("Site {nth:02}");
    let (plan, trial_limit) = (Some(SmsPlanStatus::Trial), Some(1_000));
    let status = Some(SiteStatus::Inactive);
    let trial = SiteSettings { status, plan, trial_limit, ..SiteSettings::default() };
    let site_id = service.admin_site(&name, trial).await.unwrap();
    let subdomain = Some(format!("site-{nth}"));
    let changed = SiteSettings { subdomain, ..SiteSettings::default() };
    assert!(service.admin_site_set(site_id, changed).await.unwrap());
    let secret = |text: &str| Some(SecretString::from(text.to_owned()));
    let connection = ConnectionSettings {
        site_id,
        name: "aggregator".to_owned(),
        base_url: Some("http://127.0.0.1:9".to_owned()),
        token: secret("token"),
        webhook_secret: secret("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"),
        webhook_secret_next: None,
        key_window_s: None,
        has_lookup: None,
        status_page_url: None,
        segments_per_s: None,
    };
    let connection_id = Some(service.admin_connection(connection).await.unwrap());
    let phone = PhoneNumber::parse("+18885550199").unwrap();
    let is_ready = Some(true);
    let sender = SenderSettings { site_id, phone, connection_id, segments_per_s: None, is_ready };
    service.admin_sender(sender).await.unwrap();
    site_id
}

/// Subscribers on both coasts, and as many audiences.
async fn people(world: &World) {
    let row = |nth: usize| {
        let zone = if nth.is_multiple_of(2) { "America/New_York" } else { "America/Los_Angeles" };
        json!({
            "phoneNumber": format!("+1206555{:04}", 100 + nth),
            "timeZone": zone,
            "postalCode": "98101",
            "tags": ["all", format!("tag-{nth}")],
            "attributes": [{ "name": "first_name", "value": format!("Ann {nth}") }],
        })
    };
    let rows: Vec<_> = (0..2 * MANY).map(row).collect();
    done(world.client(), UPSERT, json!({ "input": { "subscribers": rows } })).await;
    for nth in 0..MANY {
        let input =
            json!({ "name": format!("Audience {nth:02}"), "rules": { "tagsAll": ["all"] } });
        done(world.client(), AUDIENCE, json!({ "input": input })).await;
    }
}

/// A campaign, and copies of it; every other is activated, and the rest were for a while.
async fn campaigns(world: &World) {
    let rules = json!({ "tagsAny": ["tag-7", "tag-9"] });
    let input = json!({ "name": "Left out", "rules": rules });
    let excluded = done(world.client(), AUDIENCE, json!({ "input": input })).await;
    let input = json!({ "name": "Everyone", "rules": { "tagsAll": ["all"] } });
    let included = done(world.client(), AUDIENCE, json!({ "input": input })).await;
    let input = json!({
        "name": "Sale",
        "audienceIds": [text(&included["audience"]["id"])],
        "excludedAudienceIds": [text(&excluded["audience"]["id"])],
        "steps": [
            { "body": "20% off today, {{ first_name | friend }} \u{2019}" },
            { "body": "Last hours", "delay": "PT2H" },
        ],
        "quietHours": { "start": "21:00:00", "end": "09:00:00" },
    });
    let first = done(world.client(), CREATE, json!({ "input": input })).await;
    let mut last = text(&first["campaign"]["id"]);
    for _ in 0..MANY {
        done(world.client(), ACTIVATE, json!({ "id": last, "input": now() })).await;
        world.run_now().await.unwrap();
        let copy = done(world.client(), DUPLICATE, json!({ "id": last })).await;
        let taken_back = done(world.client(), DUPLICATE, json!({ "id": last })).await;
        let taken_back = text(&taken_back["campaign"]["id"]);
        let later = at("2026-12-24T12:00:00");
        done(world.client(), ACTIVATE, json!({ "id": taken_back, "input": later })).await;
        done(world.client(), CANCEL, json!({ "id": taken_back })).await;
        last = text(&copy["campaign"]["id"]);
    }
    done(world.client(), ACTIVATE, json!({ "id": last, "input": now() })).await;
}
