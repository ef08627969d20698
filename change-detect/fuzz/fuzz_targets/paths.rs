//! Paths of any bytes, and their text.
#![no_main]

use change_detect::RepoPath;
use libfuzzer_sys::fuzz_target;

fn check(path: &RepoPath) {
    let text = path.to_string();
    assert_eq!(text.parse().as_ref(), Ok(path), "{text} does not read back");
    assert_eq!(RepoPath::from_bytes(path.as_bytes()).as_ref(), Ok(path));
    assert!(path.starts_with(path) && path.starts_with(&RepoPath::root()));
    assert_eq!(path.strip_prefix(path), Some(RepoPath::root()));
    match path.parent() {
        None => assert!(path.is_root()),
        Some(parent) => {
            assert_eq!(parent.join(path.file_name()).as_ref(), Ok(path));
            assert!(path.starts_with(&parent) && !parent.starts_with(path));
            let rest = path.strip_prefix(&parent).expect("the parent is a prefix");
            assert_eq!(rest.as_bytes(), path.file_name());
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = RepoPath::from_bytes(bytes) {
        check(&path);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = text.parse::<RepoPath>()
    {
        check(&path);
    }
});
