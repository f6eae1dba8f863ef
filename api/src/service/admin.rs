//! Setting the service up: what `sendoff admin` and the harness do before there is any caller.
//!
//! **Invariant:** doing an act again changes only what it names, and gives the same id.

use super::{Fault, Service, secrets};
use crate::{
    db::{
        Error, Txn, admin,
        events::Cause,
        keys,
        sites::{self, Purpose, Written},
        status_pages,
    },
    ports::Connection,
};
use domain::{
    access::Role,
    event::ActorKind,
    id::{ApiKeyId, ConnectionId, SenderId, SiteId},
    phone::PhoneNumber,
    place::Countries,
    rule_pack::RulePacks,
    site::{QuietHours, Site, SiteStatus, SmartSending, SmsPlanStatus, TrialAllowance},
    text::Frame,
    zone::Zone,
};
use secrecy::{ExposeSecret, SecretString};

pub use crate::db::{admin::Sender, sites::Settings as SiteSettings};

/// Why an act of set-up was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The sender's connection does not exist, or is another site's.
    #[error("the site has no connection {0}")]
    NoConnection(ConnectionId),
    /// What is made anew needs more than what was given.
    #[error("a new {thing} needs {setting}")]
    Needs {
        /// What was to be made.
        thing: &'static str,
        /// What is missing.
        setting: &'static str,
    },
    /// The subdomain is another site's.
    #[error("the subdomain is another site's")]
    SubdomainTaken,
    /// The database did not do it.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for SetUpError {
    fn from(error: Error) -> Self {
        Self::Fault(error.into())
    }
}

/// A connection to make or change, told apart by its name on the site. What is left out stays as it
/// is; a new connection needs URL, token and secret.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// The site.
    pub site_id: SiteId,
    /// A label, unique on the site.
    pub name: String,
    /// The aggregator's base URL.
    pub base_url: Option<String>,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// The secret its receipts are signed with.
    pub webhook_secret: Option<SecretString>,
    /// A second secret that is also taken; empty takes it away.
    pub webhook_secret_next: Option<SecretString>,
    /// Seconds for which idempotency keys are honoured; a day for a new connection.
    pub key_window_s: Option<i64>,
    /// Whether messages can be looked up by our reference; a new connection's can.
    pub has_lookup: Option<bool>,
    /// The aggregator's status page, in the Statuspage format; empty takes it away.
    pub status_page_url: Option<String>,
    /// Segments a second of the account, whichever sender they leave from; 0 for no limit, as of a new
    /// connection.
    pub segments_per_s: Option<i64>,
}

/// A sender to make or change, told apart by its number on the site. What is left out stays as it is;
/// a new sender needs its connection.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// The site.
    pub site_id: SiteId,
    /// The number.
    pub phone: PhoneNumber,
    /// The connection that carries its messages, one of the site's.
    pub connection_id: Option<ConnectionId>,
    /// Segments a second; 0 for no limit; 3 for a new sender.
    pub segments_per_s: Option<i64>,
    /// Whether it may send; a new sender may not.
    pub is_ready: Option<bool>,
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

/// Seconds for which a new connection's aggregator honours idempotency keys: a day.
const KEY_WINDOW_S: i64 = 24 * 60 * 60;
/// Segments a second of a new sender: what carriers let an unproven number send.
const SEGMENTS_PER_S: i64 = 3;

