//! Cost Explorer, Budgets, CloudWatch and S3, through their SDKs.
//!
//! Each takes a client, which brings region, credentials and endpoint. Cost Explorer and Budgets answer in `us-east-1` only,
//! whatever region the rest lives in.

mod account;
mod budgets;
mod cloudwatch;
mod cost_explorer;
mod datum;
mod failure;
mod s3;

pub use account::{AccountId, InvalidAccountId};
pub use budgets::AwsBudgets;
pub use cloudwatch::{
    CloudWatchSink, InvalidCloudWatch, InvalidNamespace, MissingRegion, Namespace,
};
pub use cost_explorer::CostExplorer;
pub use s3::S3Ledger;
