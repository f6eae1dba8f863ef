//! The section `[jwt]`: whose signed tokens open the API beside API keys.
//!
//! **Invariant:** the section is empty or complete.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// Whose signed tokens open the API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JwtConfig {
    /// Who signs them.
    pub issuer: Option<String>,
    /// Whom they are for.
    pub audience: Option<String>,
    /// The file of public keys.
    pub keys_file: Option<PathBuf>,
}

impl JwtConfig {
    /// A token that is checked by half would open to others than was meant.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let given = [
            ("jwt.issuer", self.issuer.is_some()),
            ("jwt.audience", self.audience.is_some()),
            ("jwt.keys_file", self.keys_file.is_some()),
        ];
        let one_that = |wanted| given.iter().find(|(_, is_given)| *is_given == wanted);
        if let (Some((first, _)), Some((second, _))) = (one_that(true), one_that(false)) {
            return Err(ConfigError::Conflict {
                first: String::from(*first),
                rule: "is of no use without",
                second: String::from(*second),
            });
        }
        Ok(())
    }
}

/// What one source says of [`JwtConfig`].
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtLayer {
    /// See [`JwtConfig::issuer`].
    pub issuer: Option<String>,
    /// See [`JwtConfig::audience`].
    pub audience: Option<String>,
    /// See [`JwtConfig::keys_file`].
    pub keys_file: Option<PathBuf>,
}

impl JwtLayer {
    /// Lays this layer over `base`.
    #[must_use]
    pub fn finish(self, base: JwtConfig) -> JwtConfig {
        JwtConfig {
            issuer: self.issuer.or(base.issuer),
            audience: self.audience.or(base.audience),
            keys_file: self.keys_file.or(base.keys_file),
        }
    }
}
