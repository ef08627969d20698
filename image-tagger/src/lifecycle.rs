//! Amazon ECR's lifecycle policies.

use std::num::NonZeroU32;

use serde::Serialize;
use thiserror::Error;

use crate::TagPattern;
use crate::retention::RetentionPolicy;

/// What no repository reaches: ECR keeps 100,000 images in one by default (Amazon ECR service quotas).
const PRACTICALLY_ALL: NonZeroU32 = NonZeroU32::new(1_000_000).expect("it is not zero");

/// A lifecycle policy of Amazon ECR, which serialises to the JSON that `PutLifecyclePolicy` and Terraform's
/// `aws_ecr_lifecycle_policy` take.
///
/// # What it cannot say
///
/// ECR's rules know an image by its tags and its age, and nothing else. **They do not know what runs**: an image in use or
/// a rollback target is deleted like any other once its tags and its age say so, and the service that runs it fails when
/// its next task starts. Only [`retention::plan`](crate::retention::plan) keeps what is in use. Give a policy made here as
/// many images and days as no deployment outlives, or protect a tag that each deployment moves.
///
/// ```
/// use image_tagger::retention::RetentionPolicy;
/// use image_tagger::LifecyclePolicy;
///
/// let retention = RetentionPolicy::default().protect("v*".parse()?);
/// let policy = LifecyclePolicy::for_retention(&retention)?;
/// assert_eq!(policy.rules().len(), 4); // `latest`, `v*`, the last tagged ones, the untagged ones
/// println!("{}", serde_json::to_string_pretty(&policy)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecyclePolicy {
    rules: Vec<LifecycleRule>,
}

/// A rule of a lifecycle policy: which images it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LifecycleRule {
    /// The place of the rule: an image belongs to the first one whose tags it has, and to no later one.
    pub rule_priority: NonZeroU32,
    /// What it is for.
    pub description: String,
    /// Which images it is about.
    pub selection: LifecycleSelection,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Action {
    Expire,
}

impl LifecycleRule {
    /// A rule that expires what is selected.
    pub fn expire(
        priority: NonZeroU32,
        description: impl Into<String>,
        selection: LifecycleSelection,
    ) -> Self {
        Self {
            rule_priority: priority,
            description: description.into(),
            selection,
            action: Action::Expire,
        }
    }
}

/// Which images a rule is about, and which of them it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LifecycleSelection {
    /// By their tags.
    #[serde(flatten)]
    pub tags: TagSelection,
    /// By their number or age.
    #[serde(flatten)]
    pub count: CountSelection,
}

impl LifecycleSelection {
    /// Those with these tags, beyond this number or age.
    pub const fn new(tags: TagSelection, count: CountSelection) -> Self {
        Self { tags, count }
    }
}

/// Images by their tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "tagStatus",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum TagSelection {
    /// Those without a tag.
    Untagged,
    /// Those that have, for each of these patterns, a tag that matches it.
    Tagged {
        /// The patterns.
        tag_pattern_list: Vec<TagPattern>,
    },
    /// All.
    Any,
}

/// Images by their number or age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "countType", rename_all = "camelCase")]
#[non_exhaustive]
pub enum CountSelection {
    /// All but this many, the newest.
    ImageCountMoreThan {
        /// How many are left.
        #[serde(rename = "countNumber")]
        keep: NonZeroU32,
    },
    /// Those that were pushed longer ago than this.
    SinceImagePushed {
        /// The only unit there is.
        #[serde(rename = "countUnit")]
        unit: CountUnit,
        /// How many days.
        #[serde(rename = "countNumber")]
        days: NonZeroU32,
    },
}

impl CountSelection {
    /// Those that were pushed more than this many days ago.
    pub const fn older_than_days(days: NonZeroU32) -> Self {
        Self::SinceImagePushed {
            unit: CountUnit::Days,
            days,
        }
    }
}

/// The unit of an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CountUnit {
    /// Days.
    Days,
}

