//! Words as people write them, and words that cross.

use super::*;
use Heard::{Help, OptIn, OptOut, PossibleOptOut, Reply};
use chrono::TimeDelta;

/// Texts, and what each says.
const TEXTS: &[(Heard, &[&str])] = &[
    (
        OptOut("STOP"),
        &[
            "STOP",
            "stop",
            " Stop. ",
            "Stop!!!",
            "“STOP”",
            "'stop'",
            "stop?",
            "STOP messaging",
            "Stop texting me please",
            "stop-it",
            "\u{200b}STOP\u{feff}",
            "STOP 🛑",
            "🛑 stop",
            "... stop ...",
            "Ｓｔｏｐ！",
            "𝐒𝐓𝐎𝐏",
            "𝘴𝘵𝘰𝘱",
            "ⓢⓣⓞⓟ",
            "🆂🆃🅾🅿",
            "S T O P",
            "S.T.O.P.",
            "stop\nnow",
            "ST\u{ad}OP",
        ],
    ),
    (OptOut("STOP ALL"), &["STOP ALL", "stop all!", "Stop-all texts"]),
    (OptOut("STOPALL"), &["stopall", "STOPALL."]),
    (OptOut("UNSUBSCRIBE"), &["unsubscribe", "UNSUBSCRIBE ME", "\"unsubscribe\""]),
    (OptOut("UNSUB"), &["unsub"]),
    (OptOut("CANCEL"), &["cancel", "Cancel, please"]),
    (OptOut("END"), &["end", "END"]),
    (OptOut("QUIT"), &["quit", "QUIT now"]),
    (OptOut("REVOKE"), &["revoke", "Revoke my consent"]),
    (OptOut("OPTOUT"), &["optout"]),
    (OptOut("OPT OUT"), &["opt out", "OPT-OUT", "Opt—out please", "opt out!"]),
    (OptOut("REMOVE"), &["remove", "Remove me from your list"]),
    (OptOut("ARRET"), &["arret", "ARRÊT", "Arrêt.", "ARRE\u{302}T"]),
    (OptOut("TD"), &["TD", "td."]),
    (OptIn("START"), &["START", "start!", " Start "]),
    (OptIn("UNSTOP"), &["unstop", "UNSTOP."]),
    (OptIn("SUBSCRIBE"), &["subscribe"]),
    (Help("HELP"), &["help", "HELP!", "Help?", "ＨＥＬＰ"]),
    (Help("INFO"), &["info", "Info."]),
    (
        PossibleOptOut("STOP"),
        &["please stop", "Please do not stop", "when does it STOP?", "START STOP", "help stop"],
    ),
    (PossibleOptOut("END"), &["Does the sale end today?"]),
    (PossibleOptOut("OPT OUT"), &["how do I opt-out"]),
    (PossibleOptOut("CANCEL"), &["I want to cancel"]),
    (PossibleOptOut("REMOVE"), &["please remove me"]),
    (PossibleOptOut("ARRET"), &["svp arrêt"]),
    (PossibleOptOut("LEAVE ME ALONE"), &["Leave me alone!", "LEAVE ME ALONE"]),
    (PossibleOptOut("TAKE ME OFF"), &["take me off your list"]),
    (PossibleOptOut("NO MORE TEXTS"), &["No more texts"]),
    (PossibleOptOut("WRONG NUMBER"), &["wrong number", "You have the wrong number."]),
    (PossibleOptOut("DONT TEXT"), &["Don’t text me", "dont text me", "don't text this number"]),
    (PossibleOptOut("UNSUBSCRIBED"), &["I thought I unsubscribed"]),
    // What is quoted is not the person's word, but what stands beside it is.
    (PossibleOptOut("STOP"), &["Liked “20% off” but please stop", "\"Reply STOP\" how?"]),
    (
        Reply,
        &[
            "",
            " ",
            "?!",
            "👍",
            "thanks",
            "YES",
            "yes",
            "Y",
            "no",
            "START now",
            "please start",
            "help me",
            "more info",
            "unstoppable",
            "STOPPING by at five",
            "weekend plans",
            "is TD a bank",
            "ts&cs",
            "日本語",
            "Liked “20% off. Reply STOP to opt out.”",
            "Laughed at \"Reply STOP to opt out\"",
            "Reacted 😍 to “Reply STOP to opt out”",
            "Removed a heart from “Reply STOP to opt out”",
        ],
    ),
];

/// Goal: what carriers and people write is understood. Method: a table of texts with what each says.
#[test]
fn texts_say_what_they_say() {
    for (heard, texts) in TEXTS {
        for text in *texts {
            assert_eq!(hear(text), *heard, "{text}");
        }
    }
}

/// Goal: an endless text is read like any other.
#[test]
fn a_long_text_is_read_to_its_end() {
    let long = format!("{} stop", "la ".repeat(20_000));
    assert_eq!(hear(&long), PossibleOptOut("STOP"));
}

