//! Real servers, which the tests start themselves where they are told how.

mod broker;
mod held;
mod rabbitmq;
mod redis;
mod redis_server;
