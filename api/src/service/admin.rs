//! Setting the service up: what `sendoff admin` and the harness do before there is any caller.
//!
//! **Invariant:** every act is idempotent: doing it again changes what differs and prints the same id.

use super::{Fault, Service, secrets};
use crate::{
    db::{Error, admin, keys, sites},
    ports::Connection,
};
use chrono::NaiveTime;
use domain::{
    access::Role,
    id::{ApiKeyId, ConnectionId, SenderId, SiteId},
    phone::PhoneNumber,
    site::{QuietHours, Site, SiteStatus, SmartSending, SmsPlanStatus, TrialAllowance},
    zone::Zone,
};
use secrecy::SecretString;

pub use crate::db::{admin::Sender, sites::Settings as SiteSettings};

/// A connection to make or change, told apart by its name on the site.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// The site.
    pub site_id: SiteId,
    /// A label, unique on the site.
    pub name: String,
    /// The aggregator's base URL.
    pub base_url: String,
    /// The bearer token.
    pub token: SecretString,
    /// The secret its receipts are signed with.
    pub webhook_secret: SecretString,
    /// A second secret that is also taken.
    pub webhook_secret_next: Option<SecretString>,
    /// Seconds for which idempotency keys are honoured.
    pub key_window_s: i64,
    /// Whether messages can be looked up by our reference.
    pub has_lookup: bool,
}

/// A sender to make or change, told apart by its number on the site.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// The site.
    pub site_id: SiteId,
    /// The connection that carries its messages.
    pub connection_id: ConnectionId,
    /// The number.
    pub phone: PhoneNumber,
    /// Segments a second; 0 for no limit.
    pub segments_per_s: i64,
    /// Whether it may send.
    pub is_ready: bool,
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct KeySettings<'a> {
    /// A label for people.
    pub name: &'a str,
    /// The role.
    pub role: Role,
    /// The sites it reaches.
    pub sites: &'a [SiteId],
    /// Whether it is the development world's, which production refuses.
    pub is_development: bool,
}

/// Quiet hours of a new site: 8 in the evening to 9 in the morning.
const QUIET_FROM_HOUR: u32 = 20;
const QUIET_TO_HOUR: u32 = 9;
/// Smart Sending's window of a new site: eight hours.
const SMART_SENDING_WINDOW_S: i64 = 8 * 60 * 60;

impl Service {
    /// Makes a site named `name`, or finds the one there is, and applies `settings`.
    pub async fn admin_site(&self, name: &str, settings: SiteSettings) -> Result<SiteId, Fault> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let id = if let Some(site) = sites::find_by_name(&txn, name).await? {
            site.id
        } else {
            let site = new_site(self.ids.next(), name, now);
            sites::insert(&txn, &site).await?;
            site.id
        };
        sites::update(&txn, id, settings, now).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(id)
    }

    /// Applies `settings` to a site; answers whether there is one.
    pub async fn admin_site_set(&self, id: SiteId, settings: SiteSettings) -> Result<bool, Fault> {
        let txn = self.db.begin_write().await?;
        if sites::find(&txn, id).await?.is_none() {
            return Ok(false);
        }
        sites::update(&txn, id, settings, self.clock.now()).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(true)
    }

    /// Makes a connection, or changes the one of its name.
    pub async fn admin_connection(&self, new: ConnectionSettings) -> Result<ConnectionId, Fault> {
        let txn = self.db.begin_write().await?;
        let known = admin::find_connection_by_name(&txn, new.site_id, &new.name).await?;
        let connection = Connection {
            id: known.map_or_else(|| self.ids.next(), |known| known.id),
            site_id: new.site_id,
            name: new.name,
            kind: "generic".to_owned(),
            base_url: new.base_url.trim_end_matches('/').to_owned(),
            token: new.token,
            webhook_secret: new.webhook_secret,
            webhook_secret_next: new.webhook_secret_next,
            key_window_s: new.key_window_s,
            has_lookup: new.has_lookup,
        };
        admin::save_connection(&txn, &connection, self.clock.now()).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(connection.id)
    }

    /// Makes a sender, or changes the one of its number.
    pub async fn admin_sender(&self, new: SenderSettings) -> Result<SenderId, Fault> {
        let txn = self.db.begin_write().await?;
        let known = admin::find_sender(&txn, new.site_id, &new.phone).await?;
        let sender = Sender {
            id: known.map_or_else(|| self.ids.next(), |known| known.id),
            site_id: new.site_id,
            connection_id: new.connection_id,
            phone: new.phone,
            segments_per_s: new.segments_per_s,
            is_ready: new.is_ready,
        };
        admin::save_sender(&txn, &sender, self.clock.now()).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(sender.id)
    }

    /// Makes a key and answers with its secret, which is shown this once.
    pub async fn admin_key(&self, new: KeySettings<'_>) -> Result<(ApiKeyId, SecretString), Fault> {
        let secret = secrets::generate();
        let id = self.admin_key_with(new, &secret).await?;
        Ok((id, secret.into()))
    }

    /// Makes a key with a secret of the caller's, or changes which sites the one there is reaches.
    pub async fn admin_key_with(
        &self,
        new: KeySettings<'_>,
        secret: &str,
    ) -> Result<ApiKeyId, Fault> {
        let hash = secrets::hash(secret);
        let txn = self.db.begin_write().await?;
        let id = if let Some(known) = keys::find_by_hash(&txn, &hash).await? {
            keys::reach(&txn, known.id, new.sites).await?;
            known.id
        } else {
            let key = keys::NewKey {
                id: self.ids.next(),
                name: new.name,
                prefix: secrets::shown(secret),
                secret_hash: &hash,
                role: new.role,
                is_development: new.is_development,
                sites: new.sites,
            };
            let id = key.id;
            keys::insert(&txn, key, self.clock.now()).await?;
            id
        };
        txn.commit().await.map_err(Error::from)?;
        Ok(id)
    }

    /// A site by its name.
    pub async fn admin_find_site(&self, name: &str) -> Result<Option<Site>, Fault> {
        Ok(sites::find_by_name(self.db.read(), name).await?)
    }

    /// Whether there is such a site.
    pub async fn admin_has_site(&self, id: SiteId) -> Result<bool, Fault> {
        Ok(sites::find(self.db.read(), id).await?.is_some())
    }

    /// How many aggregator connections there are.
    pub async fn admin_connection_count(&self) -> Result<u64, Fault> {
        Ok(admin::count_connections(self.db.read()).await?)
    }

    /// Whether the development world's key is in the database.
    pub async fn admin_has_development_key(&self) -> Result<bool, Fault> {
        Ok(keys::has_development_key(self.db.read()).await?)
    }
}

fn new_site(id: SiteId, name: &str, now: domain::Instant) -> Site {
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
    Site {
        id,
        name: name.to_owned(),
        zone: Zone::UTC,
        subdomain: None,
        status: SiteStatus::Active,
        plan: SmsPlanStatus::None,
        trial: TrialAllowance { limit: 0, used: 0, reserved: 0, ends_at: None },
        price: None,
        quiet_hours: QuietHours {
            is_enabled: true,
            start: hour(QUIET_FROM_HOUR),
            end: hour(QUIET_TO_HOUR),
        },
        has_rule_packs: true,
        smart_sending: SmartSending { is_enabled: true, window_s: SMART_SENDING_WINDOW_S },
        created_at: now,
        updated_at: now,
    }
}
