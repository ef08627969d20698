//! The contract of [`DiffSource`] as checks that every implementation passes.

use crate::sim::Draft;
use crate::{ChangeKind, CommitId, DiffSource, EntryKind, Error, RepoPath, walk};

/// A repository that the checks can write to.
pub trait Workshop {
    /// Makes a commit with exactly what the draft says, and puts `HEAD` on it.
    fn save(&mut self, draft: Draft) -> CommitId;

    /// Tags a commit; where tags can be objects of their own, with an annotated one.
    fn tag(&mut self, name: &str, id: &CommitId);

    /// Opens the repository as it is now.
    fn source(&self) -> Box<dyn DiffSource>;
}

/// Runs every check, each on a repository of its own.
///
/// # Panics
/// If the implementation breaks the contract.
pub fn check_contract(new: &mut dyn FnMut() -> Box<dyn Workshop>) {
    for check in [
        resolves_names,
        tells_about_commits,
        compares_trees,
        keeps_bytes,
        reads_and_lists,
        knows_ancestors,
    ] {
        check(&mut *new());
    }
}

fn path(bytes: &[u8]) -> RepoPath {
    RepoPath::from_bytes(bytes).expect("the checks use valid paths")
}

fn absent() -> CommitId {
    "0123456789abcdef0123456789abcdef01234567"
        .parse()
        .expect("40 digits")
}

fn resolves_names(workshop: &mut dyn Workshop) {
    for name in ["HEAD", "main", "HEAD~1"] {
        assert!(
            matches!(workshop.source().resolve(name), Err(Error::NoCommits)),
            "an empty repository has no `{name}`"
        );
    }
    let first = workshop.save(Draft::new("First").file("a", "1"));
    let second = workshop.save(Draft::new("Second").file("a", "2"));
    workshop.tag("v1", &first);
    let source = workshop.source();
    for (name, id) in [
        ("HEAD", &second),
        ("HEAD~1", &first),
        ("HEAD^", &first),
        ("v1", &first),
        (second.as_str(), &second),
    ] {
        assert_eq!(
            &source.resolve(name).expect("the name is known"),
            id,
            "`{name}`"
        );
    }
    assert_eq!(
        source.tags().expect("tags are readable"),
        [("v1".to_owned(), first.clone())]
    );
    assert_eq!(
        source
            .resolve(&first.as_str()[..12])
            .expect("the abbreviation is unique"),
        first
    );
    for name in ["nothing", "HEAD~2", "", "v1..HEAD", absent().as_str()] {
        match source.resolve(name) {
            Err(Error::UnknownRevision { revision, .. }) => assert_eq!(revision, name),
            other => panic!("`{name}` is no revision, but resolves to {other:?}"),
        }
    }
}

fn tells_about_commits(workshop: &mut dyn Workshop) {
    let id = workshop.save(
        Draft::new("Äther: first line\n\nThe body.\n")
            .author("Zoë Example")
            .seconds(1_700_000_000)
            .file("a", "1"),
    );
    let source = workshop.source();
    let info = source.commit(&id).expect("the commit is there");
    assert_eq!(
        (
            &info.id,
            info.title.as_str(),
            info.author.as_str(),
            info.seconds
        ),
        (&id, "Äther: first line", "Zoë Example", 1_700_000_000)
    );
    let sha256 = "ab".repeat(32).parse().expect("64 digits");
    for unknown in [absent(), sha256] {
        assert!(matches!(
            source.commit(&unknown),
            Err(Error::UnknownRevision { .. })
        ));
        assert!(matches!(
            crate::changes(&*source, Some(&unknown), &id),
            Err(Error::UnknownRevision { .. })
        ));
        assert!(matches!(
            crate::changes(&*source, None, &unknown),
            Err(Error::UnknownRevision { .. })
        ));
        assert!(matches!(
            source.read(&unknown, &path(b"a")),
            Err(Error::UnknownRevision { .. })
        ));
        assert!(matches!(
            source.list(&unknown, &RepoPath::root()),
            Err(Error::UnknownRevision { .. })
        ));
    }
}

fn changes(
    source: &dyn DiffSource,
    base: Option<&CommitId>,
    head: &CommitId,
) -> Vec<(String, ChangeKind)> {
    let changes = crate::changes(source, base, head).expect("both trees are there");
    assert!(
        changes.windows(2).all(|pair| pair[0].path < pair[1].path),
        "sorted and without duplicates: {changes:?}"
    );
    changes
        .into_iter()
        .map(|change| (change.path.to_string(), change.kind))
        .collect()
}

