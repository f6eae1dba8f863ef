//! Names, order and folding of timelines.

use chrono::TimeDelta;

use super::scan::{Piece, offset, pieces};
use super::*;

fn start() -> DateTime<Utc> {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn id(prefix: &str, n: u64) -> String {
    // Neither in order nor alike at the ends, as real ids are.
    format!("{prefix}_{:032x}", u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn phone(n: u64) -> String {
    format!("+1415555{n:04}")
}

#[test]
fn ids_phones_and_instants_are_found_and_nothing_else() {
    let msg = id("msg", 1);
    let words = format!(
        "{msg}: to +14155550142, at 2026-11-23T15:00:00Z. Not +12, x_{} or {msg}0",
        "1".repeat(32)
    );
    let found: Vec<Piece<'_>> =
        pieces(&words).into_iter().filter(|piece| !matches!(piece, Piece::Text(_))).collect();
    let expected = [
        Piece::Id { prefix: "msg", whole: &msg },
        Piece::Phone("+14155550142"),
        Piece::Instant(start()),
    ];
    assert_eq!(found, expected);
    let whole: String = pieces("a.b: c-d… ← 3 × e_f.")
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            _ => "?",
        })
        .collect();
    assert_eq!(whole, "a.b: c-d… ← 3 × e_f.");
}

#[test]
fn offsets_have_hours_without_end_and_a_sign() {
    let at = |ms| offset(start(), start() + TimeDelta::milliseconds(ms));
    assert_eq!(at(0), "+00:00:00.000");
    assert_eq!(at(900_000), "+00:15:00.000");
    assert_eq!(at(360_000_001), "+100:00:00.001");
    assert_eq!(at(-1500), "-00:00:01.500");
}

fn standing(status: &str) -> crate::world::Standing {
    crate::world::Standing { status: status.to_owned(), ..Default::default() }
}

/// A small story, its entries of one instant added in the order that `shuffle` gives.
fn story(shuffle: impl Fn(&mut Vec<u64>), salt: u64) -> String {
    let mut timeline = Timeline::new(start());
    let camp = id("camp", salt);
    timeline.push(start(), Phase::Call, "caller", format!("→ campaignCreate: {camp} DRAFT"));
    timeline.next_beat();
    timeline.push(start(), Phase::Call, "caller", format!("→ campaignActivate {camp}: ok"));
    let mut order: Vec<u64> = (100..106).collect();
    shuffle(&mut order);
    for n in &order {
        let words = format!("← POST /messages to {} reference {}", phone(*n), id("msg", salt + n));
        timeline.push(start(), Phase::HandOver, "aggregator", words);
    }
    let later = start() + TimeDelta::seconds(2);
    shuffle(&mut order);
    for n in order.iter().filter(|n| **n < 103) {
        let words = format!("→ receipt delivered of {}", id("msg", salt + n));
        timeline.push(later, Phase::Receipt, "aggregator", words);
    }
    timeline.push(
        start(),
        Phase::Event,
        "service",
        format!("{camp} DRAFT → PROCESSING due {}", start().to_rfc3339()),
    );
    let messages = BTreeMap::from([(standing("DELIVERED"), 3), (standing("ACCEPTED"), 3)]);
    let message = |position| Text::Message { campaign: camp.clone(), position };
    let other = Text::Message { campaign: id("camp", salt + 1), position: 0 };
    let repeats = vec![
        Repeat { phone: phone(100), texts: vec![(message(0), 2), (message(1), 1)] },
        Repeat {
            phone: phone(101),
            texts: vec![(message(0), 1), (message(2), 1), (other, 1), (Text::OfNoCampaign, 2)],
        },
    ];
    let end = CampaignEnd {
        id: camp,
        status: "SENT".to_owned(),
        reason: None,
        counts: vec![
            ("total".to_owned(), 6),
            ("queued".to_owned(), 0),
            ("delivered".to_owned(), 3),
        ],
        messages,
    };
    let ledger = crate::aggregator::LedgerSummary { accepted: 12, phones: 6, ..Default::default() };
    timeline.render(&Finale { campaigns: vec![end], ledger, repeats })
}

#[test]
fn a_timeline_reads_the_same_whatever_the_ids_and_the_order_within_an_instant() {
    let text = story(|_| {}, 1);
    let expected = "\
+00:00:00.000 caller     → campaignCreate: camp#1 DRAFT
+00:00:00.000 caller     → campaignActivate camp#1: ok
+00:00:00.000 service    camp#1 DRAFT → PROCESSING due +00:00:00.000
+00:00:00.000 aggregator ← 6 × POST /messages to … reference msg#*
+00:00:02.000 aggregator → receipt delivered of msg#1
+00:00:02.000 aggregator → receipt delivered of msg#2
+00:00:02.000 aggregator → receipt delivered of msg#3

--- in the end ---
camp#1: SENT
  counts: total 6, delivered 3
  3 × ACCEPTED
  3 × DELIVERED
aggregator: took 12 messages for 6 phones
  ! …0100 was texted 2 times the first message and follow-up 1 of camp#1
  …0101 was texted the first message and follow-up 2 of camp#1, the first message of camp#2, 2 texts of no campaign
";
    assert_eq!(text, expected);
    assert_eq!(story(|order| order.reverse(), 7000), expected);
    assert_eq!(story(|order| order.rotate_left(2), 99_000), expected);
}

#[test]
fn few_alike_are_told_one_by_one_and_words_about_nobody_are_never_folded() {
    let mut timeline = Timeline::new(start());
    for n in [12, 2, 7] {
        timeline.push(start(), Phase::HandOver, "aggregator", format!("← POST to {}", phone(n)));
    }
    for _ in 0..5 {
        timeline.push(start(), Phase::Event, "service", "looked\n again");
    }
    let text = timeline.render(&Finale::default());
    let posts: Vec<&str> = text.lines().filter(|line| line.contains("POST")).collect();
    assert_eq!(posts.len(), 3);
    assert!(posts[0].ends_with("…0002") && posts[2].ends_with("…0012"), "{text}");
    assert_eq!(text.matches("looked again").count(), 5);
    assert!(!text.contains("415555"), "{text}");
}

#[test]
fn alike_and_unlike_mix_in_one_instant() {
    let mut timeline = Timeline::new(start());
    for n in 0..10 {
        let end = if n == 5 { "answered 422 Landline" } else { "answered 202" };
        timeline.push(
            start(),
            Phase::HandOver,
            "aggregator",
            format!("← POST to {}: {end}", phone(n)),
        );
    }
    let text = timeline.render(&Finale::default());
    assert!(text.contains("← 9 × POST to …: answered 202\n"), "{text}");
    assert!(text.contains("← POST to …0005: answered 422 Landline\n"), "{text}");
}
