//! Paths inside a repository, which are bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// A path from the root of a repository: bytes, separated by `/`, without `.`, `..` or empty components.
///
/// Its text form, for people and in JSON alike, is the path as it is when it is plain UTF-8. Otherwise (bytes that are no
/// UTF-8, control characters, `"` or `\`) it is quoted as git quotes it: `"caf\351.txt"`. [`FromStr`] reads both forms.
/// The root itself is `.` as text and empty as bytes. Paths are ordered by their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RepoPath(Vec<u8>);

/// Bytes that are not a path inside a repository.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{path}` is not a path inside a repository: {problem}")]
pub struct InvalidRepoPath {
    path: String,
    problem: &'static str,
}

impl RepoPath {
    /// Checks the bytes of a path, such as git lists them. Empty bytes are the root.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidRepoPath> {
        let bytes = bytes.into();
        let problem = if bytes.is_empty() {
            return Ok(Self(bytes));
        } else if bytes.contains(&0) {
            "it has a NUL byte"
        } else if bytes.starts_with(b"/") {
            "it begins with `/`"
        } else if bytes
            .split(|byte| *byte == b'/')
            .any(|name| matches!(name, b"" | b"." | b".."))
        {
            "it has an empty component, `.` or `..`"
        } else {
            return Ok(Self(bytes));
        };
        Err(InvalidRepoPath {
            path: quote(&bytes).unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned()),
            problem,
        })
    }

    /// The repository's root.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Whether this is the repository's root.
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of the path, empty for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The last component; empty for the root.
    pub fn file_name(&self) -> &[u8] {
        self.0
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default()
    }

    /// The path of something below this folder. `below` may have several components; empty is this path itself.
    pub fn join(&self, below: impl AsRef<[u8]>) -> Result<Self, InvalidRepoPath> {
        let below = below.as_ref();
        // Most paths grow by one plain name.
        if below.is_empty()
            || below.contains(&0)
            || below.contains(&b'/')
            || below.starts_with(b".")
        {
            Self::from_bytes(below)?;
        }
        Ok(match (self.is_root(), below.is_empty()) {
            (true, _) => Self(below.to_vec()),
            (false, true) => self.clone(),
            (false, false) => Self([self.as_bytes(), b"/", below].concat()),
        })
    }

    /// The folder that this is in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// Whether this is `folder` or something below it.
    pub fn starts_with(&self, folder: &Self) -> bool {
        match self.0.strip_prefix(folder.as_bytes()) {
            Some(rest) => folder.is_root() || rest.is_empty() || rest.starts_with(b"/"),
            None => false,
        }
    }

    /// What leads from `folder` to this path, if this is `folder` or below it.
    pub fn strip_prefix(&self, folder: &Self) -> Option<Self> {
        if !self.starts_with(folder) {
            return None;
        }
        let rest = &self.0[folder.0.len()..];
        Some(Self(rest.strip_prefix(b"/").unwrap_or(rest).to_vec()))
    }
}

/// The quoted form, or none if the bytes can stand as they are.
fn quote(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text
            .chars()
            .any(|c| c.is_control() || c == '"' || c == '\\')
    {
        return None;
    }
    Some(always_quoted(bytes))
}

/// The quoted form of any bytes.
pub(crate) fn always_quoted(bytes: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' => quoted.push_str("\\\""),
            b'\\' => quoted.push_str("\\\\"),
            0x07 => quoted.push_str("\\a"),
            0x08 => quoted.push_str("\\b"),
            b'\t' => quoted.push_str("\\t"),
            b'\n' => quoted.push_str("\\n"),
            0x0b => quoted.push_str("\\v"),
            0x0c => quoted.push_str("\\f"),
            b'\r' => quoted.push_str("\\r"),
            0x20..=0x7e => quoted.push(char::from(*byte)),
            _ => quoted.push_str(&format!("\\{byte:03o}")),
        }
    }
    quoted.push('"');
    quoted
}

/// The bytes that a quoted form stands for; `text` is what is between the quotes.
fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'"' {
            return None;
        }
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            plain @ (b'"' | b'\\') => plain,
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            first @ b'0'..=b'3' => {
                let mut value = first - b'0';
                for _ in 0..2 {
                    let digit = rest.next().filter(|digit| matches!(digit, b'0'..=b'7'))?;
                    value = value * 8 + (digit - b'0');
                }
                value
            }
            _ => return None,
        });
    }
    Some(bytes)
}

