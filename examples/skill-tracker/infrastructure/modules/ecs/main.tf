# Cluster, services and what each has of its own. Terraform owns all of a service but the image that runs.

locals {
  name      = "${var.project}-${var.environment}"
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.region
  partition = data.aws_partition.current.partition
  retention = coalesce(var.log_retention_days, { dev = 7, staging = 30, production = 90 }[var.environment])
  green     = var.deployment.strategy == "BLUE_GREEN" ? local.services : {}
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

resource "aws_ecs_cluster" "this" {
  name = local.name

  setting {
    name  = "containerInsights"
    value = var.container_insights
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }
}

resource "aws_cloudwatch_log_group" "service" {
  for_each = local.services

  name              = "/ecs/${local.name}-${each.key}"
  retention_in_days = local.retention
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "service" {
  for_each = local.services

  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.size[each.key].cpu
  memory                   = local.size[each.key].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  # The revision that the deployer made is kept: it is what a rollback goes back to.
  skip_destroy = true

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name                   = each.key
    image                  = lookup(var.images, each.key, "${aws_ecr_repository.service[each.key].repository_url}:latest")
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 60
    linuxParameters = {
      initProcessEnabled = true
      # Tomcat unpacks here. Memory instead of a bind mount, which on Fargate belongs to root and is closed to other users.
      tmpfs = [{ containerPath = "/tmp", size = 64, mountOptions = ["rw", "nosuid", "nodev"] }]
    }
    portMappings = [{ name = "http", containerPort = each.value.port, protocol = "tcp", appProtocol = "http" }]
    environment  = [for name in sort(keys(local.environment[each.key])) : { name = name, value = local.environment[each.key][name] }]
    secrets      = [for name in sort(keys(local.secrets[each.key])) : { name = name, valueFrom = local.secrets[each.key][name] }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.service[each.key].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "ecs"
        # A service does not stand still because its log does.
        mode            = "non-blocking"
        max-buffer-size = "25m"
      }
    }
  }])

  lifecycle {
    precondition {
      condition     = length(setsubtract(each.value.uses, keys(var.backends))) == 0
      error_message = "${each.key} uses ${join(", ", setsubtract(each.value.uses, keys(var.backends)))}, which backends does not have: ${join(", ", keys(var.backends))}."
    }
  }
}

locals {
  environment = { for name, service in local.services : name => merge(
    {
      SPRING_PROFILES_ACTIVE      = var.environment
      SERVER_PORT                 = tostring(service.port)
      SERVER_SERVLET_CONTEXT_PATH = "/api/${name}"
      SPRING_WEBFLUX_BASE_PATH    = "/api/${name}"
      # What the health checker asks for, and nothing else of the actuator, whatever the application's own file says.
      MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE = "health,info"
      CONFIG_SERVER_URL                         = "http://config-server.${var.namespace.name}:8888/api/config-server"
      DISCOVERY_SERVER_URL                      = "http://discovery-server.${var.namespace.name}:8761/api/discovery-server/eureka"
    },
    concat([for use in sort(service.uses) : try(var.backends[use].environment, {})], [service.environment])...
  ) }
  secrets = { for name, service in local.services : name => merge({}, [for use in sort(service.uses) : try(var.backends[use].secrets, {})]...) }
}

resource "aws_service_discovery_service" "service" {
  for_each = local.services

  name         = each.key
  namespace_id = var.namespace.id

  dns_config {
    namespace_id   = var.namespace.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

resource "aws_ecs_service" "service" {
  for_each = local.services

  name                               = "${local.name}-${each.key}"
  cluster                            = aws_ecs_cluster.this.arn
  task_definition                    = aws_ecs_task_definition.service[each.key].arn
  desired_count                      = local.size[each.key].count
  deployment_maximum_percent         = var.deployment.maximum_percent
  deployment_minimum_healthy_percent = var.deployment.minimum_percent
  health_check_grace_period_seconds  = 120
  availability_zone_rebalancing      = "ENABLED"
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  # There may be no image yet; whether one serves is for the deployer to prove.
  wait_for_steady_state = false

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 100 - var.spot_weight
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.spot_weight > 0 ? [var.spot_weight] : []

    content {
      capacity_provider = "FARGATE_SPOT"
      weight            = capacity_provider_strategy.value
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  deployment_configuration {
    strategy             = var.deployment.strategy
    bake_time_in_minutes = var.deployment.strategy == "BLUE_GREEN" ? var.deployment.bake_minutes : null
  }

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [var.security_group_ids.ecs]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.blue[each.key].arn
    container_name   = each.key
    container_port   = each.value.port

    dynamic "advanced_configuration" {
      for_each = var.deployment.strategy == "BLUE_GREEN" ? [true] : []

      content {
        alternate_target_group_arn = aws_lb_target_group.green[each.key].arn
        production_listener_rule   = aws_lb_listener_rule.service[each.key].arn
        role_arn                   = aws_iam_role.blue_green[0].arn
      }
    }
  }

  service_registries {
    registry_arn = aws_service_discovery_service.service[each.key].arn
  }

  dynamic "service_connect_configuration" {
    for_each = var.service_connect ? [true] : []

    content {
      enabled   = true
      namespace = var.namespace.arn

      service {
        port_name      = "http"
        discovery_name = "${each.key}-connect"

        client_alias {
          port     = each.value.port
          dns_name = "${each.key}.connect"
        }
      }
    }
  }

  # The image is the deployer's, the count autoscaling's: a plan after a deployment shows no change.
  lifecycle {
    ignore_changes = [task_definition, desired_count]
  }

  depends_on = [aws_lb_listener_rule.service, aws_iam_role_policy.execution]
}

resource "aws_appautoscaling_target" "service" {
  for_each = { for name, size in local.size : name => size if size.max > size.min }

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.service[each.key].name}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = aws_appautoscaling_target.service

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