fn at(minute: i64) -> Instant {
    let start: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
    start + TimeDelta::minutes(minute)
}

/// Goal: the later word counts whatever the order of arrival, and an opt-out wins a tie. Method: a STOP and
/// a START at every pair of instants, in both orders.
#[test]
fn the_later_word_counts() {
    use ConsentKind::{OptedIn, OptedOut};
    for stop in 0..3 {
        for start in 0..3 {
            let mut outcomes = Vec::new();
            let (stopped, started) = ((OptedOut, at(stop)), (OptedIn, at(start)));
            for arrivals in [[stopped, started], [started, stopped]] {
                let (mut history, mut is_out) = (History::default(), false);
                for (kind, at) in arrivals {
                    if history.admits(kind, at) {
                        is_out = kind == OptedOut;
                    }
                    history.note(kind, ConsentSource::InboundText, at);
                }
                outcomes.push(is_out);
            }
            assert_eq!(outcomes, [stop >= start; 2], "STOP at {stop}, START at {start}");
        }
    }
}

/// Goal: a caller's word of consent is no START: it undoes no opt-out, and outlives none.
#[test]
fn only_the_phone_itself_ends_an_opt_out() {
    let mut history = History::default();
    history.note(ConsentKind::OptedIn, ConsentSource::Api, at(2));
    assert_eq!(history, History::default());
    assert!(history.admits(ConsentKind::OptedOut, at(1)));
    history.note(ConsentKind::OptedOut, ConsentSource::Aggregator, at(3));
    assert!(!history.admits(ConsentKind::OptedIn, at(2)), "older than the block");
    assert!(history.admits(ConsentKind::OptedIn, at(4)));
}

#[test]
fn suspicion_lasts_until_it_is_answered() {
    use ConsentKind::{Cleared, OptedIn, Suspected};
    let noted = |entries: &[(ConsentKind, i64)]| {
        let mut history = History::default();
        for (kind, minute) in entries {
            history.note(*kind, ConsentSource::InboundText, at(*minute));
        }
        history
    };
    assert_eq!(noted(&[]).suspicion(), None);
    assert_eq!(noted(&[(Suspected, 1), (Suspected, 0)]).suspicion(), Some(at(1)));
    assert_eq!(noted(&[(Suspected, 1), (Cleared, 2)]).suspicion(), None);
    assert_eq!(noted(&[(Suspected, 3), (Cleared, 2)]).suspicion(), Some(at(3)));
    assert_eq!(noted(&[(Suspected, 1), (OptedIn, 2)]).suspicion(), None);
    assert_eq!(noted(&[(Suspected, 2), (OptedIn, 2)]).suspicion(), Some(at(2)), "a tie");
    assert!(!noted(&[(OptedIn, 2)]).admits(Suspected, at(1)), "overtaken by START");
    assert!(
        noted(&[(Cleared, 2)]).admits(Suspected, at(1)),
        "nobody had read it when it was cleared"
    );
}

#[test]
fn codes_say_what_they_say_of_a_number() {
    assert_eq!(verdict_of("OptedOut"), Some(ConsentKind::OptedOut));
    for code in ["InvalidNumber", "Landline", "UnknownSubscriber"] {
        assert_eq!(verdict_of(code), Some(ConsentKind::Unreachable), "{code}");
    }
    for code in ["Unreachable", "BlockedByRecipientOrCarrier", "SpamFiltered", "", "optedout"] {
        assert_eq!(verdict_of(code), None, "{code}");
    }
}

/// Goal: the answer to HELP is one segment whatever the site is called, and always says how to opt out.
#[test]
fn an_answer_to_help_is_one_segment() {
    let long = "Shop ".repeat(40);
    for (name, begins) in [
        ("Acme", "Acme: You get these texts"),
        ("Ülkü Şeker", "Ülkü Şeker: Reply STOP"),
        (long.as_str(), "You get these texts"),
        (&"日".repeat(60), "You get these texts"),
    ] {
        let reply = help_reply(name);
        assert!(reply.starts_with(begins), "{reply}");
        assert!(reply.ends_with("Reply STOP to opt out."), "{reply}");
        assert_eq!(text::measure(&reply).segments, 1, "{reply}");
    }
}

#[test]
fn a_site_may_answer_in_its_own_words() {
    for good in ["", "Acme: call 1-800-555-0100. Reply STOP to opt out.", &"a".repeat(306)] {
        assert_eq!(problem_in_help_reply(good), None, "{good}");
    }
    for bad in [" ", "\u{200b}", "Hi {{first_name}}", "a\u{7}b", &"a".repeat(307)] {
        let problem = problem_in_help_reply(bad).unwrap();
        assert!(problem.ends_with('.'), "{problem}");
    }
}
