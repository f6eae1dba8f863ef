//! Files that a test keeps equal to the code: docs/config.toml, schema.graphql.

use std::{fs, io, path::Path};

use super::environment::is_ci;

/// Why a kept file was not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum KeptFileError {
    /// It differed and now does not.
    #[error("{0} was out of date and has been rewritten: review it and commit it")]
    Rewritten(String),
    /// It differs, and a build server changes nothing.
    #[error("{0} is out of date: run the test on your machine, which rewrites it, and commit it")]
    OutOfDate(String),
    /// It could not be written.
    #[error("{path} is out of date and cannot be written")]
    Unwritable {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// For tests: compares the file with `wanted`. A difference is an error; unless the environment
/// sets `CI`, the file is rewritten first, so that the next run succeeds. Line ends are not
/// compared.
pub fn keep_file(path: &Path, wanted: &str) -> Result<(), KeptFileError> {
    keep(path, wanted, is_ci())
}

fn keep(path: &Path, wanted: &str, is_read_only: bool) -> Result<(), KeptFileError> {
    // A file that cannot be read counts as one that differs: it is most likely not there yet.
    let found = fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    let name = path.display().to_string();
    if found == wanted {
        return Ok(());
    }
    if is_read_only {
        return Err(KeptFileError::OutOfDate(name));
    }
    match fs::write(path, wanted) {
        Ok(()) => Err(KeptFileError::Rewritten(name)),
        Err(source) => Err(KeptFileError::Unwritable { path: name, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_rewritten_and_still_fails_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.txt");
        assert!(matches!(keep(&path, "new\n", false), Err(KeptFileError::Rewritten(_))));
        keep(&path, "new\n", false).unwrap();
        keep(&path, "new\n", true).unwrap();
    }

    #[test]
    fn a_build_server_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.txt");
        fs::write(&path, "old\n").unwrap();
        assert!(matches!(keep(&path, "new\n", true), Err(KeptFileError::OutOfDate(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
    }
}
