# CloudWatch's own dashboards, for whoever has the console and no Grafana.

locals {
  ecs_panels = [
    # Each running task sends one sample a minute: their count is the count of tasks, without Container Insights.
    { title = "Running tasks", namespace = "AWS/ECS", metrics = ["CPUUtilization"], stat = "SampleCount", label = "tasks" },
    { title = "CPU", namespace = "AWS/ECS", metrics = ["CPUUtilization"], stat = "Average", label = "%" },
    { title = "Memory", namespace = "AWS/ECS", metrics = ["MemoryUtilization"], stat = "Average", label = "%" },
    { title = "Network in and out (Container Insights)", namespace = "ECS/ContainerInsights", metrics = ["NetworkRxBytes", "NetworkTxBytes"], stat = "Average", label = "bytes/s" },
  ]
  rds_panels = [
    { title = "CPU", metrics = ["CPUUtilization"], stat = "Average", label = "%" },
    { title = "Connections", metrics = ["DatabaseConnections"], stat = "Maximum", label = "connections" },
    { title = "Read and write operations", metrics = ["ReadIOPS", "WriteIOPS"], stat = "Average", label = "1/s" },
    { title = "Free storage", metrics = ["FreeStorageSpace"], stat = "Minimum", label = "bytes" },
  ]
}

resource "aws_cloudwatch_dashboard" "ecs" {
  dashboard_name = "${local.name}-ecs"
  dashboard_body = jsonencode({
    widgets = [for index, panel in local.ecs_panels : {
      type   = "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 8
      width  = 12
      height = 8
      properties = {
        title   = panel.title
        region  = local.region
        view    = "timeSeries"
        stat    = panel.stat
        period  = 60
        metrics = [for pair in setproduct(panel.metrics, sort(values(var.service_names))) : [panel.namespace, pair[0], "ClusterName", var.cluster_name, "ServiceName", pair[1], { label = length(panel.metrics) > 1 ? "${pair[1]} ${pair[0]}" : pair[1] }]]
        yAxis   = { left = { min = 0, label = panel.label, showUnits = false } }
      }
    }]
  })
}

resource "aws_cloudwatch_dashboard" "rds" {
  count = var.database == null ? 0 : 1

  dashboard_name = "${local.name}-rds"
  dashboard_body = jsonencode({
    widgets = [for index, panel in local.rds_panels : {
      type   = "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 8
      width  = 12
      height = 8
      properties = {
        title   = panel.title
        region  = local.region
        view    = "timeSeries"
        stat    = panel.stat
        period  = 60
        metrics = [for metric in panel.metrics : ["AWS/RDS", metric, "DBInstanceIdentifier", var.database.identifier]]
        yAxis   = { left = { min = 0, label = panel.label, showUnits = false } }
      }
    }]
  })
}
