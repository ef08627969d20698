output "grafana_endpoint" {
  description = "Host of the managed Grafana, or null."
  value       = one(aws_grafana_workspace.this[*].endpoint)
}

output "grafana_workspace_id" {
  description = "Id of the managed Grafana, or null."
  value       = one(aws_grafana_workspace.this[*].id)
}

output "prometheus_endpoint" {
  description = "URL of the managed Prometheus, for remote write and queries, or null."
  value       = one(aws_prometheus_workspace.this[*].prometheus_endpoint)
}

output "admin_secret_name" {
  description = "Secret with the admin password of Grafana's task, or null."
  value       = one(aws_secretsmanager_secret.admin[*].name)
}
