# As production in kind, as dev in size.
environment = "staging"

network = {
  cidr_block   = "10.20.0.0/16"
  nat_gateways = "single"
}

load_balancer = {
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000001"
  tls_server_name = "alb.staging.example.com"
}

size = { cpu = 256, memory = 1024 }

database = {
  instance_class = "db.t3.small"
}

data_services = {
  persistent = true
}

monthly_budget = 450
