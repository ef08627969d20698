//! Reports made to break the message: whatever they hold, the message is one that Slack takes.
//!
//! The limits are written down here a second time, so that a slip in the library's own constants shows.

use deploy_notifier::{
    Alarm, AlarmState, Deployment, GateCondition, GateStatus, HealthResult, HealthResults,
    HealthVerdict, InfrastructureChange, InfrastructureStatus, Notice, Promotion, PromotionStatus,
    QualityGate, Report, ServiceResult, ServiceStatus, Severity, SlackLayout, slack_details,
    slack_problems, slack_with, text,
};
use proptest::prelude::*;
use serde_json::Value;

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Checks a message against Slack's rules and returns the text in it, in UTF-16 units.
fn checked(message: &Value) -> usize {
    let mut sum = checked_markup(string(message, "text"), 3000);
    let attachments = message["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1);
    let attachment = &attachments[0];
    assert!(["good", "warning", "danger", "#439FE0"].contains(&string(attachment, "color")));
    sum += checked_markup(string(attachment, "fallback"), 3000);
    let mut blocks: Vec<&Value> = message
        .get("blocks")
        .map(|blocks| blocks.as_array().unwrap().iter().collect())
        .unwrap_or_default();
    if let Some(more) = attachment.get("blocks") {
        assert!(attachment.get("fields").is_none());
        assert!(!more.as_array().unwrap().is_empty());
        blocks.extend(more.as_array().unwrap());
    } else {
        assert!(blocks.is_empty());
        for field in attachment["fields"].as_array().unwrap() {
            assert!(field["short"].is_boolean());
            let value = string(field, "value");
            assert!(!value.contains('\n'), "{value}");
            sum += checked_markup(value, 2000) + checked_markup(string(field, "title"), 150);
        }
    }
    assert!(blocks.len() <= 50);
    for block in blocks {
        sum += match string(block, "type") {
            "header" => {
                assert_eq!(string(&block["text"], "type"), "plain_text");
                checked_markup(string(&block["text"], "text"), 150)
            }
            "section" => {
                let text = block.get("text").map(|text| checked_object(text, 3000));
                let fields = block.get("fields").map(|fields| {
                    let fields = fields.as_array().unwrap();
                    assert!((1..=10).contains(&fields.len()));
                    fields
                        .iter()
                        .map(|field| checked_object(field, 2000))
                        .sum::<usize>()
                });
                assert!(text.is_some() || fields.is_some());
                text.unwrap_or(0) + fields.unwrap_or(0)
            }
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=10).contains(&elements.len()));
                elements
                    .iter()
                    .map(|element| checked_object(element, 3000))
                    .sum()
            }
            other => panic!("a block of type {other}"),
        };
    }
    assert!(sum <= 9000, "{sum} units");
    sum
}

fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no string `{key}` in {value}"))
}

fn checked_object(object: &Value, limit: usize) -> usize {
    assert_eq!(string(object, "type"), "mrkdwn");
    assert_eq!(object["verbatim"], true);
    checked_markup(string(object, "text"), limit)
}

/// Text within its limit in which `<`, `>` and `&` have no meaning but that of our own links and of entities.
fn checked_markup(text: &str, limit: usize) -> usize {
    assert!(!text.trim().is_empty());
    assert!(units(text) <= limit, "{} units", units(text));
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>']) {
        let link = rest[at..]
            .strip_prefix("<http")
            .unwrap_or_else(|| panic!("a stray bracket in {text:?}"));
        let (target, after) = link.split_once('>').unwrap();
        assert!(
            !target.contains('<') && target.matches('|').count() == 1,
            "{target:?}"
        );
        rest = after;
    }
    for (at, _) in text.match_indices('&') {
        assert!(
            ["&amp;", "&lt;", "&gt;"]
                .iter()
                .any(|entity| text[at..].starts_with(entity)),
            "{text:?}"
        );
    }
    let words = text.to_ascii_lowercase();
    assert!(
        !["@here", "@channel", "@everyone", "```"]
            .iter()
            .any(|call| words.contains(call)),
        "{text:?}"
    );
    assert!(
        !text
            .chars()
            .any(|c| c != '\n' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))),
        "{text:?}"
    );
    units(text)
}

