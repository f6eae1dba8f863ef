//! The sections of the configuration: each resolved type beside its layer of optional values.
//!
//! **Invariant:** a layer changes only what it names; `finish` reads nothing but its two arguments.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{ConfigError, duration};

/// Where and how requests are answered.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The URL under which the world reaches this service, without a slash at its end. `None` means
    /// `http://` and the address: see [`ServerConfig::public_url`].
    pub public_url: Option<String>,
    /// The origins that a browser may call from. Empty means same origin only.
    pub allowed_origins: Vec<String>,
    /// How long a shutdown waits for requests that have begun.
    pub shutdown_grace: Duration,
    /// What this process is for.
    pub role: ServerRole,
    /// The bearer token that opens `/metrics`. `None` means that nobody may read them.
    pub metrics_token: Option<SecretString>,
}

/// What a process is for, where several share one PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// It answers callers and sends.
    #[default]
    All,
    /// It answers callers and aggregators, and leaves the sending to others.
    Api,
    /// It sends, and answers nobody but those who watch it.
    Engine,
}

impl ServerRole {
    /// Whether it answers GraphQL and takes receipts.
    pub const fn has_api(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    /// Whether it sends.
    pub const fn has_engine(self) -> bool {
        matches!(self, Self::All | Self::Engine)
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public_url: None,
            allowed_origins: Vec::new(),
            shutdown_grace: Duration::from_secs(10),
            role: ServerRole::All,
            metrics_token: None,
        }
    }
}

impl ServerConfig {
    /// The public URL once the socket is bound to `bound` (which differs from `listen` for port 0).
    /// An unspecified address, such as `0.0.0.0`, is not one that anybody can call: loopback stands
    /// in for it.
    #[must_use]
    pub fn public_url(&self, bound: SocketAddr) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let ip = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, bound.port()))
    }
}

/// What one source says of [`ServerConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLayer {
    /// See [`ServerConfig::listen`].
    pub listen: Option<SocketAddr>,
    /// See [`ServerConfig::public_url`].
    pub public_url: Option<String>,
    /// See [`ServerConfig::allowed_origins`].
    pub allowed_origins: Option<Vec<String>>,
    /// See [`ServerConfig::shutdown_grace`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub shutdown_grace: Option<Duration>,
    /// See [`ServerConfig::role`].
    pub role: Option<ServerRole>,
    /// See [`ServerConfig::metrics_token`].
    #[serde(deserialize_with = "secret")]
    pub metrics_token: Option<SecretString>,
}

impl ServerLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: ServerConfig) -> ServerConfig {
        ServerConfig {
            listen: self.listen.unwrap_or(base.listen),
            public_url: self.public_url.map(without_end_slash).or(base.public_url),
            allowed_origins: self.allowed_origins.unwrap_or(base.allowed_origins),
            shutdown_grace: self.shutdown_grace.unwrap_or(base.shutdown_grace),
            role: self.role.unwrap_or(base.role),
            metrics_token: self.metrics_token.or(base.metrics_token),
        }
    }
}

/// Where the data lives.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// A `postgres://` or `sqlite://` URL, secret because it carries a password. `None` means the
    /// SQLite file `sendoff.db` in `data_dir`.
    pub url: Option<SecretString>,
    /// The directory of the SQLite file and of what else the service keeps on disk.
    pub data_dir: PathBuf,
    /// Connections that read, on SQLite; one more writes.
    pub reader_connections: u16,
    /// Connections in the pool, on PostgreSQL.
    pub max_connections: u16,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            data_dir: PathBuf::from("./data"),
            reader_connections: 4,
            max_connections: 16,
        }
    }
}

impl DatabaseConfig {
    /// Whether several processes can share it: a PostgreSQL, not a SQLite file.
    pub fn is_shared(&self) -> bool {
        self.url.as_ref().is_some_and(|url| !url.expose_secret().starts_with("sqlite:"))
    }
}

/// What one source says of [`DatabaseConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseLayer {
    /// See [`DatabaseConfig::url`].
    #[serde(deserialize_with = "secret")]
    pub url: Option<SecretString>,
    /// See [`DatabaseConfig::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// See [`DatabaseConfig::reader_connections`].
    pub reader_connections: Option<u16>,
    /// See [`DatabaseConfig::max_connections`].
    pub max_connections: Option<u16>,
}

