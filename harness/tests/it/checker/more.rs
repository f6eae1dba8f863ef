//! Changes to what reached the world.

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

/// The place of the last line of a request.
fn end(journal: &Journal, req: &serde_json::Value) -> usize {
    *journal.request(req).last().unwrap()
}

/// Puts a request in after a place that is declined.
fn declined(journal: &mut Journal, after: usize, req: &serde_json::Value) {
    let mut facts = journal.another(req, 900);
    for fact in &mut facts {
        if let Some(decided) = fact.get_mut("decided") {
            *decided = json!({ "req": 900, "did": "declined", "status": 503 });
        }
    }
    journal.insert(after, &facts);
}

pub(crate) fn mutations() -> Vec<Mutation> {
    [part_one(), part_two(), part_three(), part_four(), part_five()].into_iter().flatten().collect()
}

fn part_one() -> Vec<Mutation> {
    vec![
        mutation("a doubled accept under one key", "follow-ups", &[I3], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let at = end(journal, &req);
            let mut facts = journal.another(&req, 900);
            let read = journal.request(&req)[1];
            let original = journal.lines[read]["fact"]["read"].clone();
            for fact in &mut facts {
                if let Some(read) = fact.get_mut("read") {
                    read["key"] = original["key"].clone();
                    read["reference"] = original["reference"].clone();
                }
            }
            journal.insert(at, &facts);
        }),
        mutation("a doubled accept of an id", "follow-ups", &[I3], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let id = journal.lines[journal.row("+12125550100", 0)]["fact"]["row"]["id"].clone();
            let at = end(journal, &req);
            let mut facts = journal.another(&req, 900);
            for fact in &mut facts {
                if let Some(decided) = fact.get_mut("decided") {
                    decided["id"] = id.clone();
                }
            }
            journal.insert(at, &facts);
        }),
        mutation("two messages of one step for a phone", "follow-ups", &[I2, I4, I6], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let at = end(journal, &req);
            let facts = journal.another(&req, 900);
            journal.insert(at, &facts);
            let row = journal.row("+12125550100", 0);
            let mut twin = journal.lines[row]["fact"].clone();
            twin["row"]["message"] = json!("msg_twin");
            twin["row"]["id"] = json!("id-900");
            journal.insert(row, &[twin]);
            // A receipt for the twin, so that it stands as its receipts say.
            let idle = journal.all("idle")[0];
            let receipt = json!({ "id": "id-900", "status": "delivered", "answered": 204 });
            journal.insert(idle - 1, &[json!({ "receipt": receipt })]);
        }),
        mutation("a ghost", "follow-ups", &[I5], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let at = end(journal, &req);
            let facts = journal.another(&req, 900);
            journal.insert(at, &facts);
        }),
        mutation("accepted, and never handed over", "follow-ups", &[I5, I27], |journal| {
            let req = journal.req_to("+12125550100", 0);
            for at in journal.request(&req).into_iter().rev() {
                journal.remove(at);
            }
        }),
    ]
}

