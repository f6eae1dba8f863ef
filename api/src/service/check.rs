//! Checks of input: every problem is found, and each names its field.

use super::{Actor, NewStep};
use chrono::NaiveTime;
use domain::{
    campaign::StepCondition,
    id::SiteId,
    limits::{
        BODY_CHARS_MAX, DELAY_MAX_S, DELAY_MIN_S, IDEMPOTENCY_KEY_CHARS_MAX, NAME_CHARS_MAX,
        SEGMENTS_MAX, STEPS_MAX, TAG_CHARS_MAX, TAGS_MAX, URL_CHARS_MAX,
    },
    refusal::{CampaignError, Refusal},
    site::{QuietHours, ZeroWidth},
    template::Template,
    text,
};

/// The site a command is for: the one named, or the only one the caller reaches.
pub(super) fn choose_site<C>(
    actor: &Actor,
    named: Option<SiteId>,
    not_found: C,
    required: C,
) -> Result<SiteId, Refusal<C>> {
    const PATH: &str = "input.siteId";
    actor.site(named).ok_or_else(|| {
        if named.is_some() {
            Refusal::at(not_found, PATH, "There is no such site.")
        } else {
            Refusal::at(required, PATH, "The key reaches several sites: name one.")
        }
    })
}

/// A window of quiet hours, as it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewQuietHours {
    /// Whether it is to be enforced.
    pub is_enabled: bool,
    /// When quiet begins.
    pub start: NaiveTime,
    /// When it ends; before `start` for a window that spans midnight.
    pub end: NaiveTime,
}

impl NewQuietHours {
    /// The window, unless it has no width.
    pub(super) fn checked(self) -> Result<QuietHours, ZeroWidth> {
        Ok(QuietHours::new(self.start, self.end)?.switched(self.is_enabled))
    }
}

/// As digests hold it.
impl std::fmt::Display for NewQuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.is_enabled, self.start, self.end)
    }
}

/// The codes an area refuses malformed input with.
#[derive(Clone, Copy)]
pub(super) struct Codes<C> {
    pub(super) invalid: C,
    pub(super) blank: C,
    pub(super) too_long: C,
    pub(super) reused: C,
}

/// Codes that an area has of its own for malformed input.
pub(super) trait Coded: Copy {
    /// Which.
    const CODES: Codes<Self>;
}

/// The problems found so far.
pub(super) struct Problems<C> {
    codes: Codes<C>,
    found: Vec<Refusal<C>>,
}

impl<C: Copy> Problems<C> {
    pub(super) fn new(codes: Codes<C>) -> Self {
        Self { codes, found: Vec::new() }
    }

    pub(super) fn add(&mut self, code: C, path: &str, message: impl Into<String>) {
        self.found.push(Refusal::at(code, path, message));
    }

    /// Everything found, if anything was.
    pub(super) fn check(self) -> Result<(), Vec<Refusal<C>>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }

    /// A name: not blank, not too long, on one line.
    pub(super) fn name(&mut self, path: &str, name: &str) {
        if text::is_blank(name) {
            self.add(self.codes.blank, path, "The name is blank.");
        } else if name.chars().count() > NAME_CHARS_MAX {
            let message = format!("The name is longer than {NAME_CHARS_MAX} characters.");
            self.add(self.codes.too_long, path, message);
        } else if let Some(message) = hidden_in_line("name", name) {
            self.add(self.codes.invalid, path, message);
        }
    }

    /// A window of quiet hours, if one is given: it must have a width.
    pub(super) fn quiet_hours(&mut self, path: &str, new: Option<NewQuietHours>) {
        if new.is_some_and(|new| new.checked().is_err()) {
            let message = "Quiet hours cannot end when they start: switch them off instead.";
            self.add(self.codes.invalid, &format!("{path}.end"), message);
        }
    }

    /// An idempotency key, if one is given.
    pub(super) fn idempotency_key(&mut self, path: &str, key: Option<&str>) {
        let Some(key) = key else { return };
        if key.is_empty() {
            self.add(self.codes.blank, path, "The idempotency key is blank.");
        } else if key.chars().count() > IDEMPOTENCY_KEY_CHARS_MAX {
            let message = format!(
                "The idempotency key is longer than {IDEMPOTENCY_KEY_CHARS_MAX} characters."
            );
            self.add(self.codes.too_long, path, message);
        } else if key.chars().any(char::is_control) {
            self.add(self.codes.invalid, path, "The idempotency key has control characters.");
        }
    }

    /// Tags: not too many, none blank, none too long.
    pub(super) fn tags(&mut self, path: &str, tags: &[String]) {
        if tags.len() > TAGS_MAX {
            let message = format!("There are more than {TAGS_MAX} tags.");
            self.add(self.codes.too_long, path, message);
        }
        for (at, tag) in tags.iter().enumerate().take(TAGS_MAX) {
            if let Some(message) = tag_problem(tag) {
                let code = if text::is_blank(tag) { self.codes.blank } else { self.codes.invalid };
                self.add(code, &format!("{path}.{at}"), message);
            }
        }
    }
}

