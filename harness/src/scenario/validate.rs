//! What a scenario must be beyond its form.

use std::collections::BTreeMap;

mod told;

use super::{
    Campaign, FORMAT_VERSION, Respond, Rule, Scenario, Span, Transport, Window, WindowReceipts,
};

/// Phones of one area code: 555-0100 to 555-0199, which belong to nobody.
const PHONES_PER_AREA: u32 = 100;
/// The most steps, rules, windows, faults or texts of one scenario.
const ITEMS_MAX: usize = 1000;
/// The most copies of one receipt.
const COPIES_MAX: u32 = 100;
/// The longest that an answer may take or hang, in real time.
const WAIT_MAX: Span = Span::from_ms(60_000);
/// What is wrong, and in which field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Problem {
    /// The field, as a path.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

type Checked = Result<(), Problem>;

fn problem(field: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { field: field.into(), message: message.into() }
}

fn require(holds: bool, field: impl Into<String>, message: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(problem(field, message)) }
}

/// Whether `text` is a phone number in E.164.
pub fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// Checks everything.
pub(super) fn check(scenario: &Scenario) -> Checked {
    require(
        scenario.scenario == FORMAT_VERSION,
        "scenario",
        format!("version {} is not known; this reads {FORMAT_VERSION}", scenario.scenario),
    )?;
    check_sizes(scenario)?;
    require(scenario.engine.max_in_flight > 0, "engine.max_in_flight", "must be at least 1")?;
    check_subscribers(scenario)?;
    check_campaign(scenario)?;
    for (index, rule) in scenario.rules.iter().enumerate() {
        check_rule(&format!("rules[{index}]"), rule)?;
    }
    for (index, window) in scenario.windows.iter().enumerate() {
        check_window(&format!("windows[{index}]"), window)?;
    }
    check_wait("defaults.latency.fixed", scenario.defaults.latency.fixed)?;
    check_faults(scenario)?;
    for (index, text) in scenario.inbound.iter().enumerate() {
        check_phone(&format!("inbound[{index}].from"), &text.from)?;
        require(
            text.arrives.is_none_or(|arrives| arrives >= text.at),
            format!("inbound[{index}].arrives"),
            "a text cannot arrive before it was sent".to_owned(),
        )?;
    }
    told::check_steps(scenario)?;
    told::check_proofs(scenario)
}

fn check_sizes(scenario: &Scenario) -> Checked {
    let sizes = [
        ("subscribers", scenario.subscribers.len()),
        ("rules", scenario.rules.len()),
        ("windows", scenario.windows.len()),
        ("receipt_faults.forged", scenario.receipt_faults.forged.len()),
        ("receipt_faults.unknown_message", scenario.receipt_faults.unknown_message.len()),
        ("inbound", scenario.inbound.len()),
        ("status_page", scenario.status_page.len()),
        ("steps", scenario.steps.len()),
    ];
    for (field, size) in sizes {
        require(size <= ITEMS_MAX, field, format!("{size} items; {ITEMS_MAX} are allowed"))?;
    }
    Ok(())
}

fn check_subscribers(scenario: &Scenario) -> Checked {
    let mut used: BTreeMap<u16, u32> = BTreeMap::new();
    for (index, group) in scenario.subscribers.iter().enumerate() {
        for phone in &group.phones {
            check_phone(&format!("subscribers[{index}].phones"), phone)?;
        }
        require(
            (200..=999).contains(&group.area),
            format!("subscribers[{index}].area"),
            format!("{} is not an area code", group.area),
        )?;
        let area = used.entry(group.area).or_default();
        *area = area.saturating_add(if group.phones.is_empty() { group.count } else { 0 });
        require(
            *area <= PHONES_PER_AREA,
            format!("subscribers[{index}].count"),
            format!("area {} has {PHONES_PER_AREA} phones; spread over more areas", group.area),
        )?;
    }
    Ok(())
}

fn check_campaign(scenario: &Scenario) -> Checked {
    check_audiences_of(scenario, "campaign", &scenario.campaign)
}

fn check_audiences_of(scenario: &Scenario, path: &str, campaign: &Campaign) -> Checked {
    check_audiences(scenario, &format!("{path}.audiences"), &campaign.audiences)?;
    check_audiences(scenario, &format!("{path}.excluded"), &campaign.excluded)
}

