//! `.windlass/` at the root of the work tree: what one machine keeps of its environments from run to run.

use std::io;
use std::path::{Path, PathBuf};

use windlass_cli::Failure;

/// The folder's name.
pub(crate) const FOLDER: &str = ".windlass";

/// The folder of an environment, whether it exists or not.
pub(crate) fn of(work_tree: &Path, environment: &str) -> PathBuf {
    work_tree.join(FOLDER).join(environment)
}

/// Makes the folder of an environment, which keeps itself out of git.
pub(crate) fn make(work_tree: &Path, environment: &str) -> Result<PathBuf, Failure> {
    let root = of(work_tree, environment);
    let made = std::fs::create_dir_all(&root).and_then(|()| {
        // The state is this machine's.
        let ignore = work_tree.join(FOLDER).join(".gitignore");
        if ignore.exists() {
            Ok(())
        } else {
            std::fs::write(&ignore, "*\n")
        }
    });
    made.map_err(|error| denied(work_tree, &root, &error))?;
    Ok(root)
}

/// A folder that cannot be used.
pub(crate) fn denied(work_tree: &Path, folder: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot use the state folder `{}`", folder.display()))
        .caused_by(error)
        .hint(format!(
            "an environment's lock, logs and, if it is local, its images and its cluster are kept there: make `{}` a \
             folder that you may write",
            work_tree.join(FOLDER).display()
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FOLDER), "").unwrap();
        let failure = make(folder.path(), "local").unwrap_err();
        assert_eq!(failure.exit(), windlass_cli::Exit::Usage);
        assert!(failure.to_string().contains(FOLDER), "{failure}");
    }
}
