//! `GitSource` on repositories that the real git makes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::sim::{Content, Draft};
use crate::testing::{self, Workshop};
use crate::{ChangeKind, FileChange, changes};

/// A repository in a temporary folder, written with `git fast-import`, which takes any bytes.
struct Git {
    folder: TempDir,
}

impl Git {
    fn new(arguments: &[&str]) -> Self {
        let git = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        git.run(
            &[&["init", "--quiet", "--initial-branch=main"], arguments].concat(),
            b"",
        );
        git
    }

    /// Runs git without any configuration of the machine's, and gives back what it writes.
    fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada Example")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada Example")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn open(&self) -> GitSource {
        GitSource::discover(self.folder.path()).unwrap()
    }
}

/// A path as fast-import takes any: quoted, each byte in octal.
fn quoted(path: &[u8]) -> String {
    let bytes: String = path.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("\"{bytes}\"")
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) {
    writeln!(stream, "data {}", bytes.len()).unwrap();
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

impl Workshop for Git {
    fn save(&mut self, draft: Draft) -> CommitId {
        let is_first = self
            .run(&["rev-list", "--all", "--max-count=1"], b"")
            .is_empty();
        let parents: Vec<String> = match &draft.parents {
            Some(parents) => parents.iter().map(ToString::to_string).collect(),
            None if is_first => vec![],
            None => vec![self.run(&["rev-parse", "HEAD"], b"")],
        };
        let mut stream = Vec::new();
        writeln!(stream, "commit refs/heads/main").unwrap();
        for role in ["author", "committer"] {
            writeln!(
                stream,
                "{role} {} <ada@example.com> {} +0200",
                draft.author, draft.seconds
            )
            .unwrap();
        }
        data(&mut stream, draft.message.as_bytes());
        for (word, parent) in ["from"]
            .into_iter()
            .chain(std::iter::repeat("merge"))
            .zip(parents)
        {
            writeln!(stream, "{word} {parent}").unwrap();
        }
        for (path, content) in &draft.entries {
            let path = quoted(path);
            match content {
                None => writeln!(stream, "D {path}").unwrap(),
                Some(Content::Submodule { commit }) => {
                    writeln!(stream, "M 160000 {commit} {path}").unwrap()
                }
                Some(Content::Symlink { target }) => {
                    writeln!(stream, "M 120000 inline {path}").unwrap();
                    data(&mut stream, target);
                }
                Some(Content::File { bytes, executable }) => {
                    let mode = if *executable { "100755" } else { "100644" };
                    writeln!(stream, "M {mode} inline {path}").unwrap();
                    data(&mut stream, bytes);
                }
            }
        }
        self.run(&["fast-import", "--quiet", "--force"], &stream);
        self.run(&["rev-parse", "refs/heads/main"], b"")
            .parse()
            .unwrap()
    }

    fn tag(&mut self, name: &str, id: &CommitId) {
        self.run(
            &["tag", "--annotate", "--message=Tag", name, id.as_str()],
            b"",
        );
    }

    fn source(&self) -> Box<dyn DiffSource> {
        Box::new(self.open())
    }
}

fn path(text: &str) -> RepoPath {
    RepoPath::from_bytes(text).unwrap()
}

#[test]
fn obeys_the_contract() {
    testing::check_contract(&mut || Box::new(Git::new(&[])));
}

#[test]
fn obeys_the_contract_in_a_bare_repository() {
    testing::check_contract(&mut || Box::new(Git::new(&["--bare"])));
}

#[test]
fn reads_a_repository_with_long_ids() {
    let mut git = Git::new(&["--object-format=sha256"]);
    let base = git.save(Draft::new("Base").file("a", "1").file("b", "1"));
    let head = git.save(Draft::new("Head").file("a", "2"));
    assert_eq!(head.as_str().len(), 64);
    let source = git.open();
    assert_eq!(source.resolve("HEAD").unwrap(), head);
    assert_eq!(
        changes(&source, Some(&base), &head).unwrap(),
        [FileChange::new(path("a"), ChangeKind::Modified)]
    );
    assert_eq!(source.is_ancestor(&base, &head).unwrap(), Some(true));
    let short: CommitId = "ab".repeat(20).parse().unwrap();
    assert!(matches!(
        source.commit(&short),
        Err(Error::UnknownRevision { .. })
    ));
}

#[test]
fn sees_commits_made_after_it_was_opened() {
    let mut git = Git::new(&[]);
    let source = git.open();
    let id = git.save(Draft::new("Late").file("a", "1"));
    assert_eq!(source.resolve("HEAD").unwrap(), id);
    git.run(&["gc", "--quiet", "--prune=now"], b"");
    assert_eq!(
        source.read(&id, &path("a")).unwrap().as_deref(),
        Some(&b"1"[..])
    );
}

#[test]
fn is_found_from_a_folder_inside_and_from_a_linked_work_tree() {
    let mut git = Git::new(&[]);
    let id = git.save(Draft::new("First").file("a/b/c", "1"));
    git.run(&["reset", "--hard", "--quiet"], b"");
    let root = git.folder.path().canonicalize().unwrap();
    let inside = GitSource::discover(&root.join("a/b")).unwrap();
    assert_eq!(
        (inside.workdir(), inside.git_dir()),
        (Some(root.as_path()), root.join(".git").as_path())
    );

    let linked = tempfile::tempdir().unwrap();
    let folder = linked.path().canonicalize().unwrap().join("linked");
    git.run(
        &[
            "worktree",
            "add",
            "--quiet",
            "--detach",
            folder.to_str().unwrap(),
        ],
        b"",
    );
    let source = GitSource::discover(&folder).unwrap();
    assert_eq!(source.workdir(), Some(folder.as_path()));
    assert_eq!(source.resolve("HEAD").unwrap(), id);
}

#[test]
fn a_bare_repository_has_no_work_tree() {
    let git = Git::new(&["--bare"]);
    assert_eq!(git.open().workdir(), None);
}

#[test]
fn a_plain_folder_is_not_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    for missing in [folder.path().to_owned(), folder.path().join("nowhere")] {
        match GitSource::discover(&missing) {
            Err(Error::NotARepository { path, .. }) => assert_eq!(path, missing),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_shallow_clone_cannot_tell_what_lies_beyond() {
    let mut git = Git::new(&[]);
    let ids: Vec<CommitId> = ["1", "2", "3"]
        .iter()
        .map(|text| git.save(Draft::new(*text).file("a", *text)))
        .collect();
    let clone = Git {
        folder: tempfile::tempdir().unwrap(),
    };
    let url = format!("file://{}", git.folder.path().display());
    clone.run(&["clone", "--quiet", "--depth=2", &url, "."], b"");
    let source = clone.open();
    assert_eq!(source.is_ancestor(&ids[1], &ids[2]).unwrap(), Some(true));
    assert_eq!(source.is_ancestor(&ids[2], &ids[1]).unwrap(), Some(false));
    assert_eq!(source.is_ancestor(&ids[0], &ids[2]).unwrap(), None);
    assert!(matches!(
        changes(&source, Some(&ids[0]), &ids[2]),
        Err(Error::UnknownRevision { .. })
    ));
    assert!(matches!(
        source.resolve("HEAD~2"),
        Err(Error::UnknownRevision { .. })
    ));
    assert_eq!(changes(&source, Some(&ids[1]), &ids[2]).unwrap().len(), 1);
}

/// A clone without blobs or trees, of a repository with two commits.
fn partial(filter: &str) -> (Git, Git, CommitId, CommitId) {
    let mut git = Git::new(&[]);
    git.run(&["config", "uploadpack.allowFilter", "true"], b"");
    git.run(&["config", "uploadpack.allowAnySHA1InWant", "true"], b"");
    let base = git.save(Draft::new("Base").file("d/a", "1").file("d/b", "1"));
    let head = git.save(Draft::new("Head").file("d/a", "2"));
    let clone = Git {
        folder: tempfile::tempdir().unwrap(),
    };
    let url = format!("file://{}", git.folder.path().display());
    clone.run(
        &["clone", "--quiet", "--no-checkout", filter, &url, "."],
        b"",
    );
    (git, clone, base, head)
}

#[test]
fn what_a_partial_clone_lacks_comes_through_git() {
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let (_origin, clone, base, head) = partial(filter);
        let source = clone.open();
        let expected = [FileChange::new(path("d/a"), ChangeKind::Modified)];
        assert_eq!(
            changes(&source, Some(&base), &head).unwrap(),
            expected,
            "{filter}"
        );
        let content = source.read(&head, &path("d/a")).unwrap();
        assert_eq!(content.as_deref(), Some(&b"2"[..]), "{filter}");
    }
}

#[test]
fn what_a_partial_clone_cannot_get_is_unreadable_and_not_absent() {
    let (origin, clone, base, head) = partial("--filter=tree:0");
    drop(origin);
    let source = clone.open();
    for _ in 0..2 {
        assert!(matches!(
            changes(&source, Some(&base), &head),
            Err(Error::Unreadable { .. })
        ));
    }
    assert!(matches!(
        source.list(&base, &RepoPath::root()),
        Err(Error::Unreadable { .. })
    ));

    let (origin, clone, base, head) = partial("--filter=blob:none");
    drop(origin);
    let source = clone.open();
    assert_eq!(changes(&source, Some(&base), &head).unwrap().len(), 1);
    assert!(matches!(
        source.read(&head, &path("d/a")),
        Err(Error::Unreadable { .. })
    ));
}

#[test]
fn refs_in_tables_are_resolved_by_git() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("git")
        .args([
            "init",
            "--quiet",
            "--ref-format=reftable",
            "--initial-branch=main",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    if !made.status.success() {
        // Before git 2.45 there are none.
        return;
    }
    let mut git = Git { folder };
    let base = git.save(Draft::new("Base").file("a", "1"));
    let head = git.save(Draft::new("Head").file("a", "2"));
    git.tag("v1", &base);
    let source = git.open();
    assert_eq!(source.resolve("HEAD").unwrap(), head);
    assert_eq!(source.resolve("v1").unwrap(), base);
    assert_eq!(source.resolve("HEAD~1").unwrap(), base);
    assert!(matches!(
        source.resolve("nothing"),
        Err(Error::UnknownRevision { .. })
    ));
    assert_eq!(source.tags().unwrap(), [("v1".to_owned(), base.clone())]);
    assert_eq!(changes(&source, Some(&base), &head).unwrap().len(), 1);
}

#[test]
fn a_missing_object_is_unreadable_and_not_absent() {
    let mut git = Git::new(&[]);
    let id = git.save(Draft::new("First").file("d/a", "1"));
    for spec in ["HEAD:d/a", "HEAD:d"] {
        let object = git.run(&["rev-parse", spec], b"");
        std::fs::remove_file(
            git.folder
                .path()
                .join(".git/objects")
                .join(&object[..2])
                .join(&object[2..]),
        )
        .unwrap();
        assert!(
            matches!(
                git.open().read(&id, &path("d/a")),
                Err(Error::Unreadable { .. })
            ),
            "{spec}"
        );
    }
    assert!(matches!(
        changes(&git.open(), None, &id),
        Err(Error::Unreadable { .. })
    ));
}

#[test]
fn names_the_same_files_as_git() {
    let mut git = Git::new(&[]);
    let files = |draft: Draft, range: std::ops::Range<usize>, content: &str| {
        range.fold(draft, |draft, n| {
            draft.file(format!("d{}/e{}/f{n}", n % 7, n % 5), content)
        })
    };
    let base = git.save(files(Draft::new("Base"), 0..120, "1"));
    let head = git.save(files(
        files(Draft::new("Head").remove("d3"), 100..140, "2"),
        20..25,
        "3",
    ));
    let ours: Vec<String> = changes(&git.open(), Some(&base), &head)
        .unwrap()
        .iter()
        .map(|change| change.path.to_string())
        .collect();
    let theirs = git.run(
        &[
            "diff-tree",
            "-r",
            "--no-renames",
            "--name-only",
            base.as_str(),
            head.as_str(),
        ],
        b"",
    );
    let mut theirs: Vec<&str> = theirs.lines().collect();
    theirs.sort_unstable();
    assert!(ours.len() > 40);
    assert_eq!(ours, theirs);
}

/// What `changes` says about the work tree, as `status path`.
fn in_worktree(git: &Git) -> Vec<String> {
    let worktree = Worktree::new(git.open()).unwrap();
    let head = git.open().resolve("HEAD").ok();
    changes(&worktree, head.as_ref(), worktree.id())
        .unwrap()
        .iter()
        .map(|change| format!("{:?} {}", change.kind, change.path))
        .collect()
}

#[test]
fn the_work_tree_shows_what_is_staged_changed_new_and_gone() {
    let mut git = Git::new(&[]);
    git.save(
        Draft::new("Base")
            .file("a/kept", "1")
            .file("a/edited", "1")
            .file("b/only", "1")
            .file("staged", "1")
            .file("mode", "1")
            .file("swap", "1")
            .file(b"caf\xe9".to_vec(), "1")
            .file(".gitignore", "ignored\n"),
    );
    git.run(&["reset", "--hard", "--quiet"], b"");
    assert_eq!(in_worktree(&git), Vec::<String>::new());
    let root = git.folder.path();
    std::fs::write(root.join("a/edited"), "2").unwrap();
    std::fs::remove_file(root.join("b/only")).unwrap();
    std::fs::write(root.join("staged"), "2").unwrap();
    git.run(&["add", "staged"], b"");
    std::fs::write(root.join("ignored"), "1").unwrap();
    std::fs::create_dir_all(root.join("new/deep")).unwrap();
    std::fs::write(root.join("new/deep/file with space"), "1").unwrap();
    std::fs::remove_file(root.join("swap")).unwrap();
    std::fs::create_dir(root.join("swap")).unwrap();
    std::fs::write(root.join("swap/inside"), "1").unwrap();
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(root.join("mode"), mode).unwrap();
    assert_eq!(
        in_worktree(&git),
        [
            "Modified a/edited",
            "Deleted b/only",
            "Modified mode",
            "Added new/deep/file with space",
            "Modified staged",
            "Deleted swap",
            "Added swap/inside",
        ]
    );
    let worktree = Worktree::new(git.open()).unwrap();
    let names = |folder: RepoPath| -> Vec<String> {
        let entries = worktree.list(worktree.id(), &folder).unwrap();
        entries.iter().map(|entry| entry.path.to_string()).collect()
    };
    assert_eq!(
        names(RepoPath::root()),
        [
            ".gitignore",
            "a",
            "\"caf\\351\"",
            "mode",
            "new",
            "staged",
            "swap"
        ]
    );
    assert_eq!(names(path("b")), Vec::<String>::new());
    let read = |name: &str| worktree.read(worktree.id(), &path(name)).unwrap();
    assert_eq!(read("a/edited").as_deref(), Some(&b"2"[..]));
    assert_eq!(read("a/kept").as_deref(), Some(&b"1"[..]));
    assert_eq!(
        (read("b/only"), read("swap"), read("ignored")),
        (None, None, None)
    );
    assert_eq!(
        worktree.kind(worktree.id(), &path("swap")).unwrap(),
        Some(EntryKind::Directory)
    );
}

#[test]
fn a_work_tree_without_a_commit_is_all_new() {
    let git = Git::new(&[]);
    std::fs::create_dir(git.folder.path().join("d")).unwrap();
    std::fs::write(git.folder.path().join("d/a"), "1").unwrap();
    assert_eq!(in_worktree(&git), ["Added d/a"]);
    let bare = Git::new(&["--bare"]);
    assert!(matches!(
        Worktree::new(bare.open()),
        Err(Error::NoWorktree { .. })
    ));
}

/// A history of `count` commits on `main`, each with a file of its own, and a clone of its last `depth`.
fn shallow_clone(count: usize, depth: usize) -> (Git, Git, Vec<CommitId>) {
    let mut git = Git::new(&[]);
    git.run(&["config", "uploadpack.allowFilter", "true"], b"");
    let ids = (0..count)
        .map(|n| git.save(Draft::new(n.to_string()).file(format!("d/{n}"), "1")))
        .collect();
    let clone = Git {
        folder: tempfile::tempdir().unwrap(),
    };
    let url = format!("file://{}", git.folder.path().display());
    let depth = format!("--depth={depth}");
    clone.run(&["clone", "--quiet", &depth, &url, "."], b"");
    (git, clone, ids)
}

#[test]
fn a_shallow_clone_is_deepened_without_losing_anything() {
    use crate::Deepen;
    let (_origin, clone, ids) = shallow_clone(12, 2);
    let source = clone.open();
    let last = ids.last().unwrap();
    assert!(matches!(
        source.commit(&ids[5]),
        Err(Error::UnknownRevision { .. })
    ));
    assert!(source.deepen(std::slice::from_ref(last), 4).unwrap());
    assert_eq!(source.is_ancestor(&ids[6], last).unwrap(), Some(true));
    assert_eq!(source.is_ancestor(&ids[2], last).unwrap(), None);
    // Trees that the deepening left out come when they are asked for.
    assert_eq!(changes(&source, Some(&ids[7]), last).unwrap().len(), 4);
    assert!(source.deepen(std::slice::from_ref(last), 64).unwrap());
    assert_eq!(source.is_ancestor(&ids[0], last).unwrap(), Some(true));
    assert!(
        !source.deepen(std::slice::from_ref(last), 64).unwrap(),
        "it is whole"
    );
}

#[test]
fn a_commit_that_was_forced_away_can_be_fetched_while_the_remote_has_it() {
    use crate::Deepen;
    let mut origin = Git::new(&[]);
    for key in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
        origin.run(&["config", key, "true"], b"");
    }
    let root = origin.save(Draft::new("Root").file("a", "1"));
    let gone = origin.save(Draft::new("Gone").file("a", "2"));
    origin.run(&["update-ref", "refs/heads/main", root.as_str()], b"");
    let clone = Git {
        folder: tempfile::tempdir().unwrap(),
    };
    let url = format!("file://{}", origin.folder.path().display());
    clone.run(&["clone", "--quiet", &url, "."], b"");
    let source = clone.open();
    assert!(source.commit(&gone).is_err());
    assert!(source.fetch(&gone).unwrap());
    assert_eq!(changes(&source, Some(&gone), &root).unwrap().len(), 1);
    let never: CommitId = "ab".repeat(20).parse().unwrap();
    assert!(!source.fetch(&never).unwrap());

    drop(origin);
    assert!(matches!(
        source.fetch(&never),
        Err(Error::NotFetched { .. })
    ));
    let alone = Git::new(&[]);
    assert!(matches!(
        alone.open().fetch(&never),
        Err(Error::NotFetched { .. })
    ));
}

#[test]
fn random_histories_cut_at_random_depths_are_never_answered_wrongly() {
    // The same histories in every run; what matters is how the real git cuts them.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut proven, mut open) = (0, 0);
    for _ in 0..24 {
        let count = 6 + random(14);
        let origin = Git::new(&[]);
        let mut stream = Vec::new();
        for n in 0..count {
            // A mark for each commit, and a branch, so that all of them are cloned.
            writeln!(stream, "commit refs/heads/c{n}\nmark :{}", n + 1).unwrap();
            let time = 1_700_000_000 + n * 10 + random(60);
            writeln!(stream, "committer Ada <ada@example.com> {time} +0000").unwrap();
            data(&mut stream, n.to_string().as_bytes());
            if n > 0 {
                writeln!(stream, "from :{}", 1 + random(n)).unwrap();
            }
            if n > 1 && random(3) == 0 {
                writeln!(stream, "merge :{}", 1 + random(n)).unwrap();
            }
        }
        origin.run(&["fast-import", "--quiet"], &stream);
        let tips = [random(count), count - 1].map(|n| format!("c{n}"));
        let whole = origin.open();
        let [left, right] = tips.clone().map(|tip| whole.resolve(&tip).unwrap());
        let expected = whole.common_ancestors(&left, &right).unwrap();
        assert_eq!(expected.cut, []);
        let theirs = origin.run(&["merge-base", "--all", left.as_str(), right.as_str()], b"");
        let ours: BTreeSet<String> = expected.best.iter().map(ToString::to_string).collect();
        assert_eq!(ours, theirs.lines().map(str::to_owned).collect());

        let clone = Git::new(&[]);
        let url = format!("file://{}", origin.folder.path().display());
        let depth = format!("--depth={}", 1 + random(6));
        let specs = tips.map(|tip| format!("+refs/heads/{tip}:refs/heads/{tip}"));
        clone.run(
            &["fetch", "--quiet", &depth, &url, &specs[0], &specs[1]],
            b"",
        );
        let cut = clone.open().common_ancestors(&left, &right).unwrap();
        if cut.cut.is_empty() {
            proven += 1;
            assert_eq!(cut.best, expected.best);
        } else {
            open += 1;
        }
    }
    assert!(proven > 3 && open > 3, "{proven} proven, {open} open");
}
