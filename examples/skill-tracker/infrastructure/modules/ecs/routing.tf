# The public load balancer: one rule per service, nothing else answers.

resource "aws_lb" "this" {
  name                       = local.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.public_subnet_ids
  security_groups            = [var.security_group_ids.alb]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.environment == "production"

  dynamic "access_logs" {
    for_each = var.access_logs_bucket == null ? [] : [var.access_logs_bucket]

    content {
      bucket  = access_logs.value
      prefix  = local.name
      enabled = true
    }
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = var.certificate_arn == null ? "fixed-response" : "redirect"

    dynamic "fixed_response" {
      for_each = var.certificate_arn == null ? [true] : []

      content {
        content_type = "application/json"
        message_body = jsonencode({ error = "no such path" })
        status_code  = "404"
      }
    }

    dynamic "redirect" {
      for_each = var.certificate_arn == null ? [] : [true]

      content {
        protocol    = "HTTPS"
        port        = "443"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = var.certificate_arn == null ? 0 : 1

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  # A path that no service has must not look healthy, so the default is 404 and never a page.
  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ error = "no such path" })
      status_code  = "404"
    }
  }
}

locals {
  listener_arn = var.certificate_arn == null ? aws_lb_listener.http.arn : aws_lb_listener.https[0].arn
  # Names of target groups have 32 characters at most; a part of a hash keeps shortened ones apart.
  target_names = { for name, _ in local.services : name => trimsuffix(substr("${local.name}-${name}", 0, 21), "-") }
  # Priorities follow the ports: a service that is added moves no other's rule.
  paths = { for name, s in local.services : name => s.expose == "api" ? ["/api/${name}", "/api/${name}/*"] : ["/api/${name}/actuator/health", "/api/${name}/actuator/info"] }
}

resource "aws_lb_target_group" "blue" {
  for_each = local.services

  name                 = "${local.target_names[each.key]}-${substr(md5(each.key), 0, 8)}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  deregistration_delay = 30

  health_check {
    path                = "/api/${each.key}/actuator/health"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_target_group" "green" {
  for_each = local.green

  name                 = "${local.target_names[each.key]}-${substr(md5(each.key), 0, 8)}-g"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  deregistration_delay = 30

  health_check {
    path                = "/api/${each.key}/actuator/health"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener_rule" "service" {
  for_each = local.services

  listener_arn = local.listener_arn
  priority     = each.value.port

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.blue[each.key].arn
        weight = 100
      }

      dynamic "target_group" {
        for_each = var.deployment.strategy == "BLUE_GREEN" ? [true] : []

        content {
          arn    = aws_lb_target_group.green[each.key].arn
          weight = 0
        }
      }
    }
  }

  condition {
    path_pattern {
      values = local.paths[each.key]
    }
  }

  # ECS moves the weights in a blue/green deployment; a new target group makes a new rule all the same.
  lifecycle {
    ignore_changes       = [action]
    replace_triggered_by = [aws_lb_target_group.blue[each.key].arn]

    precondition {
      condition     = length(distinct([for _, s in local.services : s.port])) == length(local.services)
      error_message = "two services have the same port; the port is also the priority of the service's rule."
    }
  }
}
