//! Real servers, which the tests start themselves where they are told how.

mod held;
mod rabbitmq;
mod redis;