/// Maps of paths can be asked with bytes; both have the same order and the same hash.
impl std::borrow::Borrow<[u8]> for RepoPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for RepoPath {
    type Err = InvalidRepoPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "." {
            return Ok(Self::root());
        }
        if text.is_empty() {
            return Err(InvalidRepoPath {
                path: String::new(),
                problem: "it is empty; the root is `.`",
            });
        }
        match text.strip_prefix('"') {
            None => Self::from_bytes(text),
            Some(rest) => match rest.strip_suffix('"').and_then(unquote) {
                Some(bytes) if !bytes.is_empty() => Self::from_bytes(bytes),
                _ => Err(InvalidRepoPath {
                    path: text.to_owned(),
                    problem: "its quoting is not closed or not git's",
                }),
            },
        }
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.pad(".");
        }
        match quote(&self.0) {
            Some(quoted) => f.pad(&quoted),
            // Only UTF-8 stands unquoted.
            None => f.pad(&String::from_utf8_lossy(&self.0)),
        }
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(bytes: impl Into<Vec<u8>>) -> RepoPath {
        RepoPath::from_bytes(bytes).unwrap()
    }

    #[test]
    fn plain_text_stands_as_it_is_and_the_rest_is_quoted_as_git_does() {
        assert_eq!(
            path("services/café au lait/A.java").to_string(),
            "services/café au lait/A.java"
        );
        assert_eq!(
            path(b"caf\xe9.txt".to_vec()).to_string(),
            r#""caf\351.txt""#
        );
        assert_eq!(path("a\"b\\c\n\u{1}").to_string(), r#""a\"b\\c\n\001""#);
        assert_eq!(RepoPath::root().to_string(), ".");
    }

    #[test]
    fn refuses_what_leaves_the_repository() {
        for bytes in ["/a", "a//b", "a/", "./a", "a/../b", "..", ".", "a\0b", "/"] {
            assert!(RepoPath::from_bytes(bytes).is_err(), "{bytes:?}");
        }
        for text in [
            "", "\"", "\"\"", "\"a", "\"a\\q\"", "\"\\8\"", "\"\\40\"", "\"a\"b\"",
        ] {
            assert!(text.parse::<RepoPath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_path_starts_with_whole_components_only() {
        assert!(path("services/a/b").starts_with(&path("services/a")));
        assert!(path("services/a").starts_with(&path("services/a")));
        assert!(path("services/a").starts_with(&RepoPath::root()));
        assert!(!path("services/ab").starts_with(&path("services/a")));
        assert_eq!(path("a/b/c").strip_prefix(&path("a")), Some(path("b/c")));
    }

    #[test]
    fn the_parent_of_a_top_level_name_is_the_root() {
        assert_eq!(path("a/b").parent(), Some(path("a")));
        assert_eq!(path("a").parent(), Some(RepoPath::root()));
        assert_eq!(RepoPath::root().parent(), None);
        assert_eq!(path("a/b.txt").file_name(), b"b.txt");
    }

    proptest! {
        #[test]
        fn the_text_form_reads_back_as_the_same_path(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(path) = RepoPath::from_bytes(bytes) {
                prop_assert_eq!(path.to_string().parse::<RepoPath>(), Ok(path));
            }
        }

        #[test]
        fn reading_any_text_gives_a_valid_path_or_an_error(text in "\\PC{0,24}") {
            if let Ok(path) = text.parse::<RepoPath>() {
                prop_assert_eq!(RepoPath::from_bytes(path.as_bytes()), Ok(path));
            }
        }

        #[test]
        fn joining_and_stripping_are_inverse(folder in "[a-c]{1,3}(/[a-c]{1,3}){0,2}", below in "[a-c]{1,3}(/[a-c]{1,3}){0,2}") {
            let (folder, below) = (path(folder), path(below));
            let joined = folder.join(below.as_bytes()).unwrap();
            prop_assert!(joined.starts_with(&folder));
            prop_assert_eq!(joined.strip_prefix(&folder), Some(below));
        }
    }
}
