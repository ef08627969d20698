//! Least privilege: each program passes under exactly the policy that Terraform plans for its role, and without any one action of it it says
//! which one it lacks.
//!
//! A row says what is done under which role. It is done once under the whole policy, and once more for each action that it used then, with that
//! action denied. What of the policy no row used is too much.

mod deployer;
mod functions;
mod moto;
mod rotator;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::task::Error;

use super::applied::{Applied, World};
use super::gate::{Seen, Session};
use super::iam::{Grant, Policy};
use super::program::Said;
use super::{Job, Outcome};

/// Refusals that a program does not name yet, though it fails or goes on as it should: a registry refuses a `HEAD` without a word, and windlass shows
/// no notes on how a rollout is followed.
const UNNAMED: [(&str, &str); 12] = [
    ("ecs-deployer", "ecr:GetDownloadUrlForLayer"),
    ("ecs-deployer", "ecs:DescribeServiceDeployments"),
    ("image-tagger", "ecr:BatchGetImage"),
    ("image-tagger", "ecr:InitiateLayerUpload"),
    ("windlass", "ecr:BatchGetImage"),
    ("windlass", "ecr:InitiateLayerUpload"),
    ("windlass", "ecs:DescribeServiceDeployments"),
    ("windlass", "ecs:DescribeServiceRevisions"),
    ("windlass", "ecs:DescribeTasks"),
    ("windlass", "ecs:ListServiceDeployments"),
    ("windlass", "ecs:ListTasks"),
    ("windlass", "ecs:StopServiceDeployment"),
];

/// How many programs run at once: most of the time they wait.
const AT_ONCE: usize = 6;

/// Something that is done under a role.
pub(super) struct Row {
    /// What, for people.
    name: &'static str,
    /// The program, or the part of it that is held to what it uses alone; an action is taken away once from each.
    program: &'static str,
    /// Makes the scene and does it, as this session.
    act: fn(&Scene<'_>) -> Result<Said, Error>,
    /// The exit code under the whole policy.
    ends: i32,
    /// Actions without which the program goes on and says so.
    goes_on: &'static [&'static str],
    /// Actions that it asks for, that the policy does not have, and that it does without.
    does_without: &'static [&'static str],
}

/// A role, its rows, and what its policy has for others than the program.
pub(super) struct Role {
    name: &'static str,
    policy: fn(&Applied) -> Result<Policy, Error>,
    rows: &'static [Row],
    /// Grants, by their Sid or action, that no program uses, each with the reason.
    others: &'static [(&'static str, &'static str)],
    /// The Sids that matter, where the others are those of a role that is checked in full.
    own: Option<&'static [&'static str]>,
    /// Whether it is about services in ECS: each run then has one to itself.
    deploys: bool,
}

impl Role {
    fn is_own(&self, grant: &Grant) -> bool {
        self.own.is_none_or(|own| own.contains(&grant.sid.as_str()))
    }
}

/// Where a row is done.
pub(super) struct Scene<'a> {
    applied: &'a Applied,
    session: Arc<Session>,
    /// The number of the run; nothing else has it.
    number: usize,
    /// A service and a site, this run's alone if its role deploys.
    service: &'a str,
    site: usize,
}

pub(super) fn jobs<'a>(world: &'a World<'a>) -> Vec<Job<'a>> {
    let roles = [&deployer::DEV, &deployer::STAGING]
        .into_iter()
        .chain(functions::ROLES)
        .chain([&rotator::ROLE]);
    let mut jobs: Vec<Job<'a>> = roles
        .map(|role| {
            Job::new(format!("privilege {}", role.name), move || {
                match world.applied() {
                    Ok(applied) => check(applied, role),
                    Err(outcome) => Ok(outcome),
                }
            })
        })
        .collect();
    jobs.push(Job::new("privilege by moto itself", move || {
        match world.applied() {
            Ok(applied) => moto::check(applied),
            Err(outcome) => Ok(outcome),
        }
    }));
    jobs.push(Job::new("privilege documented", move || {
        match world.applied() {
            Ok(applied) => documented(applied),
            Err(outcome) => Ok(outcome),
        }
    }));
    jobs
}

/// Whether the README of windlass has the very policy that its programs are held to.
fn documented(applied: &Applied) -> Result<Outcome, Error> {
    let file = crate::cargo::root().join("bins/windlass/README.md");
    let text = super::copy::read(&file)?;
    let written = text
        .split_once("## IAM")
        .and_then(|(_, rest)| rest.split_once("```json"))
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(json, _)| json)
        .unwrap_or_default();
    let read = |text: &str| -> Result<Value, Error> {
        serde_json::from_str(text)
            .map_err(|source| Error::broken(format!("a policy in `{}`", file.display()), source))
    };
    let mut held = applied.bootstrap.role("sdt-dev-deployer")?;
    let planned = held.pop().map(|(_, text)| text).unwrap_or_default();
    Ok(if read(written)? == read(&planned)? {
        Outcome::Passed(1)
    } else {
        Outcome::Failed(format!(
            "the policy in `{}` is not the deployer's, which is:\n{planned}",
            file.display()
        ))
    })
}

/// One run of a row, done.
struct Done {
    row: usize,
    without: Option<String>,
    said: Said,
    seen: Seen,
}

