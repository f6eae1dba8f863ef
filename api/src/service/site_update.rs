//! Changing a site's settings.
//!
//! **Invariant:** every setting that becomes another is logged with who changed it, in the same transaction.
//! **Invariant:** a campaign under way is bound by what was frozen with it and by what is set now, so that a
//! change can only hold back what is left of it.

use super::{
    Actor, Fault, NewQuietHours, Service,
    audit::Act,
    check::{Coded, Codes, Problems},
    once::Once,
    secrets::InputDigest,
};
use crate::db::{
    Error,
    sites::{self, Purpose, Settings, Written},
};
use domain::{
    audit::AuditOperation,
    consent,
    id::SiteId,
    limits::{
        HELP_REPLY_SEGMENTS_MAX, SMART_SENDING_MAX_S, SMART_SENDING_MIN_S, SUBDOMAIN_CHARS_MAX,
        TEXT_FOOTER_CHARS_MAX, TEXT_PREFIX_CHARS_MAX,
    },
    place::{Countries, is_country},
    refusal::{Outcome, Refusal, SiteError},
    rule_pack::{RulePack, RulePacks},
    setting,
    site::{Site, SmartSending, problem_in_subdomain},
    text::{self, Frame},
    zone::Zone,
};
use serde_json::json;

/// Countries in one list: more than there are.
const COUNTRIES_MAX: usize = 300;

/// Changes to a site; what is none stays as it is, and `Some(None)` takes away what may be missing.
#[derive(Clone, Debug, Default)]
pub struct SiteChanges {
    /// The store's name.
    pub name: Option<String>,
    /// The store's zone.
    pub zone: Option<Zone>,
    /// The subdomain.
    pub subdomain: Option<Option<String>>,
    /// When subscribers must not be texted.
    pub quiet_hours: Option<NewQuietHours>,
    /// How often one subscriber may be texted.
    pub smart_sending: Option<SmartSending>,
    /// Packs of legal rules to switch; the others stay as they are.
    pub rule_packs: Option<Vec<PackSwitch>>,
    /// The countries whose numbers are texted; an empty list means every one.
    pub countries: Option<Vec<String>>,
    /// What stands before every text.
    pub text_prefix: Option<Option<String>>,
    /// What stands below every text.
    pub text_footer: Option<Option<String>>,
    /// The site's own answer to HELP.
    pub help_reply: Option<Option<String>>,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}

/// A pack of legal rules to switch on or off.
#[derive(Clone, Debug)]
pub struct PackSwitch {
    /// Its code, as it came in.
    pub code: String,
    /// Whether it is to apply.
    pub is_enabled: bool,
}

impl Coded for SiteError {
    const CODES: Codes<Self> = Codes {
        invalid: Self::Invalid,
        blank: Self::Blank,
        too_long: Self::TooLong,
        reused: Self::IdempotencyKeyReused,
    };
}

impl Service {
    /// Changes a site's settings; what is left out stays as it is.
    pub async fn site_update(
        &self,
        actor: &Actor,
        id: Option<SiteId>,
        changes: SiteChanges,
    ) -> Result<Outcome<Site, SiteError>, Fault> {
        let Some(id) = id.and_then(|id| actor.site(Some(id))) else { return Ok(not_found()) };
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let purpose = Purpose::of(changes.subdomain.is_some());
        let Some(before) = sites::lock(&txn, id, purpose).await? else { return Ok(not_found()) };
        let digest = digest(id, &changes);
        let once = Once::new(actor, "site_update", changes.idempotency_key.as_deref(), &digest);
        match once.take(&txn, id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(_prior)) => return Ok(Ok(before)),
            Ok(None) => {}
        }
        let mut problems = Problems::new(SiteError::CODES);
        let settings = checked(&changes, before.rule_packs, &mut problems);
        if let Err(refusals) = problems.check() {
            return Ok(Err(refusals));
        }
        let cause = actor.cause();
        let written = sites::change(&txn, &self.ids, &cause, &before, settings, now).await?;
        let Written::Done(site) = written else {
            let message = "Another site has this subdomain.";
            let taken = Refusal::at(SiteError::SubdomainTaken, "input.subdomain", message);
            return Ok(Err(vec![taken]));
        };
        once.keep(&txn, json!({ "site": id.to_string() })).await?;
        if !setting::changes(&before, &site).is_empty() {
            let act = Act::new(AuditOperation::SiteUpdate, id, &id);
            self.note(&txn, actor, act, now).await?;
        }
        txn.commit().await.map_err(Error::from)?;
        Ok(Ok(*site))
    }
}

/// The one answer for a site that is not there, foreign, or no id at all.
fn not_found<T>() -> Outcome<T, SiteError> {
    Err(vec![Refusal::at(SiteError::NotFound, "id", "There is no such site.")])
}

