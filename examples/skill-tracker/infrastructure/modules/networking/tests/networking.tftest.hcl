variables {
  environment = "dev"
}

run "subnets_lie_in_two_zones_do_not_overlap_hand_out_no_public_address_and_share_one_nat_gateway" {
  command = plan

  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_subnet.private) == 2
    error_message = "two zones take two subnets of each kind"
  }

  assert {
    condition     = length(distinct(concat([for s in aws_subnet.public : s.cidr_block], [for s in aws_subnet.private : s.cidr_block]))) == 4
    error_message = "subnets overlap"
  }

  assert {
    condition     = aws_subnet.private["us-east-1a"].cidr_block == "10.0.128.0/20"
    error_message = "private subnets begin in the upper half"
  }

  assert {
    condition     = alltrue([for s in aws_subnet.public : s.map_public_ip_on_launch != true]) && alltrue([for s in aws_subnet.private : s.map_public_ip_on_launch != true])
    error_message = "a subnet hands out public addresses"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.egress) == 2 && output.nat_gateway_count == 1
    error_message = "a single NAT gateway serves every zone"
  }
}

run "production_has_a_nat_gateway_in_each_zone" {
  command = apply

  variables {
    environment  = "production"
    zone_count   = 3
    nat_gateways = "per-zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "each zone has its own"
  }

  assert {
    condition     = alltrue([for zone, route in aws_route.egress : route.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "a zone goes out through another one"
  }
}

run "without_nat_there_is_no_route_out" {
  command = plan

  variables {
    nat_gateways = "none"
  }

  assert {
    condition     = length(aws_route.egress) == 0 && length(aws_eip.nat) == 0
    error_message = "no NAT gateway, no route"
  }
}

run "s3_is_reached_through_the_free_endpoint_always" {
  command = apply

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && length(aws_vpc_endpoint.s3.route_table_ids) == 2
    error_message = "the gateway endpoint is in every private route table"
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "interface endpoints cost money and are asked for"
  }
}

run "interface_endpoints_are_reachable_from_the_vpc_alone" {
  command = plan

  variables {
    interface_endpoints = ["ecr.api", "ecr.dkr", "logs"]
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 3 && aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == "10.0.0.0/16"
    error_message = "three endpoints, open to the VPC"
  }
}

run "only_the_load_balancer_is_open_to_the_internet" {
  command = apply

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.alb : rule.from_port]) == toset([80, 443])
    error_message = "the load balancer takes 80 and 443"
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.ecs : rule.referenced_security_group_id]) == toset([aws_security_group.alb.id, aws_security_group.ecs.id])
    error_message = "services take connections from the load balancer and from services"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.rds.referenced_security_group_id == aws_security_group.ecs.id && aws_vpc_security_group_ingress_rule.rds.from_port == 5432
    error_message = "the database takes connections from services"
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.data_from_ecs : rule.referenced_security_group_id == aws_security_group.ecs.id && rule.cidr_ipv4 == null])
    error_message = "data services take connections from services"
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.data_from_ecs : rule.from_port]) == toset([27017, 5672, 15672, 6379])
    error_message = "data services are open on their own ports"
  }
}

run "a_range_too_small_for_the_subnets_is_refused" {
  command = plan
  variables {
    cidr_block = "10.0.0.0/24"
  }
  expect_failures = [var.cidr_block]
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    project                 = "Skill Tracker"
    environment             = "prod"
    cidr_block              = "10.0.0.0/33"
    zone_count              = 1
    nat_gateways            = "two"
    interface_endpoints     = ["s3"]
    alb_ingress_cidrs       = ["everyone"]
    service_ports           = { from = 9000, to = 8000 }
    namespace               = "Not A Name"
    flow_log_retention_days = 8
  }
  expect_failures = [var.project, var.environment, var.cidr_block, var.zone_count, var.nat_gateways, var.interface_endpoints, var.alb_ingress_cidrs, var.service_ports, var.namespace, var.flow_log_retention_days]
}