/// Rules that are not a lifecycle policy (Amazon ECR User Guide, "Lifecycle policy properties" and "Service quotas").
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidLifecyclePolicy {
    /// There is none.
    #[error("a lifecycle policy takes at least one rule")]
    Empty,
    /// There are too many.
    #[error("a lifecycle policy takes up to {max} rules, not {count}", max = LifecyclePolicy::MAX_RULES)]
    TooManyRules {
        /// How many there are.
        count: usize,
    },
    /// It is too long.
    #[error("a lifecycle policy takes up to {max} characters, not {length}", max = LifecyclePolicy::MAX_LENGTH)]
    TooLong {
        /// Its length as JSON.
        length: usize,
    },
    /// Two rules have one place.
    #[error("two rules of the lifecycle policy have the priority {priority}")]
    Priority {
        /// The place.
        priority: NonZeroU32,
    },
    /// Two rules are about images of the same tags: the second would never see one.
    #[error("the rules {first} and {second} of the lifecycle policy select by the same tags")]
    SameTags {
        /// The priority of the one.
        first: NonZeroU32,
        /// The priority of the other.
        second: NonZeroU32,
    },
    /// A rule is about tagged images and does not say which tags.
    #[error(
        "the rule {priority} of the lifecycle policy is about tagged images and has no pattern"
    )]
    NoPattern {
        /// The rule's priority.
        priority: NonZeroU32,
    },
    /// A pattern has too many wildcards.
    #[error("the pattern `{pattern}` has {} wildcards, and a lifecycle policy takes up to {max}", pattern.wildcards(), max = LifecyclePolicy::MAX_WILDCARDS)]
    Wildcards {
        /// The pattern.
        pattern: TagPattern,
    },
    /// A rule about all images stands before another.
    #[error(
        "the rule {priority} of the lifecycle policy is about any image and has to be the last"
    )]
    AnyNotLast {
        /// The rule's priority.
        priority: NonZeroU32,
    },
}

impl LifecyclePolicy {
    /// How many rules a policy takes.
    pub const MAX_RULES: usize = 50;
    /// How many wildcards a pattern takes.
    pub const MAX_WILDCARDS: usize = 4;
    /// How long a policy may be as JSON, in characters.
    pub const MAX_LENGTH: usize = 30_720;

    /// A policy of these rules, in the order of their priorities.
    ///
    /// # Errors
    /// When ECR would refuse it.
    pub fn new(
        rules: impl IntoIterator<Item = LifecycleRule>,
    ) -> Result<Self, InvalidLifecyclePolicy> {
        let mut rules: Vec<LifecycleRule> = rules.into_iter().collect();
        rules.sort_by_key(|rule| rule.rule_priority);
        if rules.is_empty() {
            return Err(InvalidLifecyclePolicy::Empty);
        }
        if rules.len() > Self::MAX_RULES {
            return Err(InvalidLifecyclePolicy::TooManyRules { count: rules.len() });
        }
        for (place, rule) in rules.iter().enumerate() {
            let later = &rules[place + 1..];
            check(rule, later)?;
        }
        let policy = Self { rules };
        let length = policy.to_json().len();
        if length > Self::MAX_LENGTH {
            return Err(InvalidLifecyclePolicy::TooLong { length });
        }
        Ok(policy)
    }

