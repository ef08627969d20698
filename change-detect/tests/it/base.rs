//! Choosing what to compare with.

use std::collections::BTreeSet;

use change_detect::sim::{Draft, SimRepository};
use change_detect::{
    Bases, Choice, CommitId, Confidence, Deepen, DiffSource, Error, Method, OnUnknown, Options,
    Situation, choose, detect,
};
use proptest::prelude::*;

use crate::support::names;

fn save(repository: &SimRepository, parents: &[&CommitId], file: &str) -> CommitId {
    repository
        .save(
            Draft::new(file)
                .parents(parents.iter().map(|id| (*id).clone()))
                .file(format!("services/{file}/x"), file),
        )
        .unwrap()
}

/// A trunk of three commits, and a branch of two that left it at the first.
fn branched() -> (SimRepository, Vec<CommitId>, Vec<CommitId>) {
    let repository = SimRepository::new();
    let a = save(&repository, &[], "a");
    let b = save(&repository, &[&a], "b");
    let c = save(&repository, &[&b], "c");
    let d = save(&repository, &[&a], "d");
    let e = save(&repository, &[&d], "e");
    repository.name("refs/remotes/origin/main", &c);
    (repository, vec![a, b, c], vec![d, e])
}

fn chosen(repository: &SimRepository, situation: &Situation) -> Choice {
    choose(repository, situation, None).unwrap()
}

fn push(branch: &str, before: Option<&CommitId>, after: &CommitId) -> Situation {
    Situation::Push {
        branch: branch.to_owned(),
        before: before.cloned(),
        after: after.clone(),
        default_branch: Some("main".to_owned()),
    }
}

fn absent() -> CommitId {
    "ab".repeat(20).parse().unwrap()
}

