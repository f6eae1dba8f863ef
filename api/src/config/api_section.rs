//! The section `[api]`: what a caller may ask for, and how much of it.
//!
//! **Invariant:** a key can always afford one operation of the greatest cost.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{ConfigError, duration};

/// What callers of the API may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Points of one operation, at most.
    pub cost_max: u16,
    /// Points that come back to a key in a second; 0 stands for no such limit.
    pub rate_per_s: u16,
    /// Points that a key can have, at most.
    pub rate_burst: u16,
    /// Sockets and streams of one key that are open at once, on this node.
    pub connections_per_key: u16,
    /// Operations of one key that run at once, on this node.
    pub operations_per_key: u16,
    /// How long a query or a mutation may take.
    pub request_timeout: Duration,
    /// The manifest of the only documents that run; any, without it.
    pub trusted_documents: Option<PathBuf>,
    /// Whether callers may ask for the schema.
    pub introspection: Introspection,
    /// How long it is kept who did what.
    pub audit_retention: Duration,
}

/// Whether callers may ask for the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Introspection {
    /// Whoever has a key.
    #[default]
    On,
    /// Nobody.
    Off,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            cost_max: 1_000,
            rate_per_s: 100,
            rate_burst: 2_000,
            connections_per_key: 20,
            operations_per_key: 500,
            request_timeout: Duration::from_secs(30),
            trusted_documents: None,
            introspection: Introspection::On,
            audit_retention: Duration::from_hours(400 * 24),
        }
    }
}

impl ApiConfig {
    /// An operation that costs more than a key can ever have would never run.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.rate_per_s > 0 && self.rate_burst < self.cost_max {
            return Err(ConfigError::Conflict {
                first: String::from("api.cost_max"),
                rule: "must not be more than",
                second: String::from("api.rate_burst"),
            });
        }
        Ok(())
    }
}

/// What one source says of [`ApiConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLayer {
    /// See [`ApiConfig::cost_max`].
    pub cost_max: Option<u16>,
    /// See [`ApiConfig::rate_per_s`].
    pub rate_per_s: Option<u16>,
    /// See [`ApiConfig::rate_burst`].
    pub rate_burst: Option<u16>,
    /// See [`ApiConfig::connections_per_key`].
    pub connections_per_key: Option<u16>,
    /// See [`ApiConfig::operations_per_key`].
    pub operations_per_key: Option<u16>,
    /// See [`ApiConfig::request_timeout`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub request_timeout: Option<Duration>,
    /// See [`ApiConfig::trusted_documents`].
    pub trusted_documents: Option<PathBuf>,
    /// See [`ApiConfig::introspection`].
    pub introspection: Option<Introspection>,
    /// See [`ApiConfig::audit_retention`].
    #[serde(deserialize_with = "duration::deserialize")]
    pub audit_retention: Option<Duration>,
}

impl ApiLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: ApiConfig) -> ApiConfig {
        ApiConfig {
            cost_max: self.cost_max.unwrap_or(base.cost_max),
            rate_per_s: self.rate_per_s.unwrap_or(base.rate_per_s),
            rate_burst: self.rate_burst.unwrap_or(base.rate_burst),
            connections_per_key: self.connections_per_key.unwrap_or(base.connections_per_key),
            operations_per_key: self.operations_per_key.unwrap_or(base.operations_per_key),
            request_timeout: self.request_timeout.unwrap_or(base.request_timeout),
            trusted_documents: self.trusted_documents.or(base.trusted_documents),
            introspection: self.introspection.unwrap_or(base.introspection),
            audit_retention: self.audit_retention.unwrap_or(base.audit_retention),
        }
    }
}
