# The seed's eight alarms, in the units that the metrics have.

locals {
  actions = [aws_sns_topic.alarms.arn]

  # 10 GB on the console is 10 GiB; the metric counts bytes.
  storage_floor = 10 * 1024 * 1024 * 1024
}

resource "aws_cloudwatch_metric_alarm" "ecs_cpu" {
  for_each = var.service_names

  alarm_name          = "${each.value}-cpu"
  alarm_description   = "CPU of ${each.key} above 80 % for 5 minutes. Runbook: is it load (requests rise too) or a loop (they do not)? Scale out, or roll back."
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = each.value }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "ecs_memory" {
  for_each = var.service_names

  alarm_name          = "${each.value}-memory"
  alarm_description   = "Memory of ${each.key} above 80 % for 5 minutes. Runbook: compare with the last deployments; a leak climbs, a heap that is too large for the task stands."
  namespace           = "AWS/ECS"
  metric_name         = "MemoryUtilization"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = each.value }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "rds_cpu" {
  count = var.database == null ? 0 : 1

  alarm_name          = "${local.name}-rds-cpu"
  alarm_description   = "CPU of the database above 80 % for 5 minutes. Runbook: Performance Insights names the statement."
  namespace           = "AWS/RDS"
  metric_name         = "CPUUtilization"
  dimensions          = { DBInstanceIdentifier = var.database.identifier }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "rds_storage" {
  count = var.database == null ? 0 : 1

  alarm_name          = "${local.name}-rds-storage"
  alarm_description   = "Less than 10 GiB of storage left. Runbook: is a replication slot or a log holding it? Raise storage.maximum."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = var.database.identifier }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = local.storage_floor
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "rds_connections" {
  count = var.database == null ? 0 : 1

  alarm_name          = "${local.name}-rds-connections"
  alarm_description   = "More than 80 % of the database's ${var.database.max_connections} connections in use. Runbook: tasks x pool size must stay below; a deployment doubles the tasks for a while."
  namespace           = "AWS/RDS"
  metric_name         = "DatabaseConnections"
  dimensions          = { DBInstanceIdentifier = var.database.identifier }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = floor(var.database.max_connections * 0.8)
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# UnHealthyHostCount has no sum over target groups: it is published with both dimensions alone.
resource "aws_cloudwatch_metric_alarm" "alb_unhealthy" {
  for_each = var.service_names

  alarm_name          = "${each.value}-unhealthy"
  alarm_description   = "A task of ${each.key} fails the load balancer's health check. Runbook: windlass status; the stopped task's reason; the log group /ecs/${each.value}."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = { LoadBalancer = var.alb_arn_suffix, TargetGroup = var.target_group_arn_suffixes[each.key] }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# The services' answers and the load balancer's own (no target, time-out) are two metrics, both missing while all is well.
resource "aws_cloudwatch_metric_alarm" "alb_5xx" {
  alarm_name          = "${local.name}-alb-5xx"
  alarm_description   = "More than 10 answers with 5XX in a minute. Runbook: by target group on the dashboard; a deployment under way rolls back by itself."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions

  metric_query {
    id          = "all"
    label       = "5XX per minute"
    expression  = "FILL(targets, 0) + FILL(balancer, 0)"
    return_data = true
  }

  metric_query {
    id = "targets"

    metric {
      namespace   = "AWS/ApplicationELB"
      metric_name = "HTTPCode_Target_5XX_Count"
      dimensions  = { LoadBalancer = var.alb_arn_suffix }
      stat        = "Sum"
      period      = 60
    }
  }

  metric_query {
    id = "balancer"

    metric {
      namespace   = "AWS/ApplicationELB"
      metric_name = "HTTPCode_ELB_5XX_Count"
      dimensions  = { LoadBalancer = var.alb_arn_suffix }
      stat        = "Sum"
      period      = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "alb_latency" {
  alarm_name          = "${local.name}-alb-latency"
  alarm_description   = "Answers take more than a second on average, for 5 minutes. Runbook: which target group; its CPU; the database's load."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  dimensions          = { LoadBalancer = var.alb_arn_suffix }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}