#[test]
fn named_revisions_are_compared_directly() {
    let (repository, trunk, branch) = branched();
    let situation = Situation::Revisions {
        base: trunk[2].to_string(),
        head: "HEAD".to_owned(),
    };
    let choice = chosen(&repository, &situation);
    assert_eq!(
        (choice.bases, choice.head, choice.method),
        (
            Bases::One(trunk[2].clone()),
            branch[1].clone(),
            Method::Explicit
        )
    );
    for base in ["nowhere".to_owned(), absent().to_string()] {
        let situation = Situation::Revisions {
            base: base.clone(),
            head: "HEAD".to_owned(),
        };
        match chosen(&repository, &situation).bases {
            Bases::Unknown { reason } => assert!(reason.contains(&base), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let situation = Situation::Revisions {
        base: "HEAD".to_owned(),
        head: "nowhere".to_owned(),
    };
    assert!(matches!(
        choose(&repository, &situation, None),
        Err(Error::UnknownRevision { .. })
    ));
}

#[test]
fn since_means_where_the_head_left() {
    let (repository, trunk, _) = branched();
    let since = |trunk: &str| {
        let situation = Situation::Since {
            trunk: trunk.to_owned(),
            head: "HEAD".to_owned(),
        };
        chosen(&repository, &situation)
    };
    let choice = since("refs/remotes/origin/main");
    assert_eq!(
        (choice.bases, choice.method),
        (Bases::One(trunk[0].clone()), Method::MergeBase)
    );
    assert!(matches!(since("nowhere").bases, Bases::Unknown { .. }));
}

#[test]
fn a_push_is_compared_with_what_the_branch_was() {
    let (repository, trunk, branch) = branched();
    let choice = chosen(&repository, &push("main", Some(&trunk[0]), &trunk[2]));
    assert_eq!(
        (choice.bases, choice.method),
        (Bases::One(trunk[0].clone()), Method::BeforePush)
    );
    let forced = chosen(&repository, &push("main", Some(&trunk[2]), &branch[1]));
    assert_eq!(
        forced.bases,
        Bases::One(trunk[2].clone()),
        "not with the merge base, which loses what was taken back"
    );
    assert!(forced.reason.contains("force-pushed"), "{}", forced.reason);
    let gone = chosen(&repository, &push("main", Some(&absent()), &branch[1]));
    assert!(matches!(gone.bases, Bases::Unknown { .. }));
    assert!(
        gone.reason.contains(absent().short()),
        "it is named: {}",
        gone.reason
    );
}

#[test]
fn a_new_branch_is_compared_with_where_it_left_the_default_branch() {
    let (repository, trunk, branch) = branched();
    let new = |branch_name: &str, default: Option<&str>| {
        let situation = Situation::Push {
            branch: branch_name.to_owned(),
            before: None,
            after: branch[1].clone(),
            default_branch: default.map(str::to_owned),
        };
        chosen(&repository, &situation).bases
    };
    assert_eq!(new("topic", Some("main")), Bases::One(trunk[0].clone()));
    assert_eq!(new("main", Some("main")), Bases::Nothing);
    assert!(matches!(new("topic", Some("trunk")), Bases::Unknown { .. }));
    assert!(matches!(new("topic", None), Bases::Unknown { .. }));
}

#[test]
fn a_pull_request_is_compared_with_what_it_was_merged_into_or_left() {
    let (repository, trunk, branch) = branched();
    let situation = Situation::PullRequest {
        base: trunk[1].clone(),
        head: branch[1].clone(),
    };
    let choice = chosen(&repository, &situation);
    assert_eq!(
        (choice.bases, choice.head.clone(), choice.method),
        (
            Bases::One(trunk[0].clone()),
            branch[1].clone(),
            Method::MergeBase
        )
    );
    // What GitHub checks out: the head merged into the newest target.
    let merge = save(&repository, &[&trunk[2], &branch[1]], "e");
    let choice = chosen(&repository, &situation);
    assert_eq!(
        (choice.bases, choice.head, choice.method),
        (Bases::One(trunk[2].clone()), merge, Method::MergeParent)
    );
    // And with a depth of one, its parents are known by name only.
    repository.cut(1);
    repository.lose_commit(&trunk[2]);
    assert!(matches!(
        chosen(&repository, &situation).bases,
        Bases::Unknown { .. }
    ));
}

#[test]
fn a_merge_group_is_compared_with_what_it_builds_on() {
    let (repository, trunk, _) = branched();
    let situation = |base: &CommitId| Situation::MergeGroup {
        base: base.clone(),
        head: trunk[2].clone(),
    };
    assert_eq!(
        chosen(&repository, &situation(&trunk[1])).bases,
        Bases::One(trunk[1].clone())
    );
    assert!(matches!(
        chosen(&repository, &situation(&absent())).bases,
        Bases::Unknown { .. }
    ));
}

#[test]
fn a_tag_is_compared_with_the_one_before_it_of_its_kind() {
    let (repository, trunk, branch) = branched();
    repository.name("v1.0.0", &trunk[0]);
    repository.name("app-v9", &trunk[1]);
    repository.name("v2.0.0", &branch[0]);
    repository.name("v1.1.0", &trunk[2]);
    let tag = |name: &str, commit: &CommitId| {
        let situation = Situation::Tag {
            name: name.to_owned(),
            commit: commit.clone(),
        };
        let choice = chosen(&repository, &situation);
        (choice.bases, choice.method)
    };
    assert_eq!(
        tag("v1.1.0", &trunk[2]),
        (Bases::One(trunk[0].clone()), Method::PreviousTag)
    );
    assert_eq!(
        tag("app-v9", &trunk[1]),
        (Bases::Nothing, Method::Beginning)
    );
    repository.cut(1);
    repository.lose_commit(&trunk[0]);
    repository.lose_commit(&trunk[1]);
    assert_eq!(
        tag("v1.1.0", &trunk[2]).1,
        Method::None,
        "the tag before may be beyond the cut"
    );
}

#[test]
fn without_an_event_it_is_the_branch_or_the_commit_before() {
    let (repository, trunk, branch) = branched();
    let local = |head: &CommitId| {
        let situation = Situation::Local {
            head: head.to_string(),
        };
        let choice = chosen(&repository, &situation);
        (choice.bases, choice.method)
    };
    assert_eq!(
        local(&branch[1]),
        (Bases::One(trunk[0].clone()), Method::MergeBase)
    );
    assert_eq!(
        local(&trunk[2]),
        (Bases::One(trunk[1].clone()), Method::Parent)
    );
    assert_eq!(local(&trunk[0]), (Bases::Nothing, Method::Beginning));
    repository.cut(1);
    assert_eq!(local(&trunk[2]).1, Method::None, "cut, and not the first");
}

#[test]
fn an_event_that_says_nothing_has_no_base() {
    let (repository, ..) = branched();
    let situation = Situation::Unsaid {
        event: "schedule".to_owned(),
        head: "HEAD".to_owned(),
    };
    let choice = chosen(&repository, &situation);
    assert!(choice.reason.contains("`schedule`"));
    let fails = detect(
        &repository,
        &choice.bases,
        &choice.head,
        &Options::default(),
    );
    match fails {
        Err(error @ Error::NoBase { .. }) => assert!(!error.is_usage() && error.hint().is_some()),
        other => panic!("{other:?}"),
    }
    let options = Options::default().on_unknown(OnUnknown::All);
    let all = detect(&repository, &choice.bases, &choice.head, &options).unwrap();
    assert_eq!(names(&all.services), ["a", "d", "e"]);
    assert_eq!(all.confidence, Confidence::OverApproximate);
    assert!(all.reason.unwrap().contains("`schedule`"));
}

#[test]
fn what_is_missing_is_fetched_only_where_that_is_allowed() {
    let (repository, trunk, branch) = branched();
    repository.cut(1);
    let situation = Situation::Since {
        trunk: "refs/remotes/origin/main".to_owned(),
        head: branch[1].to_string(),
    };
    let refused = chosen(&repository, &situation);
    assert!(refused.reason.contains("cut at"), "{}", refused.reason);
    let fetched = choose(&repository, &situation, Some(&repository)).unwrap();
    assert_eq!(fetched.bases, Bases::One(trunk[0].clone()));

    repository.cut(1);
    let situation = push("main", Some(&trunk[1]), &trunk[2]);
    assert!(matches!(
        chosen(&repository, &situation).bases,
        Bases::Unknown { .. }
    ));
    let fetched = choose(&repository, &situation, Some(&repository)).unwrap();
    assert_eq!(fetched.bases, Bases::One(trunk[1].clone()));
}

/// A remote that gives nothing ends the search.
#[derive(Debug)]
struct Silent;

impl Deepen for Silent {
    fn deepen(&self, _: &[CommitId], _: u32) -> Result<bool, Error> {
        Ok(false)
    }

    fn fetch(&self, _: &CommitId) -> Result<bool, Error> {
        Ok(false)
    }

    fn fetch_tags(&self) -> Result<bool, Error> {
        Ok(false)
    }
}

#[test]
fn a_remote_that_gives_nothing_leaves_it_unknown() {
    let (repository, _, branch) = branched();
    repository.cut(1);
    let situation = Situation::Since {
        trunk: "refs/remotes/origin/main".to_owned(),
        head: branch[1].to_string(),
    };
    let choice = choose(&repository, &situation, Some(&Silent)).unwrap();
    assert!(matches!(choice.bases, Bases::Unknown { .. }));
}

#[test]
fn histories_that_crossed_count_from_both_places() {
    let (repository, trunk, branch) = branched();
    // The trunk took the branch's first commit, and the branch the trunk's second.
    let left = save(&repository, &[&trunk[1], &branch[0]], "l");
    let right = save(&repository, &[&branch[0], &trunk[1]], "r");
    let situation = Situation::Since {
        trunk: left.to_string(),
        head: right.to_string(),
    };
    let choice = chosen(&repository, &situation);
    let Bases::Each(bases) = &choice.bases else {
        panic!("{choice:?}");
    };
    let both: BTreeSet<&CommitId> = bases.iter().collect();
    assert_eq!(both, BTreeSet::from([&trunk[1], &branch[0]]));
    let detection = detect(
        &repository,
        &choice.bases,
        &choice.head,
        &Options::default(),
    )
    .unwrap();
    assert_eq!(detection.confidence, Confidence::OverApproximate);
    assert!(detection.services.contains(&"r".parse().unwrap()));
}

/// A history of commits on top of each other and of merges; each touches one of six services.
fn history(shape: &[(Vec<prop::sample::Index>, u8, i8)]) -> (SimRepository, Vec<CommitId>) {
    let repository = SimRepository::new();
    let mut ids: Vec<CommitId> = Vec::new();
    for (n, (parents, service, seconds)) in shape.iter().enumerate() {
        let picked: BTreeSet<usize> = parents
            .iter()
            .filter(|_| n > 0)
            .map(|parent| parent.index(n))
            .collect();
        let draft = Draft::new(n.to_string())
            .parents(picked.iter().map(|parent| ids[*parent].clone()))
            .seconds(i64::try_from(n).unwrap() * 2 + i64::from(*seconds))
            .file(format!("services/s{}/x", service % 6), n.to_string());
        ids.push(repository.save(draft).unwrap());
    }
    (repository, ids)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn a_cut_history_never_gives_less_and_calls_it_exact(
        shape in proptest::collection::vec((proptest::collection::vec(any::<prop::sample::Index>(), 1..3), any::<u8>(), -4_i8..4), 2..16),
        trunk in any::<prop::sample::Index>(), head in any::<prop::sample::Index>(),
        depth in 1_usize..8,
        fetch in any::<bool>(),
    ) {
        let (repository, ids) = history(&shape);
        let (trunk, head) = (&ids[trunk.index(ids.len())], &ids[head.index(ids.len())]);
        repository.name("trunk", trunk);
        repository.checkout(head);
        let situation = Situation::Since { trunk: "trunk".to_owned(), head: "HEAD".to_owned() };
        let look = |deepen: Option<&dyn Deepen>| {
            let choice = choose(&repository, &situation, deepen).unwrap();
            let found = detect(&repository, &choice.bases, &choice.head, &Options::default());
            (choice.bases, found)
        };
        let (whole_bases, whole) = look(None);
        let whole = whole.unwrap();
        repository.cut(depth);
        let (bases, cut) = look(fetch.then_some(&repository));
        match cut {
            Ok(cut) => {
                prop_assert_eq!(bases, whole_bases);
                prop_assert_eq!(&cut.services, &whole.services);
                prop_assert_eq!(cut.confidence, whole.confidence);
            }
            Err(Error::NoBase { .. }) => prop_assert!(!fetch, "what is missing could have been fetched"),
            // The base is known by name, and its tree is beyond the cut.
            Err(Error::UnknownBase { .. }) => prop_assert!(!fetch),
            Err(error) => prop_assert!(false, "{error}"),
        }
        let everything = Options::default().on_unknown(OnUnknown::All);
        let choice = choose(&repository, &situation, None).unwrap();
        let all = detect(&repository, &choice.bases, &choice.head, &everything).unwrap();
        let all: BTreeSet<_> = all.services.into_iter().collect();
        prop_assert!(whole.services.iter().all(|service| all.contains(service)), "never less");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_tag_before_is_that_of_the_whole_history_or_unknown(
        shape in proptest::collection::vec((proptest::collection::vec(any::<prop::sample::Index>(), 1..3), any::<u8>(), -4_i8..4), 2..16),
        tagged in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        depth in 1_usize..8,
        without_tags in any::<bool>(),
        fetch in any::<bool>(),
    ) {
        let (repository, ids) = history(&shape);
        let head = &ids[ids.len() - 1];
        for (n, commit) in tagged.iter().enumerate() {
            repository.name(format!("v{n}"), &ids[commit.index(ids.len())]);
        }
        repository.name("v9", head);
        let situation = Situation::Tag { name: "v9".to_owned(), commit: head.clone() };
        let whole = chosen(&repository, &situation);
        for n in 0..tagged.len() {
            if without_tags {
                repository.lose_tag(&format!("v{n}"));
            }
        }
        repository.cut(depth);
        let choice = choose(&repository, &situation, fetch.then_some(&repository)).unwrap();
        if fetch || !matches!(choice.bases, Bases::Unknown { .. }) {
            prop_assert_eq!(choice.bases, whole.bases);
        }
        let silent = choose(&repository, &situation, Some(&Silent)).unwrap();
        if !matches!(silent.bases, Bases::Unknown { .. }) {
            prop_assert_eq!(silent.bases, chosen(&repository, &situation).bases);
        }
    }
}

#[test]
fn the_source_that_reads_can_be_the_one_that_fetches() {
    let (repository, _, branch) = branched();
    repository.cut(1);
    assert!(
        repository
            .deepen(std::slice::from_ref(&branch[1]), 8)
            .unwrap()
    );
    assert_eq!(repository.parents(&branch[1]).unwrap(), [branch[0].clone()]);
    assert!(
        !repository
            .deepen(std::slice::from_ref(&branch[1]), 8)
            .unwrap()
    );
}
