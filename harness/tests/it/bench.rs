//! Benchmarks as processes: what they promise is the form of their last line. How fast anything is on the
//! machine at hand is not asked.

use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs `harness bench` with these words; answers what its last line says.
fn figures(words: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_harness"))
        .env_clear()
        .arg("bench")
        .args(words)
        .arg("--dir")
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let seen = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{seen}");
    let left = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is left behind");
    let told = String::from_utf8(done.stdout).unwrap();
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

/// Goal: planning can be measured wherever the harness runs, and the line says what was measured. Method: a
/// small run, whose batches come out neither even nor in one statement; the run itself fails unless every
/// subscriber was planned and nothing handed over.
#[test]
fn planning_tells_its_figures() {
    let told = figures(&["plan", "--subscribers", "1230", "--repetitions", "2", "--batch", "1000"]);
    for (name, wanted) in [("subscribers", 1230), ("repetitions", 2), ("batch", 1000)] {
        assert_eq!(told.get(name).and_then(Value::as_i64), Some(wanted), "{name}: {told}");
    }
    let figure = |name: &str| told.get(name).and_then(Value::as_f64).unwrap_or_default();
    let positive = ["ratio", "rate_per_s", "raw_rate_per_s", "rss_peak_mb", "small_rss_peak_mb"];
    for name in positive {
        assert!(figure(name) > 0.0, "{name}: {told}");
    }
    let ratio = figure("rate_per_s") / figure("raw_rate_per_s");
    assert!((figure("ratio") - ratio).abs() < 0.01, "{told}");
}

/// Goal: queries can be measured, and both sides answer alike. Method: a small run, which fails by itself where they
/// do not.
#[test]
fn queries_tell_their_figures() {
    let small = ["query", "--rows", "200", "--large-rows", "400", "--campaigns", "30"];
    let told = figures(&[&small[..], &["--seconds", "1", "--repetitions", "1"]].concat());
    let figure = |name: &str| told.get(name).and_then(Value::as_f64).unwrap_or_default();
    for name in ["ratio", "rate_per_s", "raw_rate_per_s", "large_to_small", "mean_ms"] {
        assert!(figure(name) > 0.0, "{name}: {told}");
    }
}

/// Goal: what a small campaign waits beside a large one can be measured. Method: a small run, which fails by itself
/// where the large one is over before.
#[test]
fn a_small_campaign_beside_a_large_one_tells_its_figures() {
    let told = figures(&["beside", "--messages", "5000", "--small", "30", "--latency-ms", "20"]);
    let figure = |name: &str| told.get(name).and_then(Value::as_f64).unwrap_or_default();
    assert!(figure("small") >= 10.0, "{told}");
    assert!(0.0 < figure("answered_ms") && figure("first_ms") <= figure("last_ms"), "{told}");
}

/// Goal: fan-out can be measured, and every socket is told of every change once, in order. Method: a small run, which
/// fails by itself where one is not.
#[test]
fn fanning_out_tells_its_figures() {
    let small = ["fanout", "--sockets", "12", "--keys", "3", "--hot", "4"];
    let told = figures(&[&small[..], &["--changes", "10", "--clients", "2"]].concat());
    let figure = |name: &str| told.get(name).and_then(Value::as_f64).unwrap_or_default();
    // Of the hot campaign ten changes twice over.
    assert!(figure("deliveries") >= 80.0, "{told}");
    for name in ["p50_ms", "p99_ms", "stalled_p99_ms"] {
        assert!(figure(name) > 0.0, "{name}: {told}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for words in [["--subscribers", "3"], ["--repetitions", "0"]] {
        let done = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["bench", "plan"])
            .args(words)
            .output()
            .unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{told}");
        assert!(told.starts_with("harness: `--"), "{told}");
    }
}
