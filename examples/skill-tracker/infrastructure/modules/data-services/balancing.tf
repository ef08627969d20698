# Internal load balancers. An application load balancer speaks HTTP, so it carries RabbitMQ's management page and nothing else;
# MongoDB, AMQP and Redis are TCP.

locals {
  tcp_ports = { mongodb = 27017, rabbitmq = 5672, redis = 6379 }
  # Target groups of each service, by container port.
  targets = { for name, _ in local.services : name => merge(
    var.network_load_balancer ? { (tostring(local.tcp_ports[name])) = aws_lb_target_group.tcp[name].arn } : {},
    var.management_load_balancer && name == "rabbitmq" ? { "15672" = aws_lb_target_group.management[0].arn } : {},
  ) }
}

resource "aws_lb" "tcp" {
  count = var.network_load_balancer ? 1 : 0

  name                             = "${local.name}-data"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = var.subnet_ids
  security_groups                  = [var.security_group_id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.environment == "production"
}

resource "aws_lb_target_group" "tcp" {
  for_each = var.network_load_balancer ? local.tcp_ports : {}

  name                 = "${local.name}-${each.key}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "TCP"
  port                 = each.value
  deregistration_delay = 30

  health_check {
    protocol = "TCP"
    interval = 10
  }
}

resource "aws_lb_listener" "tcp" {
  for_each = aws_lb_target_group.tcp

  load_balancer_arn = aws_lb.tcp[0].arn
  protocol          = "TCP"
  port              = each.value.port

  default_action {
    type             = "forward"
    target_group_arn = each.value.arn
  }
}

resource "aws_lb" "management" {
  count = var.management_load_balancer ? 1 : 0

  name                       = "${local.name}-rabbitmq-ui"
  load_balancer_type         = "application"
  internal                   = true
  subnets                    = var.subnet_ids
  security_groups            = [var.security_group_id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.environment == "production"
}

resource "aws_lb_target_group" "management" {
  count = var.management_load_balancer ? 1 : 0

  name        = "${local.name}-rabbitmq-ui"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 15672

  health_check {
    path    = "/"
    matcher = "200"
  }
}

resource "aws_lb_listener" "management" {
  count = var.management_load_balancer ? 1 : 0

  load_balancer_arn = aws_lb.management[0].arn
  protocol          = "HTTP"
  port              = 15672

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.management[0].arn
  }
}
