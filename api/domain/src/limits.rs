//! The size of everything a caller can send in.

/// Characters of a campaign's, an audience's, a site's or a key's name.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a step's text.
pub const BODY_CHARS_MAX: usize = 1_600;
/// Billable segments of a step's text: carriers drop longer ones.
pub const SEGMENTS_MAX: u32 = 10;
/// Steps of a campaign.
pub const STEPS_MAX: usize = 10;
/// The shortest delay of a follow-up, in seconds: a minute.
pub const DELAY_MIN_S: i64 = 60;
/// The longest delay of a follow-up, in seconds: ninety days, after which nobody remembers the message before.
pub const DELAY_MAX_S: i64 = 90 * 24 * 60 * 60;
/// The least lateness a campaign can allow itself, in seconds: a minute, within which a healthy service starts it.
pub const MAX_LATENESS_MIN_S: i64 = 60;
/// The most, in seconds: a week, after which a text that was meant for a day surprises people.
pub const MAX_LATENESS_MAX_S: i64 = 7 * 24 * 60 * 60;
/// The shortest window of Smart Sending, in seconds: a minute.
pub const SMART_SENDING_MIN_S: i64 = 60;
/// The longest, in seconds: a week.
pub const SMART_SENDING_MAX_S: i64 = 7 * 24 * 60 * 60;
/// Characters of a subdomain: those of a label of the domain name system.
pub const SUBDOMAIN_CHARS_MAX: usize = 63;
/// Audiences a campaign includes, and as many it excludes.
pub const AUDIENCES_MAX: usize = 50;
/// Tags of one subscriber, and of one rule of an audience.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag.
pub const TAG_CHARS_MAX: usize = 64;
/// Characters of a picture's URL.
pub const URL_CHARS_MAX: usize = 2_048;
/// Subscribers in one upsert.
pub const UPSERT_MAX: usize = 1_000;
/// Attributes of one subscriber.
pub const ATTRIBUTES_MAX: usize = 30;
/// Characters of an attribute's value.
pub const ATTRIBUTE_CHARS_MAX: usize = 200;
/// Characters of a postal code.
pub const POSTAL_CODE_CHARS_MAX: usize = 12;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Entries of a page.
pub const PAGE_MAX: u64 = 100;
/// Entries of a page when the caller names no number.
pub const PAGE_DEFAULT: u64 = 25;
/// Characters of a variable's name, and so of a subscriber's attribute's.
pub const VARIABLE_NAME_CHARS_MAX: usize = 32;
/// Characters of a variable's fallback.
pub const FALLBACK_CHARS_MAX: usize = 100;
/// Characters of what a site puts before its texts.
pub const TEXT_PREFIX_CHARS_MAX: usize = 40;
/// Characters of what a site puts after its texts.
pub const TEXT_FOOTER_CHARS_MAX: usize = 160;
/// Billable segments of a site's answer to HELP.
pub const HELP_REPLY_SEGMENTS_MAX: u32 = 2;
/// Numbers that one test goes to.
pub const TEST_NUMBERS_MAX: usize = 5;