/// What is wrong with a tag, if anything.
pub(super) fn tag_problem(tag: &str) -> Option<String> {
    if text::is_blank(tag) {
        Some("The tag is blank.".to_owned())
    } else if tag.chars().count() > TAG_CHARS_MAX {
        Some(format!("The tag is longer than {TAG_CHARS_MAX} characters."))
    } else {
        hidden_in_line("tag", tag)
    }
}

/// What a text of one line has that nobody can see, in a sentence: a label is compared by eye, and two that
/// look alike must be one.
fn hidden_in_line(what: &str, text: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return Some(format!("The {what} has control characters."));
    }
    let place = text::problem_in(text)?.position.saturating_add(1);
    Some(format!("The {what} has a character that cannot be seen, its character {place}."))
}

/// What keeps a step's text from being saved, whoever its variables are filled for.
pub(super) fn body_problem(body: &str) -> Option<(CampaignError, String)> {
    use CampaignError::{Blank, Invalid, TooLong};
    if text::is_blank(body) {
        return Some((Blank, "The text is blank.".to_owned()));
    }
    if body.chars().count() > BODY_CHARS_MAX {
        return Some((TooLong, format!("The text is longer than {BODY_CHARS_MAX} characters.")));
    }
    if let Some(hidden) = text::problem_in(body) {
        return Some((Invalid, hidden.to_string()));
    }
    let template = match Template::parse(body) {
        Ok(template) => template,
        Err(problem) => {
            let place = problem.position.saturating_add(1);
            return Some((Invalid, format!("{problem} See character {place}.")));
        }
    };
    // Without any value, only fallbacks are left.
    if template.render(|_| None).is_ok_and(|text| text::is_blank(&text)) {
        return Some((Blank, "The text is blank where its variables have no value.".to_owned()));
    }
    // Its variables can only add to it.
    (text::measure(&template.literal()).segments > SEGMENTS_MAX)
        .then(|| (TooLong, format!("The text takes more than {SEGMENTS_MAX} segments.")))
}

/// The codes of campaign commands.
pub(super) const CAMPAIGN: Codes<CampaignError> = Codes {
    invalid: CampaignError::Invalid,
    blank: CampaignError::Blank,
    too_long: CampaignError::TooLong,
    reused: CampaignError::IdempotencyKeyReused,
};

impl Coded for CampaignError {
    const CODES: Codes<Self> = CAMPAIGN;
}

impl Problems<CampaignError> {
    /// Steps: not too many, each with a text that fits.
    pub(super) fn steps(&mut self, path: &str, steps: &[NewStep]) {
        if steps.len() > STEPS_MAX {
            let message = format!("A campaign has at most {STEPS_MAX} steps.");
            self.add(CampaignError::TooLong, path, message);
        }
        for (at, step) in steps.iter().enumerate().take(STEPS_MAX) {
            self.body(&format!("{path}.{at}.body"), &step.body);
            self.media_url(&format!("{path}.{at}.mediaUrl"), step.media_url.as_deref());
            if at == 0 {
                self.opening(path, step);
            } else {
                self.delay(&format!("{path}.{at}.delay"), step.delay_s);
            }
        }
    }

    /// The initial message: it goes out as scheduled, to everybody.
    fn opening(&mut self, path: &str, step: &NewStep) {
        if step.delay_s.is_some() {
            let message = "The initial message goes out without a delay.";
            self.add(CampaignError::Invalid, &format!("{path}.0.delay"), message);
        }
        if step.condition != StepCondition::Always {
            let message = "The initial message goes out without a condition.";
            self.add(CampaignError::Invalid, &format!("{path}.0.condition"), message);
        }
    }

    fn delay(&mut self, path: &str, delay_s: Option<i64>) {
        let problem = match delay_s {
            None => "A follow-up needs a delay after the message before it.",
            Some(delay) if delay < DELAY_MIN_S => "The delay is shorter than a minute.",
            Some(delay) if delay > DELAY_MAX_S => "The delay is longer than ninety days.",
            Some(_) => return,
        };
        self.add(CampaignError::Invalid, path, problem);
    }

    fn body(&mut self, path: &str, body: &str) {
        if let Some((code, message)) = body_problem(body) {
            self.add(code, path, message);
        }
    }

    fn media_url(&mut self, path: &str, url: Option<&str>) {
        let Some(url) = url else { return };
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if url.chars().count() > URL_CHARS_MAX {
            let message = format!("The URL is longer than {URL_CHARS_MAX} characters.");
            self.add(CampaignError::TooLong, path, message);
        } else if !is_web || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            self.add(
                CampaignError::Invalid,
                path,
                "The picture needs an absolute http or https URL.",
            );
        }
    }
}
