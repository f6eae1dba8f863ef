//! Tests of the recorder.

use std::io::Write as _;

use super::*;
use crate::clock::VirtualClock;

fn clock() -> Arc<VirtualClock> {
    Arc::new(VirtualClock::new("2026-11-23T15:00:00Z".parse().unwrap()))
}

#[test]
fn lines_are_numbered_and_never_go_back() {
    let recorder = Recorder::in_memory("one", clock(), ClockKind::Virtual);
    for _ in 0..3 {
        recorder.record(Fact::Idle {});
    }
    let text = recorder.text();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line.n).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(lines.is_sorted_by_key(|line| line.us));
    assert!(matches!(lines[0].fact, Fact::Journal(Header { version: FORMAT_VERSION, .. })));
    assert_eq!(lines[0].at_ms, 1_795_446_000_000);
}

/// Goal: whoever is killed loses nothing, and the next one goes on. Method: half a line at the end of the
/// file, then a second writer; the journal is read.
#[test]
fn a_killed_writer_leaves_one_line_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let first = Recorder::append("first", &path, clock(), ClockKind::Real).unwrap();
    first.record(Fact::Idle {});
    drop(first);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"n":2,"by":"first","us":1,"#).unwrap();
    drop(file);
    let second = Recorder::append("second", &path, clock(), ClockKind::Real).unwrap();
    second.record(Fact::Idle {});
    second.problem().unwrap();
    let mut out = Vec::new();
    crate::check::check_file(&path).unwrap().print(&mut out).unwrap();
    let told = String::from_utf8(out).unwrap();
    assert!(told.contains("4 lines, 1 cut off"), "{told}");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 5);
}