fn expected(changes: &[(&str, ChangeKind)]) -> Vec<(String, ChangeKind)> {
    changes
        .iter()
        .map(|(path, kind)| ((*path).to_owned(), *kind))
        .collect()
}

fn compares_trees(workshop: &mut dyn Workshop) {
    use ChangeKind::{Added, Deleted, Modified, TypeChanged};
    let base = workshop.save(
        Draft::new("Base")
            .file("a/deep/er/same", "1")
            .file("a/edited", "1")
            .file(
                "a/moved",
                "a file that moves as it is, long enough to be recognised",
            )
            .file("a/script", "1")
            .file("becomes-folder", "1")
            .file("becomes-link", "target")
            .file("folder/x", "1")
            .file("folder/y", "1")
            // Git sorts `folder` as `folder/`, after `folder.txt`.
            .file("folder.txt", "1")
            .submodule("vendored", absent()),
    );
    let head = workshop.save(
        Draft::new("Head")
            .file("a/edited", "2")
            .remove("a/moved")
            .file(
                "b/moved",
                "a file that moves as it is, long enough to be recognised",
            )
            .executable("a/script", "1")
            .file("becomes-folder/inside", "1")
            .symlink("becomes-link", "target")
            .file("folder", "now a file")
            .file("folder.txt", "2")
            .submodule("vendored", "89".repeat(20).parse().expect("40 digits")),
    );
    let source = workshop.source();
    assert_eq!(
        changes(&*source, Some(&base), &head),
        expected(&[
            ("a/edited", Modified),
            ("a/moved", Deleted),
            ("a/script", Modified),
            ("b/moved", Added),
            ("becomes-folder", Deleted),
            ("becomes-folder/inside", Added),
            ("becomes-link", TypeChanged),
            ("folder", Added),
            ("folder.txt", Modified),
            ("folder/x", Deleted),
            ("folder/y", Deleted),
            ("vendored", Modified),
        ])
    );
    assert_eq!(changes(&*source, Some(&head), &head), []);
    assert_eq!(
        changes(&*source, None, &base).len(),
        10,
        "against nothing all is added"
    );
    assert!(
        changes(&*source, None, &base)
            .iter()
            .all(|(_, kind)| *kind == Added)
    );

    // What lies between two commits does not matter, nor whether they are related.
    let back = workshop.save(Draft::new("Back").parents([base.clone()]));
    let elsewhere = workshop.save(Draft::new("Elsewhere").parents([]).file("z", "1"));
    let source = workshop.source();
    assert_eq!(changes(&*source, Some(&base), &back), []);
    assert_eq!(changes(&*source, Some(&base), &elsewhere).len(), 11);
}

fn keeps_bytes(workshop: &mut dyn Workshop) {
    let names: [&[u8]; 6] = [
        b"caf\xe9",
        "café".as_bytes(),
        b"with \"quotes\"",
        b"with\ttab",
        b"with\nnewline",
        b"back\\slash",
    ];
    let draft = names.iter().fold(Draft::new("Names"), |draft, name| {
        draft.file([b"d/", *name].concat(), *name)
    });
    let id = workshop.save(draft);
    let source = workshop.source();
    let mut sorted: Vec<Vec<u8>> = names.iter().map(|name| [b"d/", *name].concat()).collect();
    sorted.sort();
    let listed: Vec<Vec<u8>> = walk(&*source, &id, &RepoPath::root())
        .expect("the tree is there")
        .into_iter()
        .map(|entry| entry.path.as_bytes().to_vec())
        .collect();
    assert_eq!(listed, sorted);
    let changed: Vec<Vec<u8>> = crate::changes(&*source, None, &id)
        .expect("the tree is there")
        .into_iter()
        .map(|change| change.path.as_bytes().to_vec())
        .collect();
    assert_eq!(changed, sorted);
    for name in names {
        let content = source
            .read(&id, &path(&[b"d/", name].concat()))
            .expect("the file is there");
        assert_eq!(content.as_deref(), Some(name));
    }
}

