//! The configuration: defaults, then a TOML file, then the environment, resolved to one value.
//!
//! **Invariant:** this module is the only one that reads the process environment; [`Config::load`]
//! is a pure function of the texts that it is given.
//! **Invariant:** an unknown key, in the file or in a variable that begins with `SENDOFF_`, is an
//! error that names the key and the nearest known one; nothing is ignored.
//! **Invariant:** no error and no `Debug` of this module shows a secret.

mod api_section;
mod defaults;
mod duration;
mod environment;
mod error;
mod file;
mod forms;
mod jwt_section;
mod kept_file;
mod keys;
mod nearest;
mod sections;
#[cfg(test)]
mod tests;

pub use api_section::{ApiConfig, ApiLayer, Introspection};
pub use environment::{process_env, test_database_url};
pub use error::ConfigError;
pub use forms::{WEBHOOK_SECRET, is_token, is_url, is_webhook_secret};
pub use jwt_section::{JwtConfig, JwtLayer};
pub use kept_file::{KeptFileError, keep_file};
pub use sections::{
    AggregatorConfig, AggregatorLayer, DatabaseConfig, DatabaseLayer, DevConfig, DevLayer,
    DevSites, EngineConfig, EngineLayer, LogConfig, LogFormat, LogLayer, ServerConfig, ServerLayer,
    ServerRole,
};

use serde::Deserialize;

/// The resolved configuration: every value typed, in range and consistent with the others.
///
/// `Default` is the configuration of an empty file and an empty environment.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where and how requests are answered.
    pub server: ServerConfig,
    /// What callers of the API may ask for.
    pub api: ApiConfig,
    /// Whose signed tokens open the API beside API keys.
    pub jwt: JwtConfig,
    /// Where the data lives.
    pub database: DatabaseConfig,
    /// How the engine plans, sends and recovers.
    pub engine: EngineConfig,
    /// What is logged, and in which form.
    pub log: LogConfig,
    /// The aggregator of the development world; `sendoff serve` takes its own from the database.
    pub aggregator: AggregatorConfig,
    /// The development world alone.
    pub dev: DevConfig,
}

/// One source's share of a [`Config`]: what it says, and nothing of what it leaves out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigLayer {
    /// The section `[server]`.
    pub server: ServerLayer,
    /// The section `[api]`.
    pub api: ApiLayer,
    /// The section `[jwt]`.
    pub jwt: JwtLayer,
    /// The section `[database]`.
    pub database: DatabaseLayer,
    /// The section `[engine]`.
    pub engine: EngineLayer,
    /// The section `[log]`.
    pub log: LogLayer,
    /// The section `[aggregator]`.
    pub aggregator: AggregatorLayer,
    /// The section `[dev]`.
    pub dev: DevLayer,
}

impl ConfigLayer {
    /// Lays this source over `base`: what it says wins, the rest stays.
    #[must_use]
    pub fn finish(self, base: Config) -> Config {
        Config {
            server: self.server.finish(base.server),
            api: self.api.finish(base.api),
            jwt: self.jwt.finish(base.jwt),
            database: self.database.finish(base.database),
            engine: self.engine.finish(base.engine),
            log: self.log.finish(base.log),
            aggregator: self.aggregator.finish(base.aggregator),
            dev: self.dev.finish(base.dev),
        }
    }
}

impl Config {
    /// Resolves the configuration from the text of a TOML file, if there is one, and from variables
    /// of the environment as pairs of name and value. Later sources win: defaults, file,
    /// environment.
    pub fn load(
        file: Option<&str>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let file_layer = match file {
            Some(text) => file::layer(text)?,
            None => ConfigLayer::default(),
        };
        let env_layer = environment::layer(env)?;
        let config = env_layer.finish(file_layer.finish(Self::default()));
        config.check()?;
        Ok(config)
    }

    /// The commented file of all keys and their defaults, which `sendoff config --defaults` prints.
    #[must_use]
    pub fn defaults_toml() -> String {
        defaults::toml()
    }

    /// What no single key can tell: values that only make sense together.
    fn check(&self) -> Result<(), ConfigError> {
        self.api.check()?;
        self.jwt.check()?;
        self.engine.check()?;
        self.aggregator.check()?;
        if self.server.role != ServerRole::All && !self.database.is_shared() {
            // A second process cannot reach a SQLite file that the first serves from.
            return Err(ConfigError::Conflict {
                first: String::from("server.role"),
                rule: "must be `all` unless PostgreSQL is named by",
                second: String::from("database.url"),
            });
        }
        Ok(())
    }
}
