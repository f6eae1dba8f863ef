//! What a verified token says, and whether that is good here and now.
//!
//! **Invariant:** a token works from `nbf` until `exp`, and never without an `exp`.

use super::Settings;
use chrono::TimeDelta;
use domain::{Instant, access::Role, id::SiteId};
use serde::Deserialize;

/// How much later the issuer's clock may be than ours. It is granted where a fresh token would be refused; at
/// its end a token ends.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);
/// Characters of a subject.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Sites that one token reaches.
const SITES_MAX: usize = 100;
/// Milliseconds of a second.
const MS_PER_S: f64 = 1_000.0;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom it speaks for: the claim `sub`.
    pub subject: String,
    /// What they may do.
    pub role: Role,
    /// The sites that it names, which need not exist; in order of id, each once.
    pub sites: Vec<SiteId>,
}

/// Why a token is not taken. All but the first are told of verified tokens alone, whose holder knows what is in
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// None of the keys has signed it, whatever else is wrong.
    Unverified,
    /// It is another issuer's.
    WrongIssuer,
    /// It is for another audience.
    WrongAudience,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// A claim is missing or is not of its form.
    Claims,
}

#[derive(Deserialize)]
struct Written {
    iss: Option<String>,
    aud: Option<Audience>,
    sub: Option<String>,
    sites: Option<Vec<String>>,
    role: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// One audience or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Several(all) => all.iter().any(|one| one == wanted),
        }
    }
}

/// Reads the payload of a verified token.
pub(super) fn read(payload: &[u8], settings: &Settings, now: Instant) -> Result<Claims, Flaw> {
    // What is wrong with it would be told with words of the token.
    let written: Written = serde_json::from_slice(payload).map_err(|_form| Flaw::Claims)?;
    if written.iss.as_ref() != Some(&settings.issuer) {
        return Err(Flaw::WrongIssuer);
    }
    if !written.aud.as_ref().is_some_and(|aud| aud.has(&settings.audience)) {
        return Err(Flaw::WrongAudience);
    }
    if now >= instant(written.exp.ok_or(Flaw::Claims)?)? {
        return Err(Flaw::Expired);
    }
    for begins in [written.nbf, written.iat].into_iter().flatten() {
        if now + LEEWAY < instant(begins)? {
            return Err(Flaw::NotYetValid);
        }
    }
    let subject = written.sub.filter(|subject| is_subject(subject)).ok_or(Flaw::Claims)?;
    let role = written.role.and_then(|role| role.parse().ok()).ok_or(Flaw::Claims)?;
    let named = written.sites.filter(|sites| sites.len() <= SITES_MAX).ok_or(Flaw::Claims)?;
    let sites: Result<Vec<SiteId>, _> = named.iter().map(|site| site.parse()).collect();
    let mut sites = sites.map_err(|_id| Flaw::Claims)?;
    sites.sort_unstable();
    sites.dedup();
    Ok(Claims { subject, role, sites })
}

/// Visible, and not longer than what is kept: it is written beside all that its holder does.
fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The instant of a `NumericDate`: seconds since 1970, perhaps with a fraction.
fn instant(seconds: f64) -> Result<Instant, Flaw> {
    let ms = (seconds * MS_PER_S).floor();
    // Sixteen digits hold every instant that a calendar does, and all of them are whole in an f64.
    let ms: i64 = format!("{ms:.0}").parse().map_err(|_form| Flaw::Claims)?;
    Instant::from_timestamp_millis(ms).ok_or(Flaw::Claims)
}
