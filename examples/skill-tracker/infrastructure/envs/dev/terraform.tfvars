# Small, cheap, thrown away without a trace.
environment = "dev"

network = {
  cidr_block   = "10.10.0.0/16"
  nat_gateways = "single"
}

size = { cpu = 256, memory = 1024 }

# The first task of each service is on plain Fargate, what a rollout adds mostly on Spot.
spot_weight = 70

monthly_budget = 350