impl DatabaseLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: DatabaseConfig) -> DatabaseConfig {
        DatabaseConfig {
            url: self.url.or(base.url),
            data_dir: self.data_dir.unwrap_or(base.data_dir),
            reader_connections: self.reader_connections.unwrap_or(base.reader_connections),
            max_connections: self.max_connections.unwrap_or(base.max_connections),
        }
    }
}

/// How the engine plans, sends and recovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineConfig {
    /// Messages being handed over at one moment, at most, on this node.
    pub max_in_flight: u16,
    /// The part of them that one connection may have; 0 stands for three quarters.
    pub max_in_flight_per_connection: u16,
    /// Messages claimed in one transaction, at most; never more than the free permits.
    pub claim_batch_max: u16,
    /// Messages planned in one transaction, at most.
    pub plan_batch_max: u16,
    /// How often each reconciler looks when no bell rings.
    pub period: Duration,
    /// How long a claim is held; a claim that outlives it has an unknown outcome.
    pub lease: Duration,
    /// How long the aggregator has to answer one hand-over, connection included.
    pub submit_timeout: Duration,
    /// How late a scheduled campaign may start; later than this it fails.
    pub max_lateness: Duration,
    /// Receipts applied in one transaction, at most.
    pub receipt_batch_max: u16,
    /// The age at which a claim is too old to begin its request; such a message is claimed anew.
    pub dispatch_grace: Duration,
    /// How much earlier than the end of the allowed window the aggregator is told to give up.
    pub validity_pad: Duration,
    /// How long an accepted message waits for a final receipt before it is unconfirmed.
    pub unconfirmed_after: Duration,
    /// How often an aggregator's status page is asked while messages are under way.
    pub status_page_period: Duration,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 64,
            max_in_flight_per_connection: 0,
            claim_batch_max: 64,
            plan_batch_max: 500,
            period: Duration::from_secs(1),
            lease: Duration::from_secs(30),
            submit_timeout: Duration::from_secs(10),
            max_lateness: Duration::from_hours(1),
            receipt_batch_max: 500,
            dispatch_grace: Duration::from_secs(2),
            validity_pad: Duration::from_secs(30),
            unconfirmed_after: Duration::from_hours(72),
            status_page_period: Duration::from_mins(1),
        }
    }
}

impl EngineConfig {
    /// Messages being handed over at one moment over one connection, at most.
    pub fn in_flight_of_one(&self) -> u64 {
        let all = u64::from(self.max_in_flight);
        match u64::from(self.max_in_flight_per_connection) {
            0 => (all * 3).div_ceil(4),
            some => some.min(all),
        }
    }

    /// A request that outlived its claim would be taken for lost while it still runs.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let conflict = |first: &str| ConfigError::Conflict {
            first: String::from(first),
            rule: "must be less than",
            second: String::from("engine.lease"),
        };
        if self.submit_timeout >= self.lease {
            return Err(conflict("engine.submit_timeout"));
        }
        if self.dispatch_grace + self.submit_timeout >= self.lease {
            return Err(conflict("engine.dispatch_grace + engine.submit_timeout"));
        }
        Ok(())
    }
}

/// What one source says of [`EngineConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineLayer {
    /// See [`EngineConfig::max_in_flight`].
    pub max_in_flight: Option<u16>,
    /// See [`EngineConfig::max_in_flight_per_connection`].
    pub max_in_flight_per_connection: Option<u16>,
    /// See [`EngineConfig::claim_batch_max`].
    pub claim_batch_max: Option<u16>,
    /// See [`EngineConfig::plan_batch_max`].
    pub plan_batch_max: Option<u16>,
    /// See [`EngineConfig::period`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub period: Option<Duration>,
    /// See [`EngineConfig::lease`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub lease: Option<Duration>,
    /// See [`EngineConfig::submit_timeout`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub submit_timeout: Option<Duration>,
    /// See [`EngineConfig::max_lateness`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub max_lateness: Option<Duration>,
    /// See [`EngineConfig::receipt_batch_max`].
    pub receipt_batch_max: Option<u16>,
    /// See [`EngineConfig::dispatch_grace`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub dispatch_grace: Option<Duration>,
    /// See [`EngineConfig::validity_pad`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub validity_pad: Option<Duration>,
    /// See [`EngineConfig::unconfirmed_after`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub unconfirmed_after: Option<Duration>,
    /// See [`EngineConfig::status_page_period`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub status_page_period: Option<Duration>,
}

