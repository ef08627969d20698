//! A million events as a service writes them, and the pages that they come in.

use std::fmt::Write;

use crate::bench::chance::Chance;

pub(super) const GROUP: &str = "/ecs/bench";
pub(super) const FROM: &str = "2026-01-05T10:00:00Z";
pub(super) const TO: &str = "2026-01-05T11:00:00Z";
/// The same time in milliseconds.
const START: u64 = 1_767_607_200_000;
const HOUR: u64 = 3_600_000;
const STREAMS: u64 = 8;
/// CloudWatch Logs ends a page at a megabyte or 10,000 events.
const PAGE: u64 = 1_700;

/// Events that are made as they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Events {
    count: u64,
}

impl Events {
    pub(super) const fn new(count: u64) -> Self {
        Self { count }
    }

    /// The page that begins at an event, as FilterLogEvents answers.
    pub(super) fn page(&self, first: u64) -> String {
        let mut text = String::with_capacity(1_200_000);
        text.push_str("{\"events\":[");
        let end = (first + PAGE).min(self.count);
        for number in first..end {
            if number > first {
                text.push(',');
            }
            let time = START + number * HOUR / self.count;
            let stream = number % STREAMS;
            write!(
                text,
                "{{\"logStreamName\":\"web/app/{stream:032x}\",\"timestamp\":{time},\"message\":\"{}\",\
                 \"ingestionTime\":{},\"eventId\":\"{number:056}\"}}",
                message(number, time),
                time + 1700
            )
            .expect("writing to a String cannot fail");
        }
        text.push_str("],\"searchedLogStreams\":[]");
        if end < self.count {
            write!(text, ",\"nextToken\":\"{end}\"").expect("writing to a String cannot fail");
        }
        text.push('}');
        text
    }

    /// About how many bytes the lines of an archive have.
    pub(super) fn lines(&self) -> u64 {
        let message = message(0, START).len() as u64;
        self.count * (message + 190)
    }
}

/// A line of a Spring application.
fn message(number: u64, time: u64) -> String {
    let mut chance = Chance::new(number);
    let mut below = |limit: usize| chance.between(0, limit - 1);
    let second = time / 1000 % 3600;
    let services = [
        "user-service",
        "task-service",
        "skill-service",
        "notification-service",
    ];
    let paths = [
        "/api/tasks/assigned",
        "/api/users/profile",
        "/api/skills/matching",
        "/actuator/health",
    ];
    let outcomes = [
        "cache hit, nothing was loaded",
        "loaded from the database",
        "loaded and stored in the cache",
    ];
    let service = services[below(4)];
    let path = paths[below(4)];
    let outcome = outcomes[below(3)];
    format!(
        "2026-01-05T10:{:02}:{:02}.{:03}Z  INFO 1 --- [{service}] [nio-8080-exec-{}] [trace={:016x} span={:08x}] \
         c.e.tracker.web.RequestLoggingFilter      : GET {path}/{} status=200 bytes={} duration={}ms user={:08x} \
         client=10.0.{}.{} userAgent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 {outcome}",
        second / 60,
        second % 60,
        time % 1000,
        below(16),
        below(1 << 60),
        below(1 << 31),
        below(100_000),
        below(40_000),
        below(900),
        below(1 << 20),
        below(4),
        below(256),
    )
}