/// Texts of the kinds that broke other notifiers, alone and joined.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<!channel>".to_owned()),
        Just("<!here|here> @here @CHANNEL @everyone".to_owned()),
        Just("<https://evil.example|click>".to_owned()),
        Just("Fix A -> B & \"C\" 'D' \\".to_owned()),
        Just("line\r\nbreak\u{2028}\t\u{0}\u{1b}[31m".to_owned()),
        Just("``` `code` *bold* _it_ ~no~ | &amp; &lt;".to_owned()),
        Just("👩\u{200d}👩\u{200d}👧🏳️\u{200d}🌈🚀".to_owned()),
        Just("\u{202e}مرحبا שלום\u{2066}".to_owned()),
        Just("e\u{301}\u{301}\u{301}".repeat(50)),
        any::<String>(),
        "[ -~]{0,80}",
    ];
    (
        prop::collection::vec(piece, 0..6),
        prop_oneof![99 => Just(1_usize), 1 => 1_usize..400],
    )
        .prop_map(|(pieces, times)| {
            // At most some 40 kB, the size of a commit message that someone pasted a log into.
            let mut text = pieces.concat().repeat(times);
            let end = (0..=text.len().min(40_000))
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0);
            text.truncate(end);
            text
        })
}

fn url(texts: &BoxedStrategy<String>) -> impl Strategy<Value = String> + use<> {
    prop_oneof![
        texts.clone(),
        texts
            .clone()
            .prop_map(|tail| format!("https://example.com/{tail}")),
        Just("https://github.com/acme/shop/commit/2fd4e1c?a=1&b=2".to_owned()),
    ]
}

fn status() -> impl Strategy<Value = ServiceStatus> {
    use ServiceStatus::{
        Cancelled, Deployed, Failed, NotStarted, RollbackFailed, RolledBack, Started, Superseded,
        TimedOut, Unchanged, Unknown,
    };
    prop::sample::select(vec![
        Started,
        Deployed,
        Unchanged,
        Failed,
        RolledBack,
        RollbackFailed,
        Superseded,
        TimedOut,
        Cancelled,
        NotStarted,
        Unknown,
    ])
}

fn deployment(texts: &BoxedStrategy<String>) -> impl Strategy<Value = Deployment> + use<> {
    let service = (
        texts.clone(),
        status(),
        prop::option::of(texts.clone()),
        prop::option::of(texts.clone()),
        prop::option::of(any::<f64>()),
    )
        .prop_map(|(name, status, reason, image, seconds)| {
            let mut service = ServiceResult::new(name, status);
            (service.reason, service.image, service.seconds) = (reason, image, seconds);
            service
        });
    let services = prop::collection::vec(service, 0..8);
    let about = (
        prop::option::of(texts.clone()),
        prop::option::of(texts.clone()),
        prop::option::of(url(texts)),
        prop::option::of(url(texts)),
        prop::option::of(any::<f64>()),
    );
    (
        "[^\\pC\\s]{1,64}",
        prop::option::of("[0-9a-f]{40}"),
        about,
        services,
        1_usize..10,
    )
        .prop_map(|(environment, commit, about, services, times)| {
            let mut deployment = Deployment::new(environment.parse().unwrap());
            deployment.commit = commit.map(|commit| commit.parse().unwrap());
            (
                deployment.title,
                deployment.author,
                deployment.url,
                deployment.run_url,
                deployment.seconds,
            ) = about;
            deployment.services = std::iter::repeat_n(services, times).flatten().collect();
            deployment
        })
}