    /// The policy that comes nearest to a retention policy. What it keeps:
    ///
    /// - images with a protected tag, by a rule for each pattern that comes first and never has enough images to expire one
    ///   (a rule with several patterns would want all of them on one image);
    /// - the last tagged images, protected ones counted among them, as in the retention policy;
    /// - untagged images as long as the retention policy does. ECR itself keeps a manifest that an index lists.
    ///
    /// Three things differ from [`retention::plan`](crate::retention::plan): images in use are not known (see
    /// [the type](Self)); signatures that hang on tags such as `sha256-….sig` are counted as tagged images; and ECR deletes
    /// referrers up to a day after their image.
    ///
    /// # Errors
    /// When there are more protected patterns, or more wildcards in one, than ECR takes.
    pub fn for_retention(retention: &RetentionPolicy) -> Result<Self, InvalidLifecyclePolicy> {
        let mut selections: Vec<(String, LifecycleSelection)> = Vec::new();
        let all = CountSelection::ImageCountMoreThan {
            keep: PRACTICALLY_ALL,
        };
        let tagged = |pattern: TagPattern| TagSelection::Tagged {
            tag_pattern_list: vec![pattern],
        };
        let every: TagPattern = "*".parse().expect("a wildcard is a pattern");
        for pattern in &retention.protected {
            let description = format!("keep images whose tag matches {pattern}");
            selections.push((
                description,
                LifecycleSelection::new(tagged(pattern.clone()), all),
            ));
        }
        // When every tag is protected, there is nothing left for this rule.
        if !retention.protected.contains(&every) {
            let keep = retention.keep_last;
            selections.push((
                format!("keep the last {keep} tagged images"),
                LifecycleSelection::new(tagged(every), CountSelection::ImageCountMoreThan { keep }),
            ));
        }
        let days = retention.untagged_days;
        selections.push((
            format!("expire untagged images after {days} days"),
            LifecycleSelection::new(
                TagSelection::Untagged,
                CountSelection::older_than_days(days),
            ),
        ));
        Self::new(
            (1..)
                .zip(selections)
                .map(|(place, (description, selection))| {
                    let priority = NonZeroU32::new(place).expect("it counts from one");
                    LifecycleRule::expire(priority, description, selection)
                }),
        )
    }

    /// The rules, in the order in which they apply.
    pub fn rules(&self) -> &[LifecycleRule] {
        &self.rules
    }

    /// The policy as the text that ECR takes.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers serialise")
    }
}

