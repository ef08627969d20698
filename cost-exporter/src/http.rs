//! HTTP: a server that Prometheus scrapes, and a client of its Pushgateway.

mod pushgateway;
mod server;

pub use pushgateway::{GatewayUrl, InvalidGatewayUrl, Pushgateway};
pub use server::MetricsServer;
