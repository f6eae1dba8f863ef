//! Changes to what the service says: its counts, its ledger, its events and its answers.

use harness::check::Rule::{self, *};
use serde_json::json;

use super::{Journal, Mutation};

fn mutation(
    name: &'static str,
    story: &'static str,
    breaks: &'static [Rule],
    change: fn(&mut Journal),
) -> Mutation {
    Mutation { name, story, breaks, change }
}

/// Adds to a number in the fact at a place, by the path to it.
fn add(journal: &mut Journal, at: usize, path: &str, by: i64) {
    let number = journal.fact(at).pointer_mut(path).unwrap();
    *number = json!(number.as_i64().unwrap() + by);
}

fn last(journal: &Journal, kind: &str) -> usize {
    *journal.all(kind).last().unwrap()
}

pub(crate) fn mutations() -> Vec<Mutation> {
    [part_one(), part_two(), part_three(), part_four()].into_iter().flatten().collect()
}

fn part_one() -> Vec<Mutation> {
    vec![
        mutation("a part off by one", "follow-ups", &[I1], |journal| {
            let at = journal.all("progress")[3];
            add(journal, at, "/counts/skipped", 1);
        }),
        mutation("recipients that get fewer", "follow-ups", &[I1], |journal| {
            let at = last(journal, "progress");
            add(journal, at, "/recipients", -1);
        }),
        mutation("a snapshot older than the one before", "follow-ups", &[I1], |journal| {
            let at = last(journal, "progress");
            journal.set(at, "version", &json!(0));
        }),
        mutation("a count off by one", "follow-ups", &[I2], |journal| {
            let at = last(journal, "ledger");
            add(journal, at, "/counts/delivered", 1);
            add(journal, at, "/counts/skipped", -1);
        }),
        mutation("a reason's count off by one", "follow-ups", &[I2], |journal| {
            let at = last(journal, "ledger");
            add(journal, at, "/reasons/SKIPPED UNSUBSCRIBED", 1);
        }),
        mutation("a lost message", "follow-ups", &[I2, I6], |journal| {
            let at = journal.row("+12125550103", 0);
            journal.remove(at);
        }),
        mutation("a lost message, and counts to suit", "follow-ups", &[I6], |journal| {
            let at = journal.row("+12125550103", 0);
            journal.remove(at);
            let at = last(journal, "ledger");
            add(journal, at, "/counts/skipped", -1);
            add(journal, at, "/counts/total", -1);
            add(journal, at, "/recipients", -1);
            add(journal, at, "/reasons/SKIPPED UNSUBSCRIBED", -1);
        }),
        mutation("skipped, and nobody says why", "follow-ups", &[I2, I6], |journal| {
            let at = journal.row("+12125550103", 0);
            journal.fact(at).as_object_mut().unwrap().remove("reason");
        }),
        mutation("queued after SENT", "follow-ups", &[I2, I6], |journal| {
            let at = journal.row("+12125550103", 0);
            journal.set(at, "state", &json!("QUEUED"));
        }),
        mutation("SENT with something queued", "follow-ups", &[I16], |journal| {
            let at = last(journal, "progress");
            add(journal, at, "/counts/queued", 1);
            add(journal, at, "/counts/delivered", -1);
        }),
        mutation("more unknown than a crash can leave", "paced", &[I7], |journal| {
            let at = journal.row("+12125550102", 0);
            journal.set(at, "reason", &json!("ENGINE_STOPPED"));
        }),
        mutation("an edge that is none", "follow-ups", &[I14], |journal| {
            let at = journal.first("event", "to", &json!("SENDING"));
            journal.set(at, "from", &json!("SCHEDULED"));
        }),
    ]
}