fn reads_and_lists(workshop: &mut dyn Workshop) {
    let binary: Vec<u8> = (0..=255).collect();
    let first = workshop.save(
        Draft::new("Files")
            .file("d/binary", binary.clone())
            .file("d/empty", "")
            .executable("d/run", "#!/bin/sh\n")
            .symlink("d/link", "../elsewhere")
            .submodule("d/sub", absent())
            .file("d/e/deep", "1")
            .file("d.txt", "1"),
    );
    let second = workshop.save(Draft::new("Gone").remove("d/binary"));
    let source = workshop.source();
    let read = |at: &CommitId, name: &str| {
        source
            .read(at, &path(name.as_bytes()))
            .expect("the tree is there")
    };
    assert_eq!(read(&first, "d/binary"), Some(binary));
    assert_eq!(read(&second, "d/binary"), None);
    assert_eq!(read(&first, "d/empty"), Some(Vec::new()));
    assert_eq!(
        read(&first, "d/link"),
        Some(b"../elsewhere".to_vec()),
        "a link reads as its target and is not followed"
    );
    for nothing in [
        "d",
        "d/e",
        "d/sub",
        "d/sub/x",
        "d/run/x",
        "nowhere",
        "d/nowhere/x",
    ] {
        assert_eq!(read(&first, nothing), None, "`{nothing}` is no file");
    }
    assert_eq!(
        source
            .read(&first, &RepoPath::root())
            .expect("the tree is there"),
        None
    );

    let list = |folder: &RepoPath| -> Vec<(String, EntryKind)> {
        let entries = source.list(&first, folder).expect("the tree is there");
        entries
            .into_iter()
            .map(|entry| (entry.path.to_string(), entry.kind))
            .collect()
    };
    let file = |executable| EntryKind::File { executable };
    let owned = |entries: &[(&str, EntryKind)]| {
        entries
            .iter()
            .map(|(p, k)| ((*p).to_owned(), *k))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(&RepoPath::root()),
        owned(&[("d", EntryKind::Directory), ("d.txt", file(false))])
    );
    assert_eq!(
        list(&path(b"d")),
        owned(&[
            ("d/binary", file(false)),
            ("d/e", EntryKind::Directory),
            ("d/empty", file(false)),
            ("d/link", EntryKind::Symlink),
            ("d/run", file(true)),
            ("d/sub", EntryKind::Submodule),
        ])
    );
    for nothing in [
        &b"nowhere"[..],
        b"d.txt",
        b"d/sub",
        b"d/run/x",
        b"nowhere/x",
    ] {
        assert_eq!(
            list(&path(nothing)),
            [],
            "nothing is below {}",
            path(nothing)
        );
    }
    let walked: Vec<String> = walk(&*source, &first, &path(b"d"))
        .expect("the tree is there")
        .into_iter()
        .map(|entry| entry.path.to_string())
        .collect();
    assert_eq!(
        walked,
        [
            "d/binary", "d/e/deep", "d/empty", "d/link", "d/run", "d/sub"
        ]
    );
}

fn knows_ancestors(workshop: &mut dyn Workshop) {
    let root = workshop.save(Draft::new("Root").file("a", "1"));
    let left = workshop.save(Draft::new("Left").parents([root.clone()]).file("l", "1"));
    let right = workshop.save(Draft::new("Right").parents([root.clone()]).file("r", "1"));
    let merge = workshop.save(
        Draft::new("Merge")
            .parents([left.clone(), right.clone()])
            .file("r", "1"),
    );
    let source = workshop.source();
    for (ancestor, of, answer) in [
        (&root, &merge, Some(true)),
        (&left, &merge, Some(true)),
        (&right, &merge, Some(true)),
        (&merge, &merge, Some(true)),
        (&merge, &root, Some(false)),
        (&left, &right, Some(false)),
        (&absent(), &merge, None),
        (&merge, &absent(), None),
    ] {
        assert_eq!(
            source
                .is_ancestor(ancestor, of)
                .expect("history is readable"),
            answer,
            "{ancestor} of {of}"
        );
    }
    for (a, b, best) in [
        (&left, &right, vec![&root]),
        (&merge, &left, vec![&left]),
        (&root, &root, vec![&root]),
    ] {
        let common = source.common_ancestors(a, b).expect("history is readable");
        assert_eq!(common.best.iter().collect::<Vec<_>>(), best);
        assert_eq!(common.cut, []);
    }
    assert_eq!(
        source.parents(&merge).expect("the commit is there"),
        [left, right]
    );
    assert_eq!(source.parents(&root).expect("the commit is there"), []);
}
