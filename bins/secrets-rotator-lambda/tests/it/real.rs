//! Real servers, started as the tests of health-checker start them.

#[path = "../../../../health-checker/tests/it/real/broker.rs"]
#[expect(dead_code, reason = "the tests of health-checker use the rest")]
mod broker;
#[path = "../../../../health-checker/tests/it/real/held.rs"]
mod held;
mod rabbitmq;
mod redis;
#[path = "../../../../health-checker/tests/it/real/redis_server.rs"]
mod redis_server;