fn check_audiences(scenario: &Scenario, field: &str, names: &[String]) -> Checked {
    for name in names {
        require(
            scenario.audiences.contains_key(name),
            field,
            format!("there is no audience `{name}` under `audiences`"),
        )?;
    }
    Ok(())
}

fn check_phone(field: &str, phone: &str) -> Checked {
    // The number is the scenario's own and fictional, yet it is not repeated: messages end in logs.
    require(is_phone(phone), field, "not a phone number in E.164")
}

fn check_wait(field: &str, span: Span) -> Checked {
    require(span <= WAIT_MAX, field, format!("real time; at most {WAIT_MAX}"))
}

fn check_rule(path: &str, rule: &Rule) -> Checked {
    if let Some(to) = &rule.when.to {
        check_phone(&format!("{path}.when.to"), to)?;
    }
    for phone in &rule.when.to_in {
        check_phone(&format!("{path}.when.to_in"), phone)?;
    }
    require(rule.when.nth != Some(0), format!("{path}.when.nth"), "counts from 1")?;
    require(rule.when.attempt != Some(0), format!("{path}.when.attempt"), "counts from 1")?;
    require(
        rule.accept.is_none() || rule.accepts != Some(false),
        format!("{path}.accept"),
        "says what a 202 says, and `accepts` is false",
    )?;
    require(
        rule.receipts.is_none() || rule.accepts != Some(false),
        format!("{path}.receipts"),
        "a message that is not taken has none, and `accepts` is false",
    )?;
    require(
        rule.accepts != Some(false) || rule.respond.is_some() || rule.transport.is_some(),
        format!("{path}.accepts"),
        "false needs `respond` or `transport`: a 202 would be a lie",
    )?;
    check_answer(path, rule.respond.as_ref(), rule.transport)?;
    rule.latency
        .map_or(Ok(()), |latency| check_wait(&format!("{path}.latency.fixed"), latency.fixed))
}

fn check_window(path: &str, window: &Window) -> Checked {
    require(
        window.until.is_none_or(|until| until > window.from),
        format!("{path}.until"),
        "must be after `from`",
    )?;
    require(
        window.receipts != WindowReceipts::Hold || window.until.is_some(),
        format!("{path}.receipts"),
        "`hold` needs `until`",
    )?;
    require(
        window.accepts.is_none() || window.answers(),
        format!("{path}.accepts"),
        "needs `respond` or `transport`; without them the rules decide",
    )?;
    check_answer(path, window.respond.as_ref(), window.transport)?;
    window
        .latency
        .map_or(Ok(()), |latency| check_wait(&format!("{path}.latency.fixed"), latency.fixed))
}

fn check_answer(path: &str, respond: Option<&Respond>, transport: Option<Transport>) -> Checked {
    require(
        respond.is_none() || transport.is_none(),
        format!("{path}.transport"),
        "nothing is answered, and `respond` says what is",
    )?;
    if let Some(Transport::Hang(span)) = transport {
        check_wait(&format!("{path}.transport.hang"), span)?;
    }
    let Some(respond) = respond else { return Ok(()) };
    let status = respond.http_status();
    require(
        (200..=599).contains(&status),
        format!("{path}.respond.status"),
        format!("{status} is not from 200 to 599"),
    )?;
    let bodies = [respond.error.is_some(), respond.json.is_some(), respond.body.is_some()];
    let said = bodies.iter().filter(|said| **said).count();
    require(said <= 1, format!("{path}.respond"), "only one of `error`, `json` and `body`")?;
    require(
        said == 1 || respond.status.is_some(),
        format!("{path}.respond"),
        "needs one of `error`, `status`, `json` and `body`",
    )?;
    for (name, value) in &respond.headers {
        require(
            hyper::header::HeaderName::try_from(name.as_str()).is_ok()
                && hyper::header::HeaderValue::try_from(value.as_str()).is_ok(),
            format!("{path}.respond.headers.{name}"),
            "not an HTTP header",
        )?;
    }
    Ok(())
}

fn check_faults(scenario: &Scenario) -> Checked {
    let faults = &scenario.receipt_faults;
    require(
        faults.duplicate.copies <= COPIES_MAX,
        "receipt_faults.duplicate.copies",
        format!("at most {COPIES_MAX}"),
    )?;
    for (index, unknown) in faults.unknown_message.iter().enumerate() {
        require(
            !unknown.id.is_empty(),
            format!("receipt_faults.unknown_message[{index}].id"),
            "must be said",
        )?;
    }
    Ok(())
}
