# Who may open a connection to whom: internet → load balancer → services → database and data services.

resource "aws_security_group" "alb" {
  name        = "${local.name}-alb"
  description = "Public load balancer"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-alb" }
}

resource "aws_security_group" "ecs" {
  name        = "${local.name}-ecs"
  description = "Tasks of the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-ecs" }
}

resource "aws_security_group" "rds" {
  name        = "${local.name}-rds"
  description = "Database"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-rds" }
}

resource "aws_security_group" "data" {
  name        = "${local.name}-data"
  description = "MongoDB, RabbitMQ, Redis, their load balancers and file system"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-data" }
}

resource "aws_security_group" "endpoints" {
  count = length(var.interface_endpoints) == 0 ? 0 : 1

  name        = "${local.name}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "alb" {
  for_each = { for pair in setproduct(var.alb_ingress_cidrs, [80, 443]) : "${pair[0]}-${pair[1]}" => { range = pair[0], port = pair[1] } }

  security_group_id = aws_security_group.alb.id
  description       = "HTTP and HTTPS from clients"
  cidr_ipv4         = each.value.range
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "alb_to_ecs" {
  security_group_id            = aws_security_group.alb.id
  description                  = "Requests and health checks to services"
  referenced_security_group_id = aws_security_group.ecs.id
  ip_protocol                  = "tcp"
  from_port                    = var.service_ports.from
  to_port                      = var.service_ports.to
}

resource "aws_vpc_security_group_ingress_rule" "ecs" {
  for_each = { alb = aws_security_group.alb.id, services = aws_security_group.ecs.id }

  security_group_id            = aws_security_group.ecs.id
  description                  = "From ${each.key}"
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = var.service_ports.from
  to_port                      = var.service_ports.to
}

# Services call AWS, the OAuth provider and each other; private subnets have no other way out than NAT and endpoints.
resource "aws_vpc_security_group_egress_rule" "ecs" {
  security_group_id = aws_security_group.ecs.id
  description       = "To AWS, OAuth providers, databases and one another"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "rds" {
  security_group_id            = aws_security_group.rds.id
  description                  = "PostgreSQL from services"
  referenced_security_group_id = aws_security_group.ecs.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

locals {
  data_ports = { mongodb = 27017, amqp = 5672, rabbitmq-management = 15672, redis = 6379 }
}

resource "aws_vpc_security_group_ingress_rule" "data_from_ecs" {
  for_each = local.data_ports

  security_group_id            = aws_security_group.data.id
  description                  = "${each.key} from services"
  referenced_security_group_id = aws_security_group.ecs.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

# The internal load balancers and the file system's mount targets are members of the same group.
resource "aws_vpc_security_group_ingress_rule" "data_from_itself" {
  for_each = merge(local.data_ports, { nfs = 2049 })

  security_group_id            = aws_security_group.data.id
  description                  = "${each.key} within the group"
  referenced_security_group_id = aws_security_group.data.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "data" {
  security_group_id = aws_security_group.data.id
  description       = "Images, logs, secrets, and the group itself"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = length(var.interface_endpoints) == 0 ? 0 : 1

  security_group_id = aws_security_group.endpoints[0].id
  description       = "HTTPS from the VPC"
  cidr_ipv4         = var.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