fn part_two() -> Vec<Mutation> {
    vec![
        mutation("an id of somebody else's message", "smart", &[I5], |journal| {
            let one = journal.row("+12125550100", 0);
            let other = journal.row("+12125550101", 0);
            let id = journal.lines[other]["fact"]["row"]["id"].clone();
            journal.set(one, "id", &id);
        }),
        mutation("a POST to an opted-out phone", "follow-ups", &[I8], |journal| {
            let stop = journal.first("received", "text", &json!("STOP"));
            let req = journal.req_to("+12125550102", 0);
            declined(journal, stop, &req);
        }),
        mutation("a POST to somebody gone before", "follow-ups", &[I8], |journal| {
            let at = journal.all("person")[0];
            journal.set(at, "is_opted_out", &json!(true));
        }),
        mutation("a STOP that was answered earlier", "follow-ups", &[I8], |journal| {
            let stop = journal.first("received", "text", &json!("STOP"));
            let fact = journal.remove(stop);
            let at = journal.all("frozen")[0];
            journal.insert(at, &[fact]);
        }),
        mutation("a POST after a caller withdrew consent", "smart", &[I8], |journal| {
            let at = journal.all("frozen")[0];
            let call = json!({ "verb": "unsubscribe", "phone": "+12125550100" });
            journal.insert(at, &[json!({ "called": call })]);
        }),
        mutation("inside quiet hours", "follow-ups", &[I9], |journal| {
            for at in journal.all("site") {
                journal.set(at, "quiet_hours", &json!({ "start": "09:30", "end": "10:30" }));
            }
        }),
        mutation("against the law of a place", "follow-ups", &[I9], |journal| {
            for at in journal.all("site") {
                journal.set(at, "rule_packs", &json!(["us_tx"]));
            }
            let sunday = 6 * 24 * 60 * 60 * 1_000;
            for at in 0..journal.lines.len() {
                let moved = journal.lines[at]["at_ms"].as_i64().unwrap() + sunday;
                journal.lines[at]["at_ms"] = json!(moved);
            }
            for at in journal.all("row") {
                journal.set(at, "region", &json!("US-TX"));
            }
            for at in journal.all("read") {
                journal.set(at, "not_after_ms", &serde_json::Value::Null);
            }
        }),
        mutation("a wrong zone of the recipient's", "smart", &[I9], |journal| {
            let at = journal.first("person", "phone", &json!("+12125550100"));
            journal.set(at, "zone", &json!("America/Chicago"));
        }),
        mutation("before its due time", "follow-ups", &[I10], |journal| {
            let at = journal.row("+12125550100", 0);
            let due = journal.lines[at]["fact"]["row"]["due_ms"].as_i64().unwrap();
            journal.set(at, "due_ms", &json!(due + 1));
        }),
    ]
}

fn part_three() -> Vec<Mutation> {
    vec![
        mutation("before the subscriber's hour", "smart", &[I10], |journal| {
            let at = *journal.all("frozen").last().unwrap();
            journal.set(at, "local", &json!("2026-11-25T10:00:01"));
        }),
        mutation("after the campaign's last instant", "follow-ups", &[I10], |journal| {
            let at = journal.all("frozen")[0];
            let start = journal.lines[at]["at_ms"].as_i64().unwrap();
            journal.set(at, "send_by_ms", &json!(start + 1_000));
        }),
        mutation("taken after its validity", "follow-ups", &[I10], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let read = journal.with("read", "req", &req)[0];
            let at = journal.lines[read]["at_ms"].as_i64().unwrap();
            journal.set(read, "not_after_ms", &json!(at - 1));
        }),
        mutation("a POST after cancel", "halted", &[I11], |journal| {
            let cancel = journal.first("called", "verb", &json!("cancel"));
            let req = journal.req_to("+12125550100", 0);
            let waiting = journal.first("row", "state", &json!("CANCELED"));
            let phone = journal.lines[waiting]["fact"]["row"]["phone"].clone();
            declined(journal, cancel, &req);
            let read = journal.first("read", "req", &json!(900));
            journal.set(read, "to", &phone);
        }),
        mutation("a POST after pause", "halted", &[I11], |journal| {
            let pause = journal.first("called", "verb", &json!("pause"));
            let req = journal.req_to("+12125550100", 0);
            let waiting = journal.first("row", "state", &json!("CANCELED"));
            let phone = journal.lines[waiting]["fact"]["row"]["phone"].clone();
            declined(journal, pause, &req);
            let read = journal.first("read", "req", &json!(900));
            journal.set(read, "to", &phone);
        }),
        mutation("texted again too soon", "smart", &[I13], |journal| {
            for at in journal.all("site") {
                journal.set(at, "smart_sending_s", &json!(3 * 24 * 60 * 60));
            }
        }),
        mutation("a trial exceeded by one", "trial", &[I17], |journal| {
            for at in journal.all("site") {
                journal.set(at, "trial_left", &json!(2));
            }
        }),
        mutation("a POST after the failure", "trial", &[I17, I20], |journal| {
            let failed = journal.first("event", "to", &json!("FAILED"));
            let campaign = journal.lines[failed]["fact"]["event"]["campaign"].clone();
            let sent = journal.first("event", "to", &json!("SENT"));
            let other = journal.lines[sent]["fact"]["event"]["campaign"].clone();
            assert_ne!(campaign, other);
            // The failure was of the campaign whose messages left after it.
            let mut early = journal.lines[failed]["fact"].clone();
            early["event"]["campaign"] = other;
            early["event"]["stream"] = json!("other");
            early["event"]["sequence"] = json!(900);
            let at = journal.first("event", "to", &json!("PROCESSING"));
            journal.insert(at, &[early]);
        }),
    ]
}

