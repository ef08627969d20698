//! What earlier looks have shown.

use std::collections::BTreeSet;

use super::{Deployment, Role, Snapshot};

/// What earlier looks have shown of the expected deployment, and of those that it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    deployment: Option<Deployment>,
    /// The task definitions that it replaces.
    replaced: BTreeSet<String>,
}

impl Past {
    /// Remembers what a look showed, of which `ours` is the expected deployment.
    pub fn take(&mut self, snapshot: &Snapshot, ours: &Deployment) {
        self.deployment = Some(ours.clone());
        if ours.role != Role::Primary {
            return;
        }
        let replaced = snapshot
            .deployments
            .iter()
            .filter(|other| other.id != ours.id && other.task_definition != ours.task_definition)
            .map(|other| other.task_definition.clone());
        self.replaced.extend(replaced);
    }

    /// The expected deployment as it was at the last look that showed it.
    pub const fn deployment(&self) -> Option<&Deployment> {
        self.deployment.as_ref()
    }

    /// Whether `next`, which took the place of `ours`, goes back: to what `ours` replaced, or to an earlier revision.
    pub(super) fn is_return(&self, ours: &Deployment, next: &Deployment) -> bool {
        let is_earlier = || {
            let (family, revision) = parts(&ours.task_definition)?;
            let (next_family, next_revision) = parts(&next.task_definition)?;
            Some(family == next_family && next_revision < revision)
        };
        self.replaced.contains(&next.task_definition) || is_earlier().unwrap_or(false)
    }
}

/// Family and revision of a task definition.
fn parts(definition: &str) -> Option<(&str, u64)> {
    let (family, revision) = definition.rsplit_once(':')?;
    Some((family, revision.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(id: &str, definition: &str, role: Role) -> Deployment {
        Deployment::new(id, definition, role)
    }

    #[test]
    fn an_earlier_revision_and_what_was_replaced_are_returns() {
        let ours = deployment("ecs-svc/2", "arn/web:10", Role::Primary);
        let mut past = Past::default();
        let snapshot = Snapshot {
            deployments: vec![
                ours.clone(),
                deployment("ecs-svc/1", "arn/other:12", Role::Active),
                deployment("ecs-svc/0", "arn/web:10", Role::Active),
            ],
            ..Snapshot::default()
        };
        past.take(&snapshot, &ours);
        for (definition, expected) in [
            ("arn/web:9", true),
            ("arn/other:12", true),
            ("arn/web:10", false),
            ("arn/web:11", false),
            ("arn/another:1", false),
            ("arn/web", false),
        ] {
            let next = deployment("ecs-svc/3", definition, Role::Primary);
            assert_eq!(past.is_return(&ours, &next), expected, "{definition}");
        }
    }
}
