//! Copies of the stack to work in, so that nothing is left in the checkout.

use std::fs;
use std::io;
use std::path::Path;

use crate::task::Error;

/// What Terraform leaves behind, which is not part of the stack.
fn is_left_over(name: &str) -> bool {
    name == ".terraform" || name.starts_with("terraform.tfstate") || name == ".terraform.lock.hcl"
}

/// Copies the folder `from` to `to`, which is made.
pub(super) fn tree(from: &Path, to: &Path) -> Result<(), Error> {
    copy(from, to).map_err(|source| {
        Error::broken(
            format!("cannot copy `{}` to `{}`", from.display(), to.display()),
            source,
        )
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_left_over(&name.to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path)
        .map_err(|source| Error::broken(format!("cannot read `{}`", path.display()), source))
}

/// Writes a text file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text)
        .map_err(|source| Error::broken(format!("cannot write `{}`", path.display()), source))
}

/// The names of the folders in a folder, sorted.
pub(super) fn folders(path: &Path) -> Result<Vec<String>, Error> {
    let broken =
        |source: io::Error| Error::broken(format!("cannot list `{}`", path.display()), source);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if entry.file_type().map_err(broken)?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