fn part_four() -> Vec<Mutation> {
    vec![
        mutation("a wrong text", "smart", &[I22], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let read = journal.with("read", "req", &req)[0];
            journal.set(read, "text", &json!("30% off today"));
        }),
        mutation("an edit after activation", "smart", &[I22], |journal| {
            let at = journal.all("frozen")[0];
            journal.set(at, "steps", &json!([{ "position": 0, "body": "10% off today" }]));
        }),
        mutation("somebody else's value", "follow-ups", &[I22, I23], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let read = journal.with("read", "req", &req)[0];
            journal.set(read, "text", &json!("Your code: canary-b"));
        }),
        mutation("a rate exceeded", "paced", &[I25], |journal| {
            let at = journal.all("sender")[0];
            journal.set(at, "segments_per_s", &json!(1));
        }),
        mutation("more at once than the window", "halted", &[I25], |journal| {
            let at = journal.all("started")[0];
            journal.set(at, "max_in_flight", &json!(1));
            for at in journal.all("answered").into_iter().rev() {
                journal.remove(at);
            }
        }),
        mutation("a key with other bytes", "follow-ups", &[I26], |journal| {
            let one = journal.req_to("+12125550100", 0);
            let other = journal.req_to("+12125550101", 0);
            let from = journal.with("read", "req", &one)[0];
            let key = journal.lines[from]["fact"]["read"]["key"].clone();
            let to = journal.with("read", "req", &other)[0];
            journal.set(to, "key", &key);
        }),
        mutation("again before it was told", "paced", &[I26], |journal| {
            let req = journal.req_to("+12125550101", 0);
            let at = journal.with("decided", "req", &req)[0];
            journal.set(at, "retry_after_s", &json!(3_600));
        }),
        mutation("handed over anew after an unknown", "paced", &[I26], |journal| {
            let req = journal.req_to("+12125550102", 0);
            let at = *journal.all("answered").last().unwrap();
            declined(journal, at, &req);
            // Long after, so that the pace is kept.
            journal.shift(&json!(900), 60 * 60 * 1_000);
        }),
        mutation("a follow-up before its parent", "follow-ups", &[I27], |journal| {
            let at = journal.all("frozen")[0];
            let steps = journal.fact(at)["steps"].as_array_mut().unwrap();
            steps[1]["delay_ms"] = json!(2 * 60 * 60 * 1_000);
        }),
        mutation("a follow-up of nothing", "follow-ups", &[I5, I27], |journal| {
            let req = journal.req_to("+12125550101", 0);
            let at = journal.with("decided", "req", &req)[0];
            journal.set(at, "did", &json!("declined"));
        }),
    ]
}

fn part_five() -> Vec<Mutation> {
    vec![
        mutation("one message twice at once", "paced", &[I28], |journal| {
            let req = journal.req_to("+12125550101", 0);
            let at = journal.with("answered", "req", &req)[0];
            journal.remove(at);
        }),
        mutation("twice at once, and no node had died", "follow-ups", &[I28], |journal| {
            let req = journal.req_to("+12125550100", 0);
            let decided = journal.with("decided", "req", &req)[0];
            let read = journal.with("read", "req", &req)[0];
            let mut again = journal.lines[read]["fact"].clone();
            again["read"]["req"] = json!(900);
            let replayed = json!({ "decided": { "req": 900, "did": "replayed", "status": 202 } });
            journal.insert(decided, &[again, replayed, json!({ "answered": { "req": 900 } })]);
        }),
    ]
}
