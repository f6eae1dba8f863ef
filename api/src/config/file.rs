//! The configuration file as a source: TOML, every key checked against the table.

use super::{ConfigError, ConfigLayer, keys::KEYS, nearest::unknown_key};

/// Reads a file's text: TOML, then every key against the table, then the typed layer.
pub(super) fn layer(text: &str) -> Result<ConfigLayer, ConfigError> {
    let table: toml::Table = text.parse().map_err(|error| syntax_error(text, &error))?;
    for (section, content) in &table {
        let toml::Value::Table(content) = content else {
            return Err(stray(section));
        };
        if !KEYS.iter().any(|key| key.section == section) && content.is_empty() {
            let sections = KEYS.iter().map(|key| (String::from(key.section), key.path()));
            return Err(unknown_key(section, section, sections));
        }
        for (name, value) in content {
            let path = format!("{section}.{name}");
            let known = KEYS.iter().find(|key| key.section == section && key.name == name);
            known.ok_or_else(|| unknown_path(&path))?.check(&path, value)?;
        }
    }
    layer_from_table(table)
}

/// Turns a checked table into the typed layer. A failure here means that table and types disagree.
pub(super) fn layer_from_table(table: toml::Table) -> Result<ConfigLayer, ConfigError> {
    table.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
        key: String::from("configuration"),
        expected: format!("readable: {}", one_line(error.message())),
        given: String::new(),
    })
}

/// A value where a section should stand: a known section misused, or a key without its section.
fn stray(name: &str) -> ConfigError {
    if KEYS.iter().any(|key| key.section == name) {
        return ConfigError::Value {
            key: String::from(name),
            expected: format!("a section: `[{name}]` and its keys below"),
            given: String::new(),
        };
    }
    unknown_path(name)
}

fn unknown_path(path: &str) -> ConfigError {
    unknown_key(path, path, KEYS.iter().map(|key| (key.path(), key.path())))
}

/// The parser's message alone: its long form prints the line, which may hold a secret.
fn syntax_error(text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    ConfigError::Syntax { line, problem: one_line(error.message()) }
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
