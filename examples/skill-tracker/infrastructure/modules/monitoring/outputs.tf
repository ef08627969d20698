output "topic_arn" {
  description = "Topic that alarms are published to."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_names" {
  description = "Names of the alarms, by kind."
  value = {
    ecs_cpu         = [for alarm in aws_cloudwatch_metric_alarm.ecs_cpu : alarm.alarm_name]
    ecs_memory      = [for alarm in aws_cloudwatch_metric_alarm.ecs_memory : alarm.alarm_name]
    rds_cpu         = aws_cloudwatch_metric_alarm.rds_cpu[*].alarm_name
    rds_storage     = aws_cloudwatch_metric_alarm.rds_storage[*].alarm_name
    rds_connections = aws_cloudwatch_metric_alarm.rds_connections[*].alarm_name
    alb_unhealthy   = [for alarm in aws_cloudwatch_metric_alarm.alb_unhealthy : alarm.alarm_name]
    alb_5xx         = [aws_cloudwatch_metric_alarm.alb_5xx.alarm_name]
    alb_latency     = [aws_cloudwatch_metric_alarm.alb_latency.alarm_name]
  }
}

output "dashboard_names" {
  description = "Names of the CloudWatch dashboards."
  value       = concat([aws_cloudwatch_dashboard.ecs.dashboard_name], aws_cloudwatch_dashboard.rds[*].dashboard_name)
}

output "webhook_secret_name" {
  description = "Secret to put the Slack webhook into."
  value       = aws_secretsmanager_secret.webhook.name
}

output "function_names" {
  description = "Names of the Lambda functions that are switched on."
  value       = [for name in sort(concat(keys(local.scheduled), keys(local.notifier))) : "${local.name}-${name}"]
}

output "cost_namespace" {
  description = "CloudWatch namespace of the cost exporter's metrics."
  value       = var.cost_namespace
}
