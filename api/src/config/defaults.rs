//! The commented file of all keys and defaults, written from the table of keys.

use std::fmt::Write as _;

use super::keys::{KEYS, Key, Kind};

const HEADING: &str = "\
# The configuration of Sendoff: every key, with the value it has when nothing sets it.
# `sendoff config --defaults` prints this file; docs/config.toml is kept equal to it by a test.
#
# Later sources win: these defaults, then the file named by `sendoff serve --config FILE`, then the
# environment. An unknown key, or an unknown variable that begins with SENDOFF_, stops the start.
# In the environment a list is separated by commas, and an empty value counts as none.
# Durations are a whole number and a unit: ms, s, min, h or d.
";

/// Writes the file. A key without a default appears as a comment with an example.
pub(super) fn toml() -> String {
    let mut file = String::from(HEADING);
    let mut section = "";
    for key in KEYS {
        line(&mut file, "");
        if key.section != section {
            section = key.section;
            line(&mut file, &format!("[{section}]"));
        }
        write_key(&mut file, key);
    }
    file
}

fn write_key(file: &mut String, key: &Key) {
    for sentence in key.about {
        line(file, &format!("# {sentence}"));
    }
    if let Kind::Count(_) | Kind::Span(_) | Kind::List(..) = key.kind {
        line(file, &format!("# Takes {}.", key.kind.expected()));
    }
    match key.plain_variable {
        Some(plain) => line(file, &format!("# Environment: {plain} or {}", key.variable())),
        None => line(file, &format!("# Environment: {}", key.variable())),
    }
    match key.default {
        Ok(value) => line(file, &format!("{} = {value}", key.name)),
        Err(example) => line(file, &format!("# {} = {example}", key.name)),
    }
}

/// Appends one line.
fn line(file: &mut String, text: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(file, "{text}");
}