impl EngineLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: EngineConfig) -> EngineConfig {
        EngineConfig {
            max_in_flight: self.max_in_flight.unwrap_or(base.max_in_flight),
            max_in_flight_per_connection: self
                .max_in_flight_per_connection
                .unwrap_or(base.max_in_flight_per_connection),
            claim_batch_max: self.claim_batch_max.unwrap_or(base.claim_batch_max),
            plan_batch_max: self.plan_batch_max.unwrap_or(base.plan_batch_max),
            period: self.period.unwrap_or(base.period),
            lease: self.lease.unwrap_or(base.lease),
            submit_timeout: self.submit_timeout.unwrap_or(base.submit_timeout),
            max_lateness: self.max_lateness.unwrap_or(base.max_lateness),
            receipt_batch_max: self.receipt_batch_max.unwrap_or(base.receipt_batch_max),
            dispatch_grace: self.dispatch_grace.unwrap_or(base.dispatch_grace),
            validity_pad: self.validity_pad.unwrap_or(base.validity_pad),
            unconfirmed_after: self.unconfirmed_after.unwrap_or(base.unconfirmed_after),
            status_page_period: self.status_page_period.unwrap_or(base.status_page_period),
        }
    }
}

/// What is logged, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The form of a line.
    pub format: LogFormat,
    /// A level, or levels by target: `info`, or `warn,api::engine=debug`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: String::from("info") }
    }
}

/// What one source says of [`LogConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogLayer {
    /// See [`LogConfig::format`].
    pub format: Option<LogFormat>,
    /// See [`LogConfig::filter`].
    pub filter: Option<String>,
}

impl LogLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: LogConfig) -> LogConfig {
        LogConfig {
            format: self.format.unwrap_or(base.format),
            filter: self.filter.unwrap_or(base.filter),
        }
    }
}

/// The outside aggregator of the development world: all three values, or none and the scripted one.
#[derive(Debug, Clone, Default)]
pub struct AggregatorConfig {
    /// The base URL of the generic contract, without a slash at its end.
    pub url: Option<String>,
    /// The bearer token we present.
    pub token: Option<SecretString>,
    /// The secret that its receipts are signed with: `whsec_` and base64.
    pub webhook_secret: Option<SecretString>,
}

impl AggregatorConfig {
    /// One value without the others would start a world that cannot send or cannot hear back.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let parts = [
            ("aggregator.url", self.url.is_some()),
            ("aggregator.token", self.token.is_some()),
            ("aggregator.webhook_secret", self.webhook_secret.is_some()),
        ];
        let given = parts.iter().find(|(_, is_given)| *is_given);
        let missing = parts.iter().find(|(_, is_given)| !is_given);
        match (given, missing) {
            (Some((given, _)), Some((missing, _))) => Err(ConfigError::Conflict {
                first: String::from(*given),
                rule: "cannot be set without",
                second: String::from(*missing),
            }),
            _ => Ok(()),
        }
    }
}

/// What one source says of [`AggregatorConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AggregatorLayer {
    /// See [`AggregatorConfig::url`].
    pub url: Option<String>,
    /// See [`AggregatorConfig::token`].
    #[serde(deserialize_with = "secret")]
    pub token: Option<SecretString>,
    /// See [`AggregatorConfig::webhook_secret`].
    #[serde(deserialize_with = "secret")]
    pub webhook_secret: Option<SecretString>,
}

impl AggregatorLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: AggregatorConfig) -> AggregatorConfig {
        AggregatorConfig {
            url: self.url.map(without_end_slash).or(base.url),
            token: self.token.or(base.token),
            webhook_secret: self.webhook_secret.or(base.webhook_secret),
        }
    }
}

/// The development world alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DevConfig {
    /// Which sites the development key reaches.
    pub sites: DevSites,
}

/// Which of the development world's sites its key reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DevSites {
    /// The demo site, so that no call needs to name a site.
    #[default]
    Demo,
    /// Every site.
    All,
}

/// What one source says of [`DevConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevLayer {
    /// See [`DevConfig::sites`].
    pub sites: Option<DevSites>,
}

impl DevLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: DevConfig) -> DevConfig {
        DevConfig { sites: self.sites.unwrap_or(base.sites) }
    }
}

/// For `#[serde(deserialize_with)]`; the error keeps silent about the value.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    String::deserialize(from)
        .map(|text| Some(SecretString::from(text)))
        .map_err(|_shows_the_value| D::Error::custom("not a text"))
}

/// Paths are joined with a slash, so the base must not bring its own.
fn without_end_slash(url: String) -> String {
    match url.trim_end_matches('/') {
        trimmed if trimmed.len() == url.len() => url,
        trimmed => String::from(trimmed),
    }
}
