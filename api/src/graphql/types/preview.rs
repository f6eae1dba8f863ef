//! How a text is encoded and billed.

use crate::{
    graphql::{
        connection::int,
        enums::{MessageChannel, SmsEncoding},
    },
    service::Preview,
};
use async_graphql::SimpleObject;
use domain::text::Offending;

/// How a text is encoded and billed.
#[derive(SimpleObject)]
pub(crate) struct MessagePreview {
    /// The text with sample values in place of variables, the site's prefix and footer included.
    text: String,
    /// SMS or MMS.
    channel: MessageChannel,
    /// The encoding it needs.
    encoding: SmsEncoding,
    /// Its length in units of that encoding.
    length: i32,
    /// Billable segments.
    segment_count: i32,
    /// Billable segments with the longest values that the site's subscribers have.
    max_segment_count: i32,
    /// Units left in the last segment.
    remaining_in_segment: i32,
    /// The first character that makes it `UCS_2`, which takes more segments. Null when none does.
    offending_character: Option<OffendingCharacter>,
    /// Variables in the text that no subscriber field fills.
    unknown_variables: Vec<String>,
    /// What keeps the text from being sent, in a sentence. Null when nothing does.
    problem: Option<String>,
}

/// A character that the alphabet of `GSM_7` lacks.
#[derive(SimpleObject)]
pub(crate) struct OffendingCharacter {
    /// How many characters of the previewed text come before it.
    position: i32,
    /// The character.
    character: String,
    /// Its place in Unicode: `U+2019`.
    code_point: String,
    /// What looks like it and could stand in its place; empty when it can be left out. Null when
    /// nothing looks like it.
    replacement: Option<&'static str>,
}

impl From<Offending> for OffendingCharacter {
    fn from(offending: Offending) -> Self {
        Self {
            position: i32::try_from(offending.position).unwrap_or(i32::MAX),
            character: offending.character.to_string(),
            code_point: offending.code_point(),
            replacement: offending.look_alike(),
        }
    }
}

impl MessagePreview {
    /// The preview of a text with a picture or without.
    pub(in crate::graphql) fn new(preview: Preview, has_media: bool) -> Self {
        let measure = preview.measure;
        Self {
            channel: if has_media { MessageChannel::Mms } else { MessageChannel::Sms },
            encoding: measure.encoding.into(),
            length: int(measure.units.into()),
            segment_count: int(measure.segments.into()),
            max_segment_count: int(preview.segments_max.into()),
            remaining_in_segment: int(measure.remaining.into()),
            offending_character: measure.offending.map(OffendingCharacter::from),
            unknown_variables: preview.unknown_variables,
            problem: preview.problem,
            text: preview.text,
        }
    }
}
