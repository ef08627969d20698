# Everything that is off by default, on: what the checks apply staging with.
network = {
  cidr_block          = "10.20.0.0/16"
  zone_count          = 3
  nat_gateways        = "per-zone"
  interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
}

container_insights = "enhanced"

deployment      = { strategy = "BLUE_GREEN", bake_minutes = 10 }
service_connect = true

data_services = {
  persistent               = true
  network_load_balancer    = true
  management_load_balancer = true
  rotation_package         = "secrets-rotator.zip"
  rotation_schedule        = "cron(0 3 ? * SUN#1 *)"
  rotation_window          = "2h"
}

alarm_emails     = ["ops@example.com"]
artifacts_bucket = "sdt-artifacts-123456789012"

packages = {
  cost_exporter  = "cost-exporter.zip"
  log_exporter   = "log-exporter.zip"
  alarm_notifier = "alarm-notifier.zip"
}

observability = { grafana = "ecs", prometheus = "managed" }