fn check(applied: &Applied, role: &Role) -> Result<Outcome, Error> {
    let policy = (role.policy)(applied)?;
    let whole: Vec<(usize, Option<String>)> = (0..role.rows.len()).map(|row| (row, None)).collect();
    let mut first = run_all(applied, role, &policy, whole)?;
    // Which row an action is taken away from is not for whoever was quicker.
    first.sort_by_key(|done| done.row);
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    let mut lacking = BTreeMap::new();
    for done in &first {
        let row = &role.rows[done.row];
        let Seen {
            refused, unknown, ..
        } = &done.seen;
        let refused: Vec<_> = refused
            .iter()
            .filter(|(action, _)| !row.does_without.contains(&action.as_str()))
            .collect();
        if done.said.code != Some(row.ends) || !refused.is_empty() || !unknown.is_empty() {
            findings.push(format!(
                "{} under the whole policy ended with {:?}, refused {refused:?}, not known {unknown:?}:\n{}",
                row.name, done.said.code, done.said.text
            ));
        }
        for (action, grant) in &done.seen.used {
            used.insert(grant.clone());
            if role.is_own(grant) {
                lacking
                    .entry((row.program, action.clone()))
                    .or_insert(done.row);
            }
        }
    }
    if !findings.is_empty() {
        return Ok(Outcome::Failed(findings.join("\n")));
    }
    let without: Vec<(usize, Option<String>)> = lacking
        .into_iter()
        .map(|((_, action), row)| (row, Some(action)))
        .collect();
    let second = run_all(applied, role, &policy, without)?;
    findings.extend(
        second
            .iter()
            .filter_map(|done| lacks(&role.rows[done.row], done)),
    );
    let unused: Vec<Grant> = policy
        .grants()
        .filter(|grant| role.is_own(grant) && !used.contains(grant))
        .filter(|grant| {
            !role
                .others
                .iter()
                .any(|(other, _)| *other == grant.sid || *other == grant.action)
        })
        .collect();
    if !unused.is_empty() {
        findings.push(format!(
            "the policy allows what nothing here uses: {unused:?}"
        ));
    }
    if findings.is_empty() {
        for (other, reason) in role.others {
            println!("stack: {}: {other} is {reason}", role.name);
        }
        for (program, action) in UNNAMED {
            if second.iter().any(|done| {
                role.rows[done.row].program == program && done.without.as_deref() == Some(action)
            }) {
                println!(
                    "stack: {}: {program} does not name {action} when it lacks it",
                    role.name
                );
            }
        }
        Ok(Outcome::Passed((first.len() + second.len()) as u64))
    } else {
        Ok(Outcome::Failed(findings.join("\n")))
    }
}

/// What is wrong with a run without an action, if something is.
fn lacks(row: &Row, done: &Done) -> Option<String> {
    let action = done.without.as_deref().unwrap_or_default();
    let asked = done
        .seen
        .refused
        .iter()
        .any(|(refused, _)| refused == action);
    let names = done.said.text.contains(action) || UNNAMED.contains(&(row.program, action));
    let ended = done.said.code != Some(row.ends) || row.goes_on.contains(&action);
    if asked && names && ended {
        return None;
    }
    Some(format!(
        "{} without {action} (asked for: {asked}, named: {names}, exit code {:?}):\n{}",
        row.name, done.said.code, done.said.text
    ))
}

/// Does each of these, several at a time, each with a service and a site of its own.
fn run_all(
    applied: &Applied,
    role: &Role,
    policy: &Policy,
    runs: Vec<(usize, Option<String>)>,
) -> Result<Vec<Done>, Error> {
    let queue = Mutex::new(runs.into_iter());
    let done = Mutex::new(Vec::new());
    let worker = || -> Result<(), Error> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((row, without)) = next else {
                return Ok(());
            };
            let policy = match &without {
                None => policy.clone(),
                Some(action) => policy.clone().and(Policy::denying(action)),
            };
            let scene = Scene::open(applied, role, policy)?;
            let said = (role.rows[row].act)(&scene)?;
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Done {
                    row,
                    without,
                    said,
                    seen: scene.session.seen(),
                });
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(Error::Broken("a worker panicked".into())))
        })
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The number of the next scene.
static SCENES: AtomicUsize = AtomicUsize::new(0);
/// The number of the next one with a service to itself.
static PLACES: AtomicUsize = AtomicUsize::new(0);

impl<'a> Scene<'a> {
    fn open(applied: &'a Applied, role: &Role, policy: Policy) -> Result<Self, Error> {
        let number = SCENES.fetch_add(1, Ordering::SeqCst);
        let mut services = super::checkout::services(&applied.dev);
        // These have no secrets to look up.
        services.retain(|name| !["config-server", "discovery-server"].contains(name));
        // The first site is that of the deployments; each other has each service once.
        let place = match role.deploys {
            true => PLACES.fetch_add(1, Ordering::SeqCst),
            false => 0,
        };
        let (site, index) = (1 + place / services.len(), place % services.len());
        if site >= super::applied::SITES {
            return Err(Error::Broken(format!(
                "there are more than {place} runs that deploy, and not as many services in {} clusters",
                super::applied::SITES
            )));
        }
        let suffix = format!("-{number}");
        for bucket in applied.buckets() {
            applied.account.set_up(
                "s3",
                super::http::Request::new("PUT", format!("/{bucket}{suffix}")),
            )?;
        }
        let session = Session::new(format!("ASIA{number:04}"), role.name, policy)
            .site(site)
            .own_buckets(suffix);
        Ok(Self {
            applied,
            session: applied.account.gate.admit(session),
            number,
            service: services[index],
            site,
        })
    }

    /// A session at the same site that may do everything: what was there before.
    fn elder(&self) -> Arc<Session> {
        let key = format!("ASIAELDER{:04}", self.number);
        let session = Session::new(key, "elder", Policy::everything())
            .site(self.site)
            .own_buckets(format!("-{}", self.number));
        self.applied.account.gate.admit(session)
    }
}
