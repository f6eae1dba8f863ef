//! Chaos in small: each of its commands runs, kills for real, and finds nothing. How they find what is wrong is
//! the checker's own test; docs/journal.md says what was broken to see them fail.

use std::path::Path;
use std::process::{Command, Stdio};

use api::config::{keep_file, test_database_url};
use harness::chaos::ledger::{self, Entry};

/// Runs `harness chaos` with these words, on the database that tests run on; answers its result.
fn chaos(words: &[&str]) -> Entry {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command
        .env_clear()
        .arg("chaos")
        .args(words)
        .args(["--commit", "test", "--dir"])
        .arg(dir.path());
    if let Some(url) = test_database_url() {
        command.args(["--database", &url]);
    }
    let done = command.stdin(Stdio::null()).output().unwrap();
    let seen = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{seen}");
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
    let told = String::from_utf8(done.stdout).unwrap();
    let entry = ledger::read(told.lines().last().unwrap()).unwrap().remove(0);
    assert!(entry.is_clean(), "{seen}");
    entry
}

/// Goal: wherever the service dies, nothing is lost and nothing doubled, and what nobody can know stays
/// UNKNOWN. Method: a few of the steps of each campaign, spread over its life.
#[test]
fn deaths_at_steps_lose_and_double_nothing() {
    for (scenario, messages) in [("campaign", 9), ("look-up", 6), ("hold", 6)] {
        let entry = chaos(&["matrix", "--scenario", scenario, "--points", "6"]);
        assert_eq!(entry.schedules, 6, "{scenario}");
        assert!((3..=6).contains(&entry.kills), "{scenario}: {entry:?}");
        // Who texts STOP early has no follow-up.
        assert!(entry.messages >= messages * 5, "{scenario}: {entry:?}");
    }
}

/// Goal: a service that is killed again and again at any moment loses and doubles nothing.
#[test]
fn deaths_at_random_moments_lose_and_double_nothing() {
    let entry = chaos(&["kills", "--count", "4", "--messages", "150", "--seed", "7"]);
    assert_eq!((entry.kills, entry.seed, entry.unknown), (4, 7, 0), "{entry:?}");
    assert!(entry.messages >= 150, "{entry:?}");
}

/// Goal: nothing begins once a cancel was answered, and its counts are what comes of it.
#[test]
fn cancels_at_random_moments_hold() {
    let entry = chaos(&["cancels", "--count", "10"]);
    assert!(entry.races > 0 && entry.messages > 0, "{entry:?}");
}

/// Goal: nothing is claimed for a phone once its STOP was answered.
#[test]
fn stops_at_random_moments_hold() {
    let entry = chaos(&["stops", "--count", "16"]);
    assert!(entry.races == 16 && entry.messages > 0, "{entry:?}");
}

/// Goal: who follows live sees every event once and in order, over lost connections and dead services. The full
/// size is a command: `harness chaos resume`.
#[test]
fn clients_that_come_back_miss_nothing_and_see_nothing_twice() {
    let entry = chaos(&[
        "resume",
        "--campaigns",
        "4",
        "--clients",
        "3",
        "--rounds",
        "2",
        "--disconnects",
        "12",
        "--kills",
        "3",
        "--seed",
        "7",
    ]);
    assert_eq!((entry.kills, entry.races, entry.seed), (3, 12, 7), "{entry:?}");
    assert!(entry.messages >= 4 * 3 * 8, "{entry:?}");
}

/// Goal: a word that means nothing ends with a reason, and leaves nothing behind.
#[test]
fn what_makes_no_sense_is_refused() {
    for words in [
        &["matrix", "--scenario", "nothing"][..],
        &["matrix", "--scenario", "hold", "--lanes", "0"],
        &["kills", "--count", "0"],
        &["stops", "--count", "0"],
        &["resume", "--clients", "0"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        let done = command.env_clear().arg("chaos").args(words).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{words:?}");
        assert!(done.stdout.is_empty(), "{words:?}");
    }
}

/// Goal: RELIABILITY.md says what the ledger of results says, and nothing else.
#[test]
fn the_page_is_that_of_the_ledger() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("harness/reliability.jsonl")).unwrap();
    let page = ledger::render(&ledger::read(&text).unwrap());
    if let Err(stale) = keep_file(&root.join("RELIABILITY.md"), &page) {
        panic!("{stale}");
    }
}

/// Goal: the page shows bad runs as they are. Method: a ledger of two, one of them bad.
#[test]
fn a_page_hides_nothing() {
    let (database, date) = ("sqlite".to_owned(), "2026-11-01".to_owned());
    let good = Entry { database, date, kills: 5, messages: 40, ..Entry::default() };
    let bad = Entry { date: "2026-11-02".to_owned(), lost: 2, doubled: 1, ..good.clone() };
    let page = ledger::render(&[good, bad]);
    assert!(page.contains("| sqlite | 10 | 0 | 80 | 2 | 1 | 0 | 0 |"), "{page}");
    let place = |text: &str| page.find(text).unwrap();
    assert!(place("| 2026-11-02 |") < place("| 2026-11-01 |"), "the newest comes first: {page}");
    assert!(ledger::read("{\"kills\": \"many\"}").is_err());
}