impl Service {
    /// Makes a site named `name`, or finds the one there is, and applies `settings`.
    pub async fn admin_site(
        &self,
        name: &str,
        settings: SiteSettings,
    ) -> Result<SiteId, SetUpError> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let purpose = Purpose::of(settings.subdomain.is_some());
        let known = match sites::find_by_name(&txn, name).await? {
            Some(site) => sites::lock(&txn, site.id, purpose).await?,
            None => None,
        };
        let written = if let Some(site) = known {
            sites::change(&txn, &self.ids, &operator(), &site, settings, now).await?
        } else {
            let site = settings.over(&new_site(self.ids.next(), name, now));
            sites::insert(&txn, &site).await?
        };
        let Written::Done(site) = written else { return Err(SetUpError::SubdomainTaken) };
        txn.commit().await.map_err(Error::from)?;
        Ok(site.id)
    }

    /// Applies `settings` to a site; answers whether there is one.
    pub async fn admin_site_set(
        &self,
        id: SiteId,
        settings: SiteSettings,
    ) -> Result<bool, SetUpError> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let purpose = Purpose::of(settings.subdomain.is_some());
        let Some(site) = sites::lock(&txn, id, purpose).await? else { return Ok(false) };
        let written = sites::change(&txn, &self.ids, &operator(), &site, settings, now).await?;
        let Written::Done(_) = written else { return Err(SetUpError::SubdomainTaken) };
        txn.commit().await.map_err(Error::from)?;
        Ok(true)
    }

    /// Makes a connection, or changes the one of its name.
    pub async fn admin_connection(
        &self,
        new: ConnectionSettings,
    ) -> Result<ConnectionId, SetUpError> {
        let txn = self.db.begin_write().await?;
        let known = admin::find_connection_by_name(&txn, new.site_id, &new.name).await?;
        let former_page = known.as_ref().and_then(|known| known.status_page_url.clone());
        let connection = match known {
            Some(known) => changed(known, new),
            None => made(self.ids.next(), new)?,
        };
        if connection.status_page_url != former_page {
            status_pages::forget(&txn, connection.id).await?;
        }
        admin::save_connection(&txn, &connection, self.clock.now()).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(connection.id)
    }

    /// Makes a sender, or changes the one of its number.
    pub async fn admin_sender(&self, new: SenderSettings) -> Result<SenderId, SetUpError> {
        let txn = self.db.begin_write().await?;
        if let Some(id) = new.connection_id {
            let named = admin::find_connection(&txn, id).await?;
            if named.is_none_or(|connection| connection.site_id != new.site_id) {
                return Err(SetUpError::NoConnection(id));
            }
        }
        let known = admin::find_sender(&txn, new.site_id, &new.phone).await?;
        let missing = SetUpError::Needs { thing: "sender", setting: "a connection" };
        let sender = match known {
            Some(known) => Sender {
                connection_id: new.connection_id.unwrap_or(known.connection_id),
                segments_per_s: new.segments_per_s.unwrap_or(known.segments_per_s),
                is_ready: new.is_ready.unwrap_or(known.is_ready),
                ..known
            },
            None => Sender {
                id: self.ids.next(),
                site_id: new.site_id,
                connection_id: new.connection_id.ok_or(missing)?,
                phone: new.phone,
                segments_per_s: new.segments_per_s.unwrap_or(SEGMENTS_PER_S),
                is_ready: new.is_ready.unwrap_or(false),
            },
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

    /// Makes a key, unless one of this name, role and sites works already. A secret comes with a new
    /// key only, and is shown this once.
    pub async fn admin_key_once(
        &self,
        new: KeySettings<'_>,
    ) -> Result<(ApiKeyId, Option<SecretString>), Fault> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        if let Some(known) = keys::find_working(&txn, new.name, new.role, new.sites, now).await? {
            return Ok((known.id, None));
        }
        let secret = secrets::generate();
        let id = self.insert_key(&txn, new, &secret).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok((id, Some(secret.into())))
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
            self.insert_key(&txn, new, secret).await?
        };
        txn.commit().await.map_err(Error::from)?;
        Ok(id)
    }

    async fn insert_key(
        &self,
        txn: &Txn,
        new: KeySettings<'_>,
        secret: &str,
    ) -> Result<ApiKeyId, Fault> {
        let key = keys::NewKey {
            id: self.ids.next(),
            name: new.name,
            prefix: secrets::shown(secret),
            secret_hash: &secrets::hash(secret),
            role: new.role,
            is_development: new.is_development,
            sites: new.sites,
        };
        let id = key.id;
        keys::insert(txn, key, self.clock.now()).await?;
        Ok(id)
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

/// A new connection.
fn made(id: ConnectionId, new: ConnectionSettings) -> Result<Connection, SetUpError> {
    let needs = |setting| SetUpError::Needs { thing: "connection", setting };
    let connection = Connection {
        id,
        site_id: new.site_id,
        name: new.name.clone(),
        kind: "generic".to_owned(),
        base_url: new.base_url.clone().ok_or_else(|| needs("a base URL"))?,
        token: new.token.clone().ok_or_else(|| needs("a token"))?,
        webhook_secret: new.webhook_secret.clone().ok_or_else(|| needs("a webhook secret"))?,
        webhook_secret_next: None,
        key_window_s: KEY_WINDOW_S,
        has_lookup: true,
        status_page_url: None,
        segments_per_s: 0,
    };
    Ok(changed(connection, new))
}

/// A connection with what `new` names in place of what it was.
fn changed(known: Connection, new: ConnectionSettings) -> Connection {
    let base_url = new.base_url.unwrap_or(known.base_url);
    let next = match new.webhook_secret_next {
        None => known.webhook_secret_next,
        Some(next) => Some(next).filter(|next| !next.expose_secret().is_empty()),
    };
    let status_page_url = match new.status_page_url {
        None => known.status_page_url,
        Some(url) => Some(url.trim_end_matches('/').to_owned()).filter(|url| !url.is_empty()),
    };
    Connection {
        status_page_url,
        base_url: base_url.trim_end_matches('/').to_owned(),
        token: new.token.unwrap_or(known.token),
        webhook_secret: new.webhook_secret.unwrap_or(known.webhook_secret),
        webhook_secret_next: next,
        key_window_s: new.key_window_s.unwrap_or(known.key_window_s),
        has_lookup: new.has_lookup.unwrap_or(known.has_lookup),
        segments_per_s: new.segments_per_s.unwrap_or(known.segments_per_s),
        ..known
    }
}

/// Whoever runs the service, as the cause of a change.
fn operator() -> Cause {
    Cause { kind: ActorKind::Operator, name: "operator".to_owned() }
}

fn new_site(id: SiteId, name: &str, now: domain::Instant) -> Site {
    Site {
        id,
        name: name.to_owned(),
        zone: Zone::UTC,
        subdomain: None,
        status: SiteStatus::Active,
        plan: SmsPlanStatus::None,
        trial: TrialAllowance { limit: 0, used: 0, reserved: 0, ends_at: None },
        price: None,
        quiet_hours: QuietHours::DEFAULT,
        rule_packs: RulePacks::ALL,
        smart_sending: SmartSending::DEFAULT,
        countries: Countries::default(),
        frame: Frame::default(),
        help_reply: None,
        created_at: now,
        updated_at: now,
    }
}
