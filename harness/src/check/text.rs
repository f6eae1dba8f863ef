//! What a text must say: the activation's, filled with the recipient's values, between what the site puts
//! around every text. Written from `docs/texts.md`, and not from the service.
//!
//! **Invariant:** a value is never read as a variable.

use std::collections::BTreeMap;

/// The variable that every text has.
const SITE_NAME: &str = "site_name";

/// What a site adds to every text.
#[derive(Clone, Copy, Default)]
pub(super) struct Frame<'a> {
    /// Its name.
    pub(super) site_name: &'a str,
    /// What stands before.
    pub(super) prefix: Option<&'a str>,
    /// What stands below.
    pub(super) footer: Option<&'a str>,
}

/// The whole text; none where a variable has neither a value nor a fallback.
pub(super) fn fill(
    body: &str,
    values: &BTreeMap<String, String>,
    frame: Frame<'_>,
) -> Option<String> {
    let mut text = String::new();
    if let Some(prefix) = frame.prefix {
        text.push_str(prefix);
        text.push_str(": ");
    }
    let mut rest = body;
    while let Some((before, inside)) = rest.split_once("{{") {
        let (inside, after) = inside.split_once("}}")?;
        let (name, otherwise) = match inside.split_once('|') {
            Some((name, otherwise)) => (name.trim(), Some(otherwise.trim())),
            None => (inside.trim(), None),
        };
        let value = match name {
            SITE_NAME => Some(frame.site_name),
            name => values.get(name).map(String::as_str).filter(|value| !value.trim().is_empty()),
        };
        text.push_str(before);
        match value {
            Some(value) => text.push_str(&value.replace(['\n', '\r', '\t'], " ")),
            None => text.push_str(otherwise?),
        }
        rest = after;
    }
    text.push_str(rest);
    if let Some(footer) = frame.footer {
        text.push('\n');
        text.push_str(footer);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_filled_in_one_pass() {
        let values = BTreeMap::from([
            ("a".to_owned(), "{{ b }}".to_owned()),
            ("b".to_owned(), String::new()),
        ]);
        let frame = Frame { site_name: "Shop", prefix: Some("Acme"), footer: Some("STOP ends") };
        let filled = |body| fill(body, &values, frame);
        assert_eq!(filled("Hi {{a}}").as_deref(), Some("Acme: Hi {{ b }}\nSTOP ends"));
        assert_eq!(
            filled("{{ b | you }} of {{site_name}}").as_deref(),
            Some("Acme: you of Shop\nSTOP ends")
        );
        assert_eq!(filled("{{ c }}"), None);
        assert_eq!(fill("plain", &values, Frame::default()).as_deref(), Some("plain"));
    }
}
