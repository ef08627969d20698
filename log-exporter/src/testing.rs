//! The contracts of [`Archive`] and [`LogSource`], as checks that every implementation passes.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use crate::archive::Sha256;
use crate::{Archive, Error, LogEvent, LogGroup, LogSource, Millis, Put, Span, Version};

/// Runs every check of the contract with keys below `prefix`, where nothing is so far.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn archive_contract(archive: &dyn Archive, prefix: &str) {
    let key = |name: &str| match prefix {
        "" => format!("contract/{name}"),
        prefix => format!("{prefix}/contract/{name}"),
    };
    what_is_not_there_is_none(archive, &key("missing")).await;
    of_two_that_are_new_one_is_written(archive, &key("new")).await;
    one_state_is_replaced_once(archive, &key("over")).await;
    a_list_is_whole_and_in_order(archive, &key("list/")).await;
}

async fn put(archive: &dyn Archive, key: &str, text: &str) -> Put {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let sha256 = Sha256::of(&bytes);
    let put = archive.put_new(key, bytes, &sha256).await;
    put.expect("an object is written")
}

async fn over(archive: &dyn Archive, key: &str, text: &str, version: &Version) -> Put {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let sha256 = Sha256::of(&bytes);
    let put = archive.put_over(key, bytes, &sha256, version).await;
    put.expect("an object is replaced")
}

async fn text(archive: &dyn Archive, key: &str) -> Option<(String, Version)> {
    let object = archive.get(key).await.expect("an object is read")?;
    let text = String::from_utf8(object.bytes.to_vec()).expect("text was written");
    Some((text, object.version))
}

async fn what_is_not_there_is_none(archive: &dyn Archive, key: &str) {
    assert_eq!(text(archive, key).await, None);
    assert_eq!(archive.stat(key).await.expect("that can be told"), None);
    archive
        .delete(key)
        .await
        .expect("deleting nothing is no error");
    let none = Version::new("\"0000\"");
    assert_eq!(over(archive, key, "x", &none).await, Put::Refused);
    assert_eq!(
        text(archive, key).await,
        None,
        "a refused write has written"
    );
}

async fn of_two_that_are_new_one_is_written(archive: &dyn Archive, key: &str) {
    let (one, two) = tokio::join!(put(archive, key, "one"), put(archive, key, "two"));
    assert_ne!(one, two, "both or none were written");
    let expected = if one == Put::Written { "one" } else { "two" };
    let (found, version) = text(archive, key).await.expect("one was written");
    assert_eq!(found, expected);
    assert_eq!(
        put(archive, key, expected).await,
        Put::Refused,
        "the same again"
    );
    let info = archive.stat(key).await.expect("that can be told");
    let info = info.expect("one was written");
    assert_eq!((info.size, &info.version), (3, &version));
    if let Some(sha256) = info.sha256 {
        assert_eq!(sha256, Sha256::of(expected.as_bytes()));
    }
    archive.delete(key).await.expect("it is deleted");
    assert_eq!(text(archive, key).await, None);
    assert_eq!(put(archive, key, "three").await, Put::Written);
}

async fn one_state_is_replaced_once(archive: &dyn Archive, key: &str) {
    assert_eq!(put(archive, key, "first").await, Put::Written);
    let (_, first) = text(archive, key).await.expect("it was written");
    assert_eq!(over(archive, key, "second", &first).await, Put::Written);
    assert_eq!(over(archive, key, "third", &first).await, Put::Refused);
    let (found, second) = text(archive, key).await.expect("it was written");
    assert_eq!(found, "second");
    assert_ne!(first, second);
    assert_eq!(
        over(archive, key, "", &second).await,
        Put::Written,
        "an empty object"
    );
    assert_eq!(
        text(archive, key).await.map(|(text, _)| text).as_deref(),
        Some("")
    );
}

