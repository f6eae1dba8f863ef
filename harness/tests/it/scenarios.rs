//! Every scenario file, played: one timeline snapshot each, the same on SQLite and on PostgreSQL.
//!
//! Goal: what the service does in each story, whole and in words, stays what was read and approved.
//! Method: play the file against a whole service in virtual time, and compare the timeline with the
//! kept one. Besides, what the file expects must hold, and what holds for every story.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use harness::{
    runner::{self, Played},
    scenario::Scenario,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Stories played at once: each is a service, a database and an aggregator of its own.
const AT_ONCE: usize = 4;
/// The file beside the scenarios that is none.
const GAPS: &str = "allowed-gaps.yaml";

pub(crate) fn files(folder: &str, ending: &str) -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.to_string_lossy().ends_with(ending) && !path.ends_with(GAPS));
    files.sort();
    Ok(files)
}

/// A file's name up to its first full stop.
pub(crate) fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

async fn play_all(files: Vec<PathBuf>) -> BTreeMap<String, Result<Played, String>> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut stories = JoinSet::new();
    for path in files {
        let turns = Arc::clone(&turns);
        stories.spawn(async move {
            let _turn = turns.acquire().await;
            (stem(&path), play(&path).await)
        });
    }
    stories.join_all().await.into_iter().collect()
}

async fn play(path: &Path) -> Result<Played, String> {
    let scenario = Scenario::load(path).map_err(|error| api::causes::line(&error))?;
    runner::play(&scenario).await.map_err(|error| api::causes::line(&error))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_is_told_as_it_was() {
    let mut told = play_all(files("scenarios", ".yaml").unwrap()).await;
    let mut problems: Vec<String> = Vec::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../scenarios", "*.yaml", |path| {
            if path.ends_with(GAPS) {
                return;
            }
            let name = stem(path);
            match told.remove(&name).unwrap() {
                Ok(played) => {
                    problems.extend(played.problems.iter().map(|what| format!("{name}: {what}")));
                    insta::assert_snapshot!("timeline", played.timeline);
                }
                Err(error) => problems.push(format!("{name}: {error}")),
            }
        });
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_snapshot_has_its_scenario() {
    let scenarios: BTreeSet<String> =
        files("scenarios", ".yaml").unwrap().iter().map(|path| stem(path)).collect();
    let kept: BTreeSet<String> = files("tests/it/snapshots", ".yaml.snap")
        .unwrap()
        .iter()
        .map(|path| stem(path).split_once('@').unwrap().1.to_owned())
        .collect();
    assert_eq!(kept, scenarios);
}

#[test]
fn every_scenario_says_why_it_exists() {
    for path in files("scenarios", ".yaml").unwrap() {
        let scenario = Scenario::load(&path).unwrap();
        assert!(!scenario.about.trim().is_empty(), "{}: no `about`", path.display());
    }
}