/// Checks a rule, and that it goes together with those after it.
fn check(rule: &LifecycleRule, later: &[LifecycleRule]) -> Result<(), InvalidLifecyclePolicy> {
    let priority = rule.rule_priority;
    match &rule.selection.tags {
        TagSelection::Tagged { tag_pattern_list } if tag_pattern_list.is_empty() => {
            return Err(InvalidLifecyclePolicy::NoPattern { priority });
        }
        TagSelection::Tagged { tag_pattern_list } => {
            let wild = tag_pattern_list
                .iter()
                .find(|pattern| pattern.wildcards() > LifecyclePolicy::MAX_WILDCARDS);
            if let Some(pattern) = wild {
                return Err(InvalidLifecyclePolicy::Wildcards {
                    pattern: pattern.clone(),
                });
            }
        }
        TagSelection::Any if !later.is_empty() => {
            return Err(InvalidLifecyclePolicy::AnyNotLast { priority });
        }
        TagSelection::Any | TagSelection::Untagged => {}
    }
    for other in later {
        if other.rule_priority == priority {
            return Err(InvalidLifecyclePolicy::Priority { priority });
        }
        if other.selection.tags == rule.selection.tags {
            return Err(InvalidLifecyclePolicy::SameTags {
                first: priority,
                second: other.rule_priority,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(value: u32) -> NonZeroU32 {
        NonZeroU32::new(value).unwrap()
    }

    fn tagged(patterns: &[&str]) -> TagSelection {
        TagSelection::Tagged {
            tag_pattern_list: patterns.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn rule(priority: u32, tags: TagSelection) -> LifecycleRule {
        let count = CountSelection::older_than_days(number(1));
        LifecycleRule::expire(number(priority), "", LifecycleSelection::new(tags, count))
    }

    #[test]
    fn a_retention_policy_becomes_the_json_that_aws_documents() {
        let retention = RetentionPolicy::default()
            .keep_last(number(5))
            .untagged_days(number(30))
            .protect("v*".parse().unwrap());
        let policy = LifecyclePolicy::for_retention(&retention).unwrap();
        let kept = |priority: u32, pattern: &str| {
            json!({
                "rulePriority": priority,
                "description": format!("keep images whose tag matches {pattern}"),
                "selection": {
                    "tagStatus": "tagged", "tagPatternList": [pattern],
                    "countType": "imageCountMoreThan", "countNumber": 1_000_000,
                },
                "action": {"type": "expire"},
            })
        };
        let expected = json!({"rules": [
            kept(1, "latest"),
            kept(2, "v*"),
            {
                "rulePriority": 3,
                "description": "keep the last 5 tagged images",
                "selection": {
                    "tagStatus": "tagged", "tagPatternList": ["*"],
                    "countType": "imageCountMoreThan", "countNumber": 5,
                },
                "action": {"type": "expire"},
            },
            {
                "rulePriority": 4,
                "description": "expire untagged images after 30 days",
                "selection": {
                    "tagStatus": "untagged", "countType": "sinceImagePushed",
                    "countUnit": "days", "countNumber": 30,
                },
                "action": {"type": "expire"},
            },
        ]});
        assert_eq!(serde_json::to_value(&policy).unwrap(), expected);
        let text: serde_json::Value = serde_json::from_str(&policy.to_json()).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn where_every_tag_is_protected_only_untagged_images_expire() {
        let retention = RetentionPolicy::default().protect("*".parse().unwrap());
        let policy = LifecyclePolicy::for_retention(&retention).unwrap();
        let last = policy.rules().last().unwrap();
        assert_eq!(policy.rules().len(), 3);
        assert_eq!(last.selection.tags, TagSelection::Untagged);
    }

    #[test]
    fn protected_patterns_end_at_the_limits() {
        // Two rules are not about protected tags.
        let retention = |count: u32| {
            (0..count).fold(RetentionPolicy::unprotected(), |policy, number| {
                policy.protect(format!("v{number}.*").parse().unwrap())
            })
        };
        assert!(LifecyclePolicy::for_retention(&retention(48)).is_ok());
        assert_eq!(
            LifecyclePolicy::for_retention(&retention(49)),
            Err(InvalidLifecyclePolicy::TooManyRules { count: 51 })
        );
        let wild = |pattern: &str| {
            LifecyclePolicy::for_retention(
                &RetentionPolicy::unprotected().protect(pattern.parse().unwrap()),
            )
        };
        assert!(wild("*a*b*c*").is_ok());
        assert!(matches!(
            wild("*a*b*c*d*"),
            Err(InvalidLifecyclePolicy::Wildcards { .. })
        ));
    }

    #[test]
    fn rules_that_ecr_refuses_are_named() {
        use InvalidLifecyclePolicy as Invalid;
        let any = || rule(1, TagSelection::Any);
        for (rules, expected) in [
            (vec![], Invalid::Empty),
            (
                vec![any(), rule(2, tagged(&["a"]))],
                Invalid::AnyNotLast {
                    priority: number(1),
                },
            ),
            (
                vec![rule(7, tagged(&["a"])), rule(7, tagged(&["b"]))],
                Invalid::Priority {
                    priority: number(7),
                },
            ),
            (
                vec![rule(1, tagged(&["a"])), rule(2, tagged(&["a"]))],
                Invalid::SameTags {
                    first: number(1),
                    second: number(2),
                },
            ),
            (
                vec![rule(1, tagged(&[]))],
                Invalid::NoPattern {
                    priority: number(1),
                },
            ),
        ] {
            assert_eq!(LifecyclePolicy::new(rules), Err(expected));
        }
        // Given in another order, the rule about any image is still the last.
        let sorted = LifecyclePolicy::new([rule(9, TagSelection::Any), rule(2, tagged(&["a"]))]);
        assert_eq!(sorted.unwrap().rules()[1].selection.tags, TagSelection::Any);
    }

    #[test]
    fn a_policy_ends_at_its_length_in_characters() {
        let with = |length: usize| {
            let mut rule = rule(1, TagSelection::Untagged);
            rule.description = "x".repeat(length);
            LifecyclePolicy::new([rule])
        };
        let room = LifecyclePolicy::MAX_LENGTH - with(0).unwrap().to_json().len();
        assert!(with(room).is_ok());
        assert_eq!(
            with(room + 1),
            Err(InvalidLifecyclePolicy::TooLong { length: 30_721 })
        );
    }
}
