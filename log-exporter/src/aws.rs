//! Amazon CloudWatch Logs and Amazon S3, through their SDKs.
//!
//! | IAM action | for |
//! |---|---|
//! | `logs:DescribeLogGroups` | finding groups |
//! | `logs:FilterLogEvents` | reading events |
//! | `s3:PutObject`, `s3:GetObject`, `s3:ListBucket` | writing, reading and listing the archive |
//! | `s3:DeleteObject` | deleting orphans, and nothing else |
//! | `logs:PutRetentionPolicy` | setting the retention |
//! | `logs:CreateExportTask`, `logs:DescribeExportTasks` | export tasks |
//!
//! The clients' own retries are turned off: the engine repeats calls, in one place, and keeps to the quota as it does.

mod failure;
mod logs;
mod s3;

pub use self::logs::CloudWatchLogs;
pub use self::s3::S3Archive;
