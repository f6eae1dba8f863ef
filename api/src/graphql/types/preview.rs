//! How a text is encoded and billed.

use crate::graphql::{
    connection::int,
    enums::{MessageChannel, SmsEncoding},
};
use async_graphql::SimpleObject;
use domain::text::measure;

/// What opens and closes a variable.
const VARIABLE: (&str, &str) = ("{{", "}}");
/// A character that takes one unit in either encoding.
const ONE_UNIT: &str = "a";
/// More units than a segment of either encoding has.
const SEGMENT_UNITS_MAX: usize = 256;

/// How a text is encoded and billed.
#[derive(SimpleObject)]
pub(crate) struct MessagePreview {
    /// The text with sample values in place of variables.
    text: String,
    /// SMS or MMS.
    channel: MessageChannel,
    /// The encoding it needs.
    encoding: SmsEncoding,
    /// Its length in units of that encoding.
    length: i32,
    /// Billable segments.
    segment_count: i32,
    /// Units left in the last segment.
    remaining_in_segment: i32,
    /// Variables in the text that no subscriber field fills.
    unknown_variables: Vec<String>,
}

impl MessagePreview {
    /// How `body` is encoded and billed, with a picture or without.
    pub(in crate::graphql) fn of(body: String, has_media: bool) -> Self {
        let measure = measure(&body);
        Self {
            channel: if has_media { MessageChannel::Mms } else { MessageChannel::Sms },
            encoding: measure.encoding.into(),
            length: int(measure.units.into()),
            segment_count: int(measure.segments.into()),
            remaining_in_segment: remaining(&body),
            unknown_variables: variables(&body),
            text: body,
        }
    }
}

/// How many one-unit characters can follow before another segment begins; for an empty text, how
/// many its first segment takes.
fn remaining(body: &str) -> i32 {
    let segments = measure(body).segments.max(1);
    let fits =
        |count: usize| measure(&format!("{body}{}", ONE_UNIT.repeat(count))).segments <= segments;
    let counts: [usize; SEGMENT_UNITS_MAX] = std::array::from_fn(|at| at + 1);
    i32::try_from(counts.partition_point(|count| fits(*count))).unwrap_or(i32::MAX)
}

/// The names of the variables of `body`, each once, in order of first appearance. No subscriber
/// field fills a variable, so all of them are unknown.
fn variables(body: &str) -> Vec<String> {
    let (open, close) = VARIABLE;
    let mut names: Vec<String> = Vec::new();
    // Every turn takes an opening away from the text, so there are no more turns than characters.
    let mut rest = body;
    while let Some((name, after)) =
        rest.split_once(open).and_then(|(_, after)| after.split_once(close))
    {
        // Of several openings before a close, the last one opens the variable.
        let name = name.rsplit(open).next().unwrap_or_default().trim();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = after;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{remaining, variables};

    #[test]
    fn what_remains_is_what_still_fits() {
        assert_eq!(remaining(""), 160);
        assert_eq!(remaining("hello"), 155);
        assert_eq!(remaining(&"a".repeat(160)), 0);
        assert_eq!(remaining(&"a".repeat(161)), 2 * 153 - 161);
        assert_eq!(remaining("日"), 69);
        assert_eq!(remaining(&"日".repeat(71)), 2 * 67 - 71);
    }

    #[test]
    fn variables_are_named_once_each() {
        assert_eq!(
            variables("Hi {{ first_name }}, {{shop}}! {{first_name}}"),
            ["first_name", "shop"]
        );
        for none in ["", "Hi", "{{", "{{}}", "{{ }}", "}}{{", "{x}"] {
            assert!(variables(none).is_empty(), "{none}");
        }
        assert_eq!(variables("{{a {{b}} c}}"), ["b"]);
    }
}