async fn a_list_is_whole_and_in_order(archive: &dyn Archive, prefix: &str) {
    let names = ["a=1/x", "a=1/y", "a=10/x", "a=2/x", "b!c(d/z"];
    for name in names.iter().rev() {
        assert_eq!(
            put(archive, &format!("{prefix}{name}"), name).await,
            Put::Written
        );
    }
    for (below, expected) in [
        ("", &names[..]),
        ("a=1", &names[..3]),
        ("a=1/", &names[..2]),
        ("c", &[]),
    ] {
        let below = format!("{prefix}{below}");
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = archive
                .list(&below, after.as_deref())
                .await
                .expect("it is listed");
            found.extend(
                page.objects
                    .into_iter()
                    .map(|listed| (listed.key, listed.size)),
            );
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let expected: Vec<(String, u64)> = expected
            .iter()
            .map(|name| (format!("{prefix}{name}"), name.len() as u64))
            .collect();
        assert_eq!(found, expected, "below {below}");
    }
}

/// Runs every check of the contract on a group without events. `put` makes events that are seen when it is done; their ids and
/// times of ingestion may become others.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn log_source_contract<F: Future<Output = ()>>(
    source: &dyn LogSource,
    group: &LogGroup,
    now: Millis,
    put: impl Fn(Vec<LogEvent>) -> F,
) {
    let start = now.minus(Duration::from_secs(600)).epoch();
    let event = |after: i64, stream: &str, text: &str| LogEvent {
        timestamp: start + after,
        ingestion: start + after,
        stream: stream.to_owned(),
        id: format!("{after}-{text}"),
        message: text.to_owned(),
    };
    let span = |from: i64, to: i64| {
        Span::new(
            Millis::from_epoch(start + from),
            Millis::from_epoch(start + to),
        )
        .expect("it ends after it begins")
    };
    let nobody: LogGroup = "no-such-group".parse().expect("a valid name");
    let missing = source.events(&nobody, span(0, 10), None).await;
    assert!(
        matches!(&missing, Err(Error::GroupNotFound { group }) if *group == nobody),
        "{missing:?}"
    );
    assert_eq!(read(source, group, span(0, 10)).await, BTreeSet::new());
    put(vec![
        event(0, "one", "first"),
        event(9, "one", "last"),
        event(9, "two", "last \u{fffd} \u{1f680} \"quoted\"\n\u{1}"),
        event(10, "one", "next"),
    ])
    .await;
    let texts = |found: BTreeSet<(i64, String, String)>| -> Vec<String> {
        found.into_iter().map(|(_, _, text)| text).collect()
    };
    let before = texts(read(source, group, span(0, 10)).await);
    assert_eq!(
        before,
        ["first", "last", "last \u{fffd} \u{1f680} \"quoted\"\n\u{1}"],
        "the end is not part of the span"
    );
    assert_eq!(texts(read(source, group, span(10, 11)).await), ["next"]);
    assert_eq!(texts(read(source, group, span(9, 10)).await).len(), 2);
    let (one, two) = (
        ids(source, group, span(0, 20)).await,
        ids(source, group, span(0, 20)).await,
    );
    assert_eq!(one, two, "an event has the same fields whenever it is read");
    assert_eq!(one.len(), 4, "each has an identity");
    let found = source
        .groups(Some(group.as_str()), None)
        .await
        .expect("groups are listed");
    assert!(
        found.groups.iter().any(|info| info.group() == group),
        "{found:?}"
    );
    let found = source
        .groups(Some("no-such-prefix"), None)
        .await
        .expect("no group is no error");
    assert_eq!(found.groups, []);
}

async fn pages(source: &dyn LogSource, group: &LogGroup, span: Span) -> Vec<LogEvent> {
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let page = source
            .events(group, span, token.as_ref())
            .await
            .expect("a page is read");
        all.extend(page.events);
        match page.next {
            Some(next) => token = Some(next),
            None => return all,
        }
    }
}

async fn read(
    source: &dyn LogSource,
    group: &LogGroup,
    span: Span,
) -> BTreeSet<(i64, String, String)> {
    let all = pages(source, group, span).await;
    all.into_iter()
        .map(|event| (event.timestamp, event.stream, event.message))
        .collect()
}

async fn ids(
    source: &dyn LogSource,
    group: &LogGroup,
    span: Span,
) -> BTreeSet<(i64, String, String)> {
    let all = pages(source, group, span).await;
    all.into_iter()
        .map(|event| (event.ingestion, event.stream, event.id))
        .collect()
}
