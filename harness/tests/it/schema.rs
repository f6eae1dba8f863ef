//! Files that must say what the code says: schema.graphql, and docs/statuses.md.

use std::fmt::Write as _;
use std::path::Path;

use api::config::keep_file;
use domain::campaign::{CampaignAction, CampaignStatus, TRANSITIONS, Trigger, diagram};

fn at_root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn the_schema_is_the_one_that_answers() {
    keep_file(&at_root("schema.graphql"), &api::graphql::sdl()).unwrap();
}

#[test]
fn the_page_of_statuses_is_the_table() {
    keep_file(&at_root("docs/statuses.md"), &statuses()).unwrap();
}

/// The page: what each status means, what may be done in it, and how one leads to another.
fn statuses() -> String {
    let mut page = String::from(
        "<!-- Written by a test from api/domain/src/campaign.rs; do not edit. -->\n\
         # Statuses of a campaign\n\n\
         A campaign's status is worked out by the service and never set by a client. What is not in\n\
         the last table cannot happen. Final statuses are marked with an asterisk: nothing leads out\n\
         of them.\n\n",
    );
    page.push_str("| Status | Meaning |\n|---|---|\n");
    for status in CampaignStatus::ALL {
        row(&mut page, &[&name(*status), meaning(*status)]);
    }
    page.push_str("\n## What a caller can do\n\n| Status |");
    for action in CampaignAction::ALL {
        let _ = write!(page, " {action} |");
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(CampaignAction::ALL.len()));
    page.push('\n');
    for status in CampaignStatus::ALL {
        let mut line = |name: &str, is_paused: bool| {
            let may = |action: &CampaignAction| action.is_allowed_in(*status, is_paused);
            let cells = CampaignAction::ALL.iter().map(|it| if may(it) { "yes" } else { "" });
            row(&mut page, &std::iter::once(name).chain(cells).collect::<Vec<_>>());
        };
        line(&name(*status), false);
        if status.is_running() {
            line(&format!("{}, paused", name(*status)), true);
        }
    }
    page.push_str(
        "\nAnything else is refused with `WRONG_STATUS`, and nothing changes.\n\n\
         Being paused is no status: a campaign that is paused stays in the status it is in, with\n\
         `isPaused` beside it. It is planned all the same, and nothing of it is handed over until it is\n\
         resumed. Where the status ends, the pause ends.\n",
    );
    let _ = write!(page, "\n## How one leads to another\n\n```mermaid\n{}```\n", diagram());
    page.push_str("\n| From | To | When |\n|---|---|---|\n");
    for (from, trigger, to) in TRANSITIONS {
        row(&mut page, &[&name(from), &name(to), cause(from, trigger)]);
    }
    let sources = |trigger: Trigger| trigger.sources().map(name).collect::<Vec<_>>().join(", ");
    let (canceled, failed) = (sources(Trigger::Cancel), sources(Trigger::Fail));
    let _ = write!(page, "\nCanceling leads out of {canceled}; failing out of {failed}.\n");
    page
}

fn row(page: &mut String, cells: &[&str]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// The status as the API spells it.
fn name(status: CampaignStatus) -> String {
    let star = if status.is_final() { " *" } else { "" };
    format!("`{}`{star}", status.as_str().to_uppercase())
}

fn meaning(status: CampaignStatus) -> &'static str {
    match status {
        CampaignStatus::Draft => "Saved and not activated: it can be edited, and sends nothing.",
        CampaignStatus::Scheduled => {
            "Activated for a time still ahead: nothing is handed over before it."
        }
        CampaignStatus::Processing => {
            "Recipients are being worked out, or none has been handed over yet."
        }
        CampaignStatus::Sending => {
            "The plan is complete, a hand-over has begun, and something is left to hand over."
        }
        CampaignStatus::Sent => {
            "Everything is handed over or finally skipped: nothing can be prevented any more."
        }
        CampaignStatus::Failed => "It could not run; the reason says why and what to do.",
        CampaignStatus::Canceled => "Stopped for good; it can only be duplicated.",
    }
}

fn cause(from: CampaignStatus, trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule => "A caller activates it for a time still ahead.",
        Trigger::Start if from == CampaignStatus::Draft => "A caller activates it for now.",
        Trigger::Start => "Its time has come.",
        Trigger::Release => "The plan is complete and a hand-over has begun.",
        Trigger::Complete => "Nothing is left to hand over.",
        Trigger::Cancel => "A caller cancels it.",
        Trigger::Fail => "It cannot go on.",
    }
}
