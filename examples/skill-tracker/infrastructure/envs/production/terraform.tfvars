# Two of everything, in two zones.
environment = "production"

network = {
  cidr_block   = "10.30.0.0/16"
  nat_gateways = "per-zone"
}

load_balancer = {
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000002"
  tls_server_name = "alb.example.com"
}

cdn = {
  aliases         = ["app.example.com"]
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000003"
}

size = { cpu = 512, memory = 1024, count = 2, min = 2, max = 6 }

database = {
  instance_class = "db.r5.large"
  multi_az       = true
  storage        = { initial = 100, maximum = 500 }
  backup_days    = 30
}

data_services = {
  persistent            = true
  network_load_balancer = true
}

container_insights = "enabled"

log_archive_days = 2557
monthly_budget   = 1600