fn part_two() -> Vec<Mutation> {
    vec![
        mutation("a status after the last one", "follow-ups", &[I14, I20], |journal| {
            let at = journal.first("event", "to", &json!("SENT"));
            let mut again = journal.lines[at]["fact"].clone();
            again["event"]["from"] = json!("SENT");
            again["event"]["to"] = json!("SENDING");
            let sequence = again["event"]["sequence"].as_i64().unwrap();
            again["event"]["sequence"] = json!(sequence + 1);
            journal.insert(at, &[again]);
        }),
        mutation("a status that goes back when asked", "follow-ups", &[I14], |journal| {
            let at = last(journal, "progress");
            journal.set(at, "status", &json!("PROCESSING"));
        }),
        mutation("a gap in a sequence", "follow-ups", &[I18], |journal| {
            let at = journal.first("event", "to", &json!("SENT"));
            add(journal, at, "/sequence", 1);
        }),
        mutation("an event told twice", "follow-ups", &[I18], |journal| {
            let at = journal.first("event", "kind", &json!("CREATED"));
            let again = journal.lines[at]["fact"].clone();
            journal.insert(at, &[again]);
        }),
        mutation("an event told in two ways", "follow-ups", &[I18], |journal| {
            let at = journal.first("event", "kind", &json!("CREATED"));
            let mut other = journal.lines[at]["fact"].clone();
            other["event"]["stream"] = json!("other");
            other["event"]["kind"] = json!("EDITED");
            journal.insert(at, &[other]);
        }),
        mutation("an older state after an answer", "halted", &[I19], |journal| {
            let call = journal.first("called", "verb", &json!("cancel"));
            let next = journal.all("progress").into_iter().find(|at| *at > call).unwrap();
            add(journal, next, "/revision", -1);
        }),
        mutation("the end is not told", "follow-ups", &[I20], |journal| {
            let at = journal.first("event", "to", &json!("SENT"));
            journal.remove(at);
        }),
        mutation("complete before the end", "follow-ups", &[I20], |journal| {
            let at = journal.first("event", "to", &json!("SENDING"));
            let mut told = journal.lines[at]["fact"].clone();
            told["event"]["stream"] = json!("detail");
            let campaign = told["event"]["campaign"].clone();
            let stream = json!({ "stream": { "stream": "detail", "campaign": campaign } });
            let end = json!({ "stream_end": { "stream": "detail", "is_complete": true } });
            journal.insert(at, &[stream, told, end]);
        }),
        mutation("a repeat with another answer", "halted", &[I21], |journal| {
            let at = *journal.with("called", "verb", &json!("cancel")).last().unwrap();
            journal.set(at, "told", &json!("another"));
        }),
        mutation("a used key with another question", "halted", &[I21], |journal| {
            let at = *journal.with("called", "verb", &json!("cancel")).last().unwrap();
            journal.set(at, "asked", &json!("another"));
        }),
    ]
}

fn part_three() -> Vec<Mutation> {
    vec![
        mutation("another site's campaign", "follow-ups", &[I24], |journal| {
            let at = journal.all("stream")[0];
            journal.set(at, "site", &json!("site_other"));
        }),
        mutation("another site's subscriber", "smart", &[I24], |journal| {
            let at = journal.all("person")[0];
            journal.set(at, "site", &json!("site_other"));
        }),
        mutation("idle while SENDING", "follow-ups", &[I29], |journal| {
            let at = last(journal, "ledger");
            journal.set(at, "status", &json!("SENDING"));
        }),
        mutation("a cancel that counts too few", "halted", &[I12], |journal| {
            for at in journal.with("called", "verb", &json!("cancel")) {
                add(journal, at, "/canceled", -1);
            }
        }),
        mutation("handed over more than the cancel said", "halted", &[I12], |journal| {
            for at in journal.with("called", "verb", &json!("cancel")) {
                add(journal, at, "/handed_over", -1);
            }
        }),
        mutation("a wrong zone", "follow-ups", &[I9], |journal| {
            let at = journal.row("+12125550100", 0);
            journal.set(at, "zones", &json!(["America/Los_Angeles"]));
        }),
        mutation("wrong segments", "follow-ups", &[I30], |journal| {
            let at = journal.row("+12125550100", 0);
            journal.set(at, "segments", &json!(2));
        }),
        mutation("a phone in the log", "follow-ups", &[I31], |journal| {
            let at = last(journal, "row");
            let text = "WARN cannot reach (212) 555-0101";
            journal.insert(at, &[json!({ "output": { "from": "stderr", "text": text } })]);
        }),
        mutation("a phone in a metric", "follow-ups", &[I31], |journal| {
            let at = last(journal, "row");
            let text = "handed_over{to=\"+12125550101\"} 1";
            journal.insert(at, &[json!({ "output": { "from": "metrics", "text": text } })]);
        }),
        mutation("delivered, and no receipt says so", "follow-ups", &[I15], |journal| {
            let id = journal.lines[journal.row("+12125550100", 0)]["fact"]["row"]["id"].clone();
            for at in journal.with("receipt", "id", &id).into_iter().rev() {
                journal.remove(at);
            }
        }),
        mutation("a receipt that regressed", "follow-ups", &[I2, I15], |journal| {
            let at = journal.row("+12125550100", 0);
            journal.set(at, "state", &json!("ACCEPTED"));
        }),
    ]
}

fn part_four() -> Vec<Mutation> {
    vec![mutation("a forged receipt that was believed", "follow-ups", &[I15], |journal| {
        let id = journal.lines[journal.row("+12125550100", 0)]["fact"]["row"]["id"].clone();
        let delivered: Vec<usize> = journal.with("receipt", "id", &id);
        for at in delivered {
            if journal.lines[at]["fact"]["receipt"]["status"] == "delivered" {
                journal.set(at, "is_forged", &json!(true));
            }
        }
    })]
}
