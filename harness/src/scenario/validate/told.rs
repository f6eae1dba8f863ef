//! What steps and expectations must be beyond their form: campaigns made before they are named, phones
//! of the story's own, rules proved by what can fail.

use std::collections::BTreeSet;

use super::{Checked, check_audiences, check_audiences_of, check_phone, problem, require};
use crate::scenario::{Expect, OneOrMany, Scenario, Step, WhenReached};

/// The names of the counts in the API.
const COUNTS: [&str; 11] = [
    "total",
    "deferred",
    "queued",
    "inFlight",
    "accepted",
    "delivered",
    "undelivered",
    "unconfirmed",
    "unknown",
    "skipped",
    "canceled",
];

/// The names that steps have given so far.
#[derive(Default)]
struct Named<'a> {
    names: BTreeSet<&'a str>,
    any: bool,
}

impl<'a> Named<'a> {
    fn give(&mut self, name: Option<&'a String>) {
        self.any = true;
        self.names.extend(name.map(String::as_str));
    }

    fn check(&self, path: &str, name: Option<&String>) -> Checked {
        match name {
            None => require(self.any, path, "there is no campaign yet; `create` comes first"),
            Some(name) => require(
                self.names.contains(name.as_str()),
                format!("{path}.as"),
                format!("no step before has made a campaign `{name}`"),
            ),
        }
    }
}

/// Checks the steps in order, then what is expected when they are done.
pub(super) fn check_steps(scenario: &Scenario) -> Checked {
    let mut named = Named::default();
    for (index, step) in scenario.steps.iter().enumerate() {
        check_step(scenario, &mut named, &format!("steps[{index}]"), step)?;
    }
    let phones = phones(scenario);
    check_expected(&named, &phones, "expect", &scenario.expect)
}

fn check_step<'a>(
    scenario: &'a Scenario,
    named: &mut Named<'a>,
    path: &str,
    step: &'a Step,
) -> Checked {
    let of = |name: &str| format!("{path}.{name}");
    match step {
        Step::Create(create) => {
            if let Some(campaign) = &create.campaign {
                check_audiences_of(scenario, &of("create.campaign"), campaign)?;
            }
            named.give(create.named.as_ref());
        }
        Step::Activate(step) => named.check(&of("activate"), step.campaign.as_ref())?,
        Step::Cancel(step) => named.check(&of("cancel"), step.campaign.as_ref())?,
        Step::Pause(step) => named.check(&of("pause"), step.campaign.as_ref())?,
        Step::Resume(step) => named.check(&of("resume"), step.campaign.as_ref())?,
        Step::ResolveUnknown(step) => {
            named.check(&of("resolve_unknown"), step.campaign.as_ref())?;
            step.to.iter().try_for_each(|to| check_phone(&of("resolve_unknown.to"), to))?;
        }
        Step::Delete(step) => named.check(&of("delete"), step.campaign.as_ref())?,
        Step::Reschedule(step) => named.check(&of("reschedule"), step.campaign.as_ref())?,
        Step::Details(step) => named.check(&of("details"), step.campaign.as_ref())?,
        Step::Estimate(step) => named.check(&of("estimate"), step.campaign.as_ref())?,
        Step::Explain(step) => {
            named.check(&of("explain"), step.campaign.as_ref())?;
            check_phone(&of("explain.phone"), &step.phone)?;
        }
        Step::SendTest(step) => {
            named.check(&of("send_test"), step.campaign.as_ref())?;
            step.to.iter().try_for_each(|to| check_phone(&of("send_test.to"), to))?;
        }
        Step::Unsubscribe(step) => check_phone(&of("unsubscribe.phone"), &step.phone)?,
        Step::ClearPossibleOptOut(step) => {
            check_phone(&of("clear_possible_opt_out.phone"), &step.phone)?;
        }
        Step::Tag(step) => check_phone(&of("tag.phone"), &step.phone)?,
        Step::Duplicate(step) => {
            named.check(&of("duplicate"), step.campaign.as_ref())?;
            named.give(step.copy.as_ref());
        }
        Step::Update(step) => {
            named.check(&of("update"), step.campaign.as_ref())?;
            let audiences = step.audiences.as_deref().unwrap_or_default();
            check_audiences(scenario, &of("update.audiences"), audiences)?;
            let excluded = step.excluded.as_deref().unwrap_or_default();
            check_audiences(scenario, &of("update.excluded"), excluded)?;
        }
        Step::Query(query) => {
            require(!query.graphql.trim().is_empty(), of("query.graphql"), "must be said")?;
        }
        Step::Expect(expected) => {
            check_expected(named, &phones(scenario), &of("expect"), expected)?;
        }
        Step::When(when) => check_when(named, &of("when"), when)?,
        Step::Crash(step) => {
            named.check(&of("crash"), None)?;
            require(step.accepted > 0, of("crash.accepted"), "must be at least 1")?;
        }
        Step::Until(_) | Step::Skip(_) | Step::Site(_) | Step::SiteUpdate(_) => {}
    }
    Ok(())
}

fn check_when(named: &Named<'_>, path: &str, when: &WhenReached) -> Checked {
    let (accepted, planned) = (when.accepted.is_some(), when.planned.is_some());
    let said = [accepted, planned, when.status.is_some(), when.at.is_some()];
    require(
        said.iter().filter(|said| **said).count() == 1,
        path,
        "needs exactly one of `accepted`, `planned`, `status` and `at`",
    )?;
    if when.at.is_none() || when.campaign.is_some() {
        named.check(path, when.campaign.as_ref())?;
    }
    Ok(())
}

/// The phones of the story's subscribers.
fn phones(scenario: &Scenario) -> BTreeSet<String> {
    scenario.seed_subscribers().into_iter().map(|one| one.phone).collect()
}

fn check_expected(
    named: &Named<'_>,
    phones: &BTreeSet<String>,
    path: &str,
    expected: &OneOrMany<Expect>,
) -> Checked {
    let many = expected.0.len() > 1;
    for (index, one) in expected.iter().enumerate() {
        let path = if many { format!("{path}[{index}]") } else { path.to_owned() };
        if one.is_about_a_campaign() {
            named.check(&path, one.campaign.as_ref())?;
        }
        require(
            one.proves.is_empty() || !one.is_empty(),
            format!("{path}.proves"),
            "names a rule, and nothing is expected",
        )?;
        for name in one.counts.keys() {
            require(
                COUNTS.contains(&name.as_str()),
                format!("{path}.counts.{name}"),
                format!("not a count; the counts are {}", COUNTS.join(", ")),
            )?;
        }
        for (part, phone) in one.phones() {
            check_phone(&format!("{path}.{part}"), phone)?;
            require(
                phones.contains(phone) || !matches!(part, "recipients" | "subscribers"),
                format!("{path}.{part}"),
                format!("nobody has the phone {}", crate::privacy::mask(phone)),
            )?;
        }
    }
    Ok(())
}

/// Every rule that is said to be proved must be the label of something that is expected, and every
/// label must be said.
pub(super) fn check_proofs(scenario: &Scenario) -> Checked {
    let labels: BTreeSet<_> =
        scenario.expectations().flat_map(|(_, one)| one.proves.iter().copied()).collect();
    for rule in &scenario.proves {
        require(
            labels.contains(rule),
            "proves",
            format!("{rule} is the label of nothing that is expected"),
        )?;
    }
    match labels.iter().find(|label| !scenario.proves.contains(label)) {
        Some(label) => Err(problem("proves", format!("{label} is a label and not named here"))),
        None => Ok(()),
    }
}