/// Reports of each kind whose texts are drawn from `texts`.
pub(crate) fn report(texts: &BoxedStrategy<String>) -> impl Strategy<Value = Report> + use<> {
    let targets = prop::collection::vec((texts.clone(), prop::option::of(texts.clone())), 0..30)
        .prop_map(|targets| {
            let mut results = HealthResults::new("dev".parse().unwrap());
            for (index, (name, reason)) in targets.into_iter().enumerate() {
                let mut target = HealthResult::new(
                    name,
                    [HealthVerdict::Healthy, HealthVerdict::Stale][index % 2],
                );
                target.reason = reason;
                results = results.target(target);
            }
            Report::HealthResults(results)
        });
    let gate = (
        texts.clone(),
        url(texts),
        prop::collection::vec((texts.clone(), texts.clone(), texts.clone()), 0..20),
    )
        .prop_map(|(project, url, conditions)| {
            let gate = QualityGate::new(project, GateStatus::Failed).url(url);
            Report::QualityGate(conditions.into_iter().fold(
                gate,
                |gate, (metric, actual, threshold)| {
                    gate.condition(
                        GateCondition::new(metric, GateStatus::Failed)
                            .actual(actual)
                            .threshold(threshold),
                    )
                },
            ))
        });
    let change = (
        texts.clone(),
        texts.clone(),
        url(texts),
        prop::collection::vec(texts.clone(), 0..60),
        any::<u64>(),
    )
        .prop_map(|(reason, author, url, resources, count)| {
            let change =
                InfrastructureChange::new("dev".parse().unwrap(), InfrastructureStatus::Failed)
                    .counts(count, count, count)
                    .reason(reason)
                    .author(author)
                    .run_url(url);
            Report::InfrastructureChange(
                resources
                    .into_iter()
                    .fold(change, InfrastructureChange::resource),
            )
        });
    let promotion = (deployment(texts), prop::bool::ANY).prop_map(|(deployment, completed)| {
        let status = [PromotionStatus::Failed, PromotionStatus::Completed][usize::from(completed)];
        let mut promotion = Promotion::new("dev".parse().unwrap(), deployment.environment, status);
        (promotion.commit, promotion.title) = (deployment.commit, deployment.title);
        (promotion.author, promotion.url) = (deployment.author, deployment.url);
        promotion.services = deployment.services;
        Report::Promotion(promotion)
    });
    let said = || prop::option::of(texts.clone());
    let state = prop::sample::select(vec![
        AlarmState::Ok,
        AlarmState::Alarm,
        AlarmState::InsufficientData,
    ]);
    let alarm = (
        (texts.clone(), state),
        (said(), said(), said(), said()),
        (said(), said(), said()),
        prop::option::of(url(texts)),
    )
        .prop_map(|((name, state), words, place, url)| {
            let mut alarm = Alarm::new(name, state);
            (
                alarm.description,
                alarm.reason,
                alarm.watches,
                alarm.condition,
            ) = words;
            (alarm.account, alarm.region, alarm.at) = place;
            alarm.url = url;
            Report::Alarm(alarm)
        });
    let notice = (
        texts.clone(),
        prop::collection::vec(texts.clone(), 0..20),
        said(),
        prop::option::of(url(texts)),
    )
        .prop_map(|(title, lines, source, url)| {
            let mut notice = Notice::new(title, lines.join("\n")).severity(Severity::Warning);
            (notice.source, notice.url) = (source, url);
            Report::Notice(notice)
        });
    prop_oneof![
        promotion,
        alarm,
        notice,
        deployment(texts).prop_map(Report::DeploymentStarted),
        deployment(texts).prop_map(Report::DeploymentCompleted),
        deployment(texts).prop_map(Report::DeploymentFailed),
        deployment(texts).prop_map(Report::RolledBack),
        targets,
        gate,
        change,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_report_becomes_a_message_within_every_limit(report in report(&hostile().boxed())) {
        for layout in [SlackLayout::Blocks, SlackLayout::Fields] {
            let json = serde_json::to_string(&slack_with(&report, layout)).unwrap();
            let message = serde_json::from_str(&json).unwrap();
            checked(&message);
            prop_assert_eq!(slack_problems(&message), []);
        }
        if let Some(details) = slack_details(&report) {
            checked(&serde_json::to_value(details).unwrap());
        }
        let lines = text(&report);
        prop_assert!(lines.lines().count() <= 16);
        prop_assert!(!lines.chars().any(|c| c != '\n' && c.is_control()));
        prop_assert_eq!(lines.lines().filter(|line| !line.starts_with("  ")).count(), 1);
    }
}

/// The widest report that each part of a card can hold must come close to the limits, or the check above proves little.
#[test]
fn the_widest_report_comes_close_to_the_limits() {
    let wide = |name: &str| format!("{name}{}", "&".repeat(5000));
    let mut deployment = Deployment::new("&".repeat(64).parse().unwrap())
        .title(wide("title"))
        .author(wide("author"));
    deployment.url = Some(format!("https://example.com/{}", "a".repeat(1900)));
    deployment.run_url = deployment.url.clone();
    for _ in 0..60 {
        let service = ServiceResult::new(wide("name"), ServiceStatus::Failed)
            .reason(wide("reason"))
            .image(wide("image"));
        deployment = deployment.service(service);
    }
    let message = serde_json::to_value(slack_with(
        &Report::DeploymentFailed(deployment),
        SlackLayout::Blocks,
    ))
    .unwrap();
    let sum = checked(&message);
    assert!(sum > 7000, "{sum} units");
    assert!(
        message.to_string().contains("… and "),
        "what was left out is counted"
    );
}
