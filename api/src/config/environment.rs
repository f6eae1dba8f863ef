//! The environment as a source of configuration: `SENDOFF_<SECTION>__<KEY>` and a few plain names.
//!
//! **Invariant:** a variable without the prefix `SENDOFF_`, save `DATABASE_URL`, sets nothing.

use std::env;

use super::{
    ConfigError, ConfigLayer,
    file::layer_from_table,
    keys::{KEYS, Key, Kind},
    nearest::unknown_key,
};

/// The prefix of our variables.
const PREFIX: &str = "SENDOFF_";

/// The process environment, for [`super::Config::load`]. A value that is not Unicode arrives with
/// replacement characters, which `load` refuses where it matters; a name that is not Unicode is
/// none of ours.
#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads it")]
pub fn process_env() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

/// The PostgreSQL server that the tests also run against, if one is named: `TEST_DATABASE_URL`.
pub fn test_database_url() -> Option<String> {
    variable("TEST_DATABASE_URL")
}

/// Whether a build server runs us, where tests compare kept files and never rewrite them.
pub(super) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value != "false")
}

fn variable(name: &str) -> Option<String> {
    process_env().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value)
}

/// Reads the variables that are ours into a layer. An empty value is as good as none, as in a
/// compose file that passes on what is not set.
pub(super) fn layer(
    env: impl Iterator<Item = (String, String)>,
) -> Result<ConfigLayer, ConfigError> {
    let mut table = toml::Table::new();
    let mut set_by: Vec<(String, String)> = Vec::new();
    for (variable, text) in env {
        let Some(key) = find(&variable)? else { continue };
        if text.is_empty() {
            continue;
        }
        let value = value_of(key, &variable, &text)?;
        let section = table
            .entry(key.section)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut();
        let earlier =
            section.and_then(|section| section.insert(String::from(key.name), value.clone()));
        if earlier.is_some_and(|earlier| earlier != value) {
            let path = key.path();
            let first = set_by.into_iter().find(|(set, _)| *set == path);
            let first = first.map(|(_, by)| by).unwrap_or_default();
            return Err(ConfigError::SetTwice { first, second: variable });
        }
        set_by.push((key.path(), variable));
    }
    layer_from_table(table)
}

/// The key that a variable sets, or `None` when the variable is not ours.
fn find(variable: &str) -> Result<Option<&'static Key>, ConfigError> {
    let known =
        KEYS.iter().find(|key| key.plain_variable == Some(variable) || key.variable() == variable);
    if known.is_some() || !variable.starts_with(PREFIX) {
        return Ok(known);
    }
    let plain = KEYS.iter().filter_map(|key| key.plain_variable).map(String::from);
    let candidates = plain.chain(KEYS.iter().map(Key::variable));
    let candidates = candidates.map(|candidate| (path_form(&candidate), candidate));
    Err(unknown_key(variable, &path_form(variable), candidates))
}

/// `SENDOFF_ENGINE__LEASE` as `engine.lease`, the form in which names are compared.
fn path_form(variable: &str) -> String {
    variable.strip_prefix(PREFIX).unwrap_or(variable).replace("__", ".").to_lowercase()
}

/// A variable's text as the value that its key takes.
fn value_of(key: &Key, variable: &str, text: &str) -> Result<toml::Value, ConfigError> {
    let value = match &key.kind {
        Kind::Count(_) => text
            .parse()
            .map_or_else(|_| toml::Value::String(String::from(text)), toml::Value::Integer),
        Kind::List(..) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            toml::Value::Array(items.map(|item| toml::Value::String(String::from(item))).collect())
        }
        Kind::Text(..) | Kind::Secret(..) | Kind::Span(_) => {
            toml::Value::String(String::from(text))
        }
    };
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(ConfigError::Value {
            key: String::from(variable),
            expected: String::from("valid UTF-8"),
            given: String::new(),
        });
    }
    key.check(variable, &value)?;
    Ok(value)
}
