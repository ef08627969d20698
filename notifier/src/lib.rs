//! Deployment notifications for Slack and webhooks that cannot be malformed
