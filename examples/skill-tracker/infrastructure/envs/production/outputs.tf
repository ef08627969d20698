output "url" {
  description = "Where people find the application."
  value       = module.cloudfront.url
}

output "oauth_redirect_urls" {
  description = "Redirect URLs to register at each OAuth provider."
  value       = module.cloudfront.oauth_redirect_urls
}

output "windlass" {
  description = "Values of environments.NAME in windlass.toml: terraform output -json windlass."
  value = {
    provider   = "aws"
    region     = var.region
    cluster    = module.ecs.cluster_name
    service    = "${var.project}-${var.environment}-{service}"
    repository = "${trimsuffix(module.ecs.repository_urls["api-gateway"], "/api-gateway")}/{service}"
    health     = module.ecs.health_url
  }
}

output "deploy_order" {
  description = "Value of deploy.order in windlass.toml, without the last wave, which is all others."
  value       = slice(module.ecs.deploy_order, 0, max(0, length(module.ecs.deploy_order) - 1))
}

output "repository_urls" {
  description = "ECR repositories, by service."
  value       = module.ecs.repository_urls
}

output "secrets_to_fill" {
  description = "Secrets whose values are put by hand before the first deployment."
  value       = [for name in ["google-oauth-client", "google-api-key"] : "${var.project}/${var.environment}/${name}"]
}

output "webhook_secret_name" {
  description = "Secret to put the Slack webhook into, before the alarm notifier is switched on."
  value       = module.monitoring.webhook_secret_name
}

output "alarm_topic_arn" {
  description = "Topic that alarms are published to."
  value       = module.monitoring.topic_arn
}

output "log_archive_bucket" {
  description = "Bucket that logs are archived to."
  value       = module.s3.names["log-archive"]
}

output "amplify" {
  description = "App and branch to upload the frontend to."
  value       = { app_id = module.amplify.app_id, branch = module.amplify.branch_name }
}
