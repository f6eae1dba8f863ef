//! A STOP and the hand-over that was under way, in real time.

use harness::check::{Rule, check_text};
use serde_json::{Value, json};

const PHONE: &str = "+12125550100";

/// A journal of facts, each at its microsecond; civil time passes as fast.
fn journal(facts: &[(u64, Value)]) -> String {
    let mut text = String::new();
    for (n, (us, fact)) in facts.iter().enumerate() {
        let line = json!({ "n": n, "by": "hand", "us": us, "at_ms": 1_000_000 + us / 1_000, "fact": fact });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text
}

/// The facts of one request that is taken.
fn taken(req: u64, us: u64, key: &str) -> Vec<(u64, Value)> {
    let read = json!({ "req": req, "key": key, "reference": key, "digest": "00", "to": PHONE,
        "from": "+18885550100", "text": "20% off today", "media": 0 });
    let did = if key == "att_1" || req == 2 { "accepted" } else { "replayed" };
    vec![
        (us, json!({ "begun": { "req": req } })),
        (us, json!({ "read": read })),
        (
            us,
            json!({ "decided": { "req": req, "did": did, "id": format!("agg_{req}"), "status": 202 } }),
        ),
        (us, json!({ "answered": { "req": req } })),
    ]
}

fn claimed(us: u64, key: &str, when_us: u64) -> (u64, Value) {
    let at_ms = 1_000_000 + when_us / 1_000;
    (us, json!({ "claimed": { "reference": key, "claimed_ms": at_ms } }))
}

/// How often I8 is broken in a run whose STOP was answered at 100 ms.
fn broken(clock: &str, then: Vec<(u64, Value)>) -> u64 {
    let said = json!({ "from": PHONE, "text": "STOP", "said_ms": 1_000_090, "answered": 204 });
    let person = json!({ "site": "site_1", "phone": PHONE, "tags": [], "attributes": {} });
    let mut facts = vec![
        (0, json!({ "journal": { "version": 1, "clock": clock } })),
        (0, json!({ "person": person })),
        (100_000, json!({ "received": said })),
    ];
    facts.extend(then);
    facts.sort_by_key(|(us, _)| *us);
    check_text(&journal(&facts)).unwrap().findings().times_broken(Rule::I8)
}

/// Goal: a hand-over that was claimed before a STOP was answered may begin after it, one of them; one that was
/// claimed later must not, however soon it begins. Method: journals by hand, each with its twin.
#[test]
fn a_stop_tells_what_was_under_way_from_what_is_late() {
    let at = |us| taken(1, us, "att_1");
    let with = |us, claimed_us| [at(us), vec![claimed(900_000, "att_1", claimed_us)]].concat();
    // When it was claimed decides, where that is known.
    assert_eq!(broken("real", with(110_000, 95_000)), 0, "claimed before");
    assert_eq!(broken("real", with(400_000, 95_000)), 0, "claimed before, and slow");
    assert_eq!(broken("real", with(110_000, 102_000)), 1, "claimed after");
    // Where it is not, a quarter of a second does.
    assert_eq!(broken("real", at(340_000)), 0, "soon");
    assert_eq!(broken("real", at(360_000)), 1, "late");
    // One at the most was under way.
    let second = taken(2, 120_000, "att_2");
    assert_eq!(broken("real", [at(110_000), second].concat()), 1, "two");
    // Asking what became of an old one begins none.
    let again = taken(3, 800_000, "att_1");
    assert_eq!(broken("real", [at(90_000), again].concat()), 0, "asked");
    // Where time is moved by hand nothing is under way while a STOP is answered.
    assert_eq!(broken("virtual", at(100_001)), 1, "virtual");
    assert_eq!(broken("virtual", at(99_000)), 0, "virtual, before");
}
