//! `harness run FILE…`: plays scenario files one after the other and says how each went.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Error, Played, play};
use crate::scenario::{self, Scenario};

/// What is written of a scenario beside whether it passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Printed {
    /// What is wrong, if anything is.
    #[default]
    Problems,
    /// Its timeline as well.
    Timeline,
}

/// A scenario file that failed: why it could not be played.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Scenario(#[from] scenario::Error),
    #[error(transparent)]
    Story(#[from] Error),
    #[error("the journal cannot be written")]
    Journal(#[source] io::Error),
}

/// Plays every file and writes a line for each to `output`: `ok NAME` or `FAILED NAME`, with what is
/// wrong under it. Each one's journal goes to a file `NAME.jsonl` in `journals`, if that is given. Answers whether all passed; an error only says that `output` cannot be written.
pub async fn run_files(
    paths: &[PathBuf],
    printed: Printed,
    journals: Option<&Path>,
    output: &mut impl Write,
) -> io::Result<bool> {
    let mut failed: usize = 0;
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let played = play_file(path, journals).await;
        if printed == Printed::Timeline
            && let Ok(played) = &played
        {
            writeln!(output, "{}", played.timeline)?;
        }
        let problems = match played {
            Ok(played) => played.problems,
            Err(failure) => vec![api::causes::line(&failure)],
        };
        if problems.is_empty() {
            writeln!(output, "ok     {name}")?;
        } else {
            failed = failed.saturating_add(1);
            writeln!(output, "FAILED {name}")?;
            for problem in problems {
                writeln!(output, "       {problem}")?;
            }
        }
    }
    writeln!(output, "{} played, {failed} failed", paths.len())?;
    Ok(failed == 0)
}

async fn play_file(path: &Path, journals: Option<&Path>) -> Result<Played, Failure> {
    let scenario = Scenario::load(path)?;
    let played = play(&scenario).await?;
    if let Some(folder) = journals {
        let name = path.with_extension("jsonl");
        let file = folder.join(name.file_name().unwrap_or_default());
        std::fs::write(file, &played.journal).map_err(Failure::Journal)?;
    }
    Ok(played)
}