/// The changes as settings to write; they are of use only where no problem is found.
fn checked(
    changes: &SiteChanges,
    packs: RulePacks,
    problems: &mut Problems<SiteError>,
) -> Settings {
    if let Some(name) = &changes.name {
        problems.name("input.name", name);
    }
    problems.quiet_hours("input.quietHours", changes.quiet_hours);
    if let Some(smart) = changes.smart_sending {
        window(smart.window_s, problems);
    }
    words(problems, "input.subdomain", changes.subdomain.as_ref(), problem_in_subdomain, |text| {
        text.len() > SUBDOMAIN_CHARS_MAX
    });
    words(
        problems,
        "input.textPrefix",
        changes.text_prefix.as_ref(),
        Frame::problem_in_prefix,
        |text| text.chars().count() > TEXT_PREFIX_CHARS_MAX,
    );
    words(
        problems,
        "input.textFooter",
        changes.text_footer.as_ref(),
        Frame::problem_in_footer,
        |text| text.chars().count() > TEXT_FOOTER_CHARS_MAX,
    );
    words(
        problems,
        "input.helpReply",
        changes.help_reply.as_ref(),
        consent::problem_in_help_reply,
        |text| text::measure(text).segments > HELP_REPLY_SEGMENTS_MAX,
    );
    // An empty text takes away what may be missing.
    let kept = |text: &Option<Option<String>>| text.clone().map(Option::unwrap_or_default);
    Settings {
        name: changes.name.clone(),
        zone: changes.zone,
        subdomain: kept(&changes.subdomain),
        quiet_hours: changes.quiet_hours.and_then(|new| new.checked().ok()),
        rule_packs: switched(changes.rule_packs.as_deref(), packs, problems),
        smart_sending: changes.smart_sending,
        text_prefix: kept(&changes.text_prefix),
        text_footer: kept(&changes.text_footer),
        countries: countries(changes.countries.as_deref(), problems),
        help_reply: kept(&changes.help_reply),
        ..Settings::default()
    }
}

/// The length of time for which Smart Sending leaves a phone alone.
fn window(seconds: i64, problems: &mut Problems<SiteError>) {
    let message = match seconds {
        less if less < SMART_SENDING_MIN_S => "The window is shorter than a minute.",
        more if more > SMART_SENDING_MAX_S => "The window is longer than seven days.",
        _ => return,
    };
    problems.add(SiteError::Invalid, "input.smartSending.window", message);
}

/// A text that may also be taken away: it must show something and be fit for its place.
fn words(
    problems: &mut Problems<SiteError>,
    path: &str,
    given: Option<&Option<String>>,
    problem_in: fn(&str) -> Option<String>,
    is_too_long: fn(&str) -> bool,
) {
    let Some(Some(text)) = given else { return };
    if text::is_blank(text) {
        let message = "The text is blank: null takes away the one there is.";
        problems.add(SiteError::Blank, path, message);
    } else if let Some(message) = problem_in(text) {
        let code = if is_too_long(text) { SiteError::TooLong } else { SiteError::Invalid };
        problems.add(code, path, message);
    }
}

/// The packs that apply once those named are switched.
fn switched(
    switches: Option<&[PackSwitch]>,
    mut packs: RulePacks,
    problems: &mut Problems<SiteError>,
) -> Option<RulePacks> {
    const PATH: &str = "input.rulePacks";
    let switches = switches?;
    let known = RulePack::ALL.len();
    if switches.len() > known {
        let message = format!("There are more than {known} packs, which is all there are.");
        problems.add(SiteError::TooLong, PATH, message);
        return None;
    }
    let mut named = RulePacks::NONE;
    for (at, switch) in switches.iter().enumerate() {
        let path = format!("{PATH}.{at}.code");
        match switch.code.parse::<RulePack>() {
            Err(_unknown) => {
                let message = "There is no such rule pack: see `Site.rulePacks`.";
                problems.add(SiteError::Invalid, &path, message);
            }
            Ok(pack) if named.contains(pack) => {
                problems.add(SiteError::Invalid, &path, "The rule pack is named twice.");
            }
            Ok(pack) => {
                named.insert(pack);
                packs = packs.switched(pack, switch.is_enabled);
            }
        }
    }
    Some(packs)
}

/// The countries named, each once.
fn countries(codes: Option<&[String]>, problems: &mut Problems<SiteError>) -> Option<Countries> {
    const PATH: &str = "input.countries";
    let codes = codes?;
    if codes.len() > COUNTRIES_MAX {
        let message = format!("There are more than {COUNTRIES_MAX} countries.");
        problems.add(SiteError::TooLong, PATH, message);
        return None;
    }
    let mut named: Vec<&str> = Vec::new();
    for (at, code) in codes.iter().enumerate() {
        if !is_country(code) {
            let message = "There is no such country: give its ISO 3166-1 code, such as US.";
            problems.add(SiteError::Invalid, &format!("{PATH}.{at}"), message);
        } else if !named.contains(&code.as_str()) {
            named.push(code);
        }
    }
    named.join(" ").parse().ok()
}

fn digest(id: SiteId, changes: &SiteChanges) -> String {
    let text = |digest: InputDigest, given: &Option<Option<String>>| match given {
        None => digest.field("left"),
        Some(text) => digest.field("given").optional(text.as_deref()),
    };
    let smart = changes.smart_sending;
    let smart = smart.map(|smart| format!("{} {}", smart.is_enabled, smart.window_s));
    let switches = changes.rule_packs.as_deref();
    let switches = switches.map(|all| {
        let told = all.iter().map(|one| format!("{:?} {}", one.code, one.is_enabled));
        told.collect::<Vec<_>>().join(",")
    });
    let countries = changes.countries.as_ref().map(|codes| format!("{codes:?}"));
    let digest = InputDigest::default()
        .field(&id.to_string())
        .optional(changes.name.as_deref())
        .optional(changes.zone.map(Zone::name))
        .optional(changes.quiet_hours.map(|hours| hours.to_string()).as_deref())
        .optional(smart.as_deref())
        .optional(switches.as_deref())
        .optional(countries.as_deref());
    let texts =
        [&changes.subdomain, &changes.text_prefix, &changes.text_footer, &changes.help_reply];
    texts.into_iter().fold(digest, text).finish()
}
