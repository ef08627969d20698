# MongoDB, RabbitMQ and Redis as tasks, found by name.

locals {
  name      = "${var.project}-${var.environment}"
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.region
  partition = data.aws_partition.current.partition
  retention = coalesce(var.log_retention_days, { dev = 7, staging = 30, production = 90 }[var.environment])

  # uid: the user of the official images, who owns what they write.
  services = {
    mongodb = {
      uid         = 999
      ports       = [27017]
      data        = "/data/db"
      read_only   = false
      command     = null
      environment = { MONGO_INITDB_ROOT_USERNAME = "admin" }
      secrets     = { MONGO_INITDB_ROOT_PASSWORD = aws_secretsmanager_secret.generated["mongodb-password"].arn }
      # ping needs no login, so the check has no password.
      health = "mongosh --quiet --eval \"db.adminCommand('ping').ok\" | grep -q 1"
    }
    rabbitmq = {
      uid       = 999
      ports     = [5672, 15672]
      data      = "/var/lib/rabbitmq"
      read_only = false
      command   = null
      # The data folder is the node's, and the node's name is the host's unless told: each task would begin with an empty one.
      environment = { RABBITMQ_DEFAULT_USER = "admin", RABBITMQ_NODENAME = "rabbit@localhost", TMPDIR = "/tmp" }
      secrets = {
        RABBITMQ_DEFAULT_PASS  = aws_secretsmanager_secret.generated["rabbitmq-password"].arn
        RABBITMQ_ERLANG_COOKIE = aws_secretsmanager_secret.generated["rabbitmq-erlang-cookie"].arn
      }
      # A node in a memory or disk alarm takes connections and blocks publishers, so the port alone tells nothing.
      health = "rabbitmq-diagnostics -q check_running && rabbitmq-diagnostics -q check_local_alarms"
    }
    redis = {
      uid       = 999
      ports     = [6379]
      data      = "/data"
      read_only = true
      # Through a file, since an argument shows in the list of processes. The user health may say PING and nothing else.
      command     = ["sh", "-c", "umask 077; printf 'requirepass %s\\nappendonly yes\\ndir /data\\nuser health on nopass -@all +ping\\n' \"$REDIS_PASSWORD\" > /tmp/redis.conf; exec redis-server /tmp/redis.conf"]
      environment = {}
      secrets     = { REDIS_PASSWORD = aws_secretsmanager_secret.generated["redis-password"].arn }
      # Not with the password: after a rotation the task has the one of before, and would be replaced for it.
      health = "REDISCLI_AUTH=any redis-cli --user health ping | grep -q PONG"
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.services

  name              = "/ecs/${local.name}-${each.key}"
  retention_in_days = local.retention
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.services

  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.key].cpu
  memory                   = var.sizes[each.key].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.key].arn

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  volume {
    name = "data"

    dynamic "efs_volume_configuration" {
      for_each = var.persistent ? [true] : []

      content {
        file_system_id     = aws_efs_file_system.this[0].id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = aws_efs_access_point.this[each.key].id
          iam             = "ENABLED"
        }
      }
    }
  }

  container_definitions = jsonencode([merge(
    {
      name                   = each.key
      image                  = var.images[each.key]
      essential              = true
      user                   = "${each.value.uid}:${each.value.uid}"
      readonlyRootFilesystem = each.value.read_only
      stopTimeout            = 120
      linuxParameters = {
        initProcessEnabled = true
        # In memory and open to every user: a bind mount on Fargate belongs to root.
        tmpfs = [{ containerPath = "/tmp", size = 64, mountOptions = ["rw", "nosuid", "nodev"] }]
      }
      portMappings = [for port in each.value.ports : { containerPort = port, protocol = "tcp" }]
      mountPoints  = [{ sourceVolume = "data", containerPath = each.value.data, readOnly = false }]
      environment  = [for name in sort(keys(each.value.environment)) : { name = name, value = each.value.environment[name] }]
      secrets      = [for name in sort(keys(each.value.secrets)) : { name = name, valueFrom = each.value.secrets[name] }]
      healthCheck  = { command = ["CMD-SHELL", each.value.health], interval = 30, timeout = 20, retries = 3, startPeriod = 90 }

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this[each.key].name
          awslogs-region        = local.region
          awslogs-stream-prefix = "ecs"
        }
      }
    },
    each.value.command == null ? {} : { command = each.value.command },
  )])
}

resource "aws_service_discovery_service" "this" {
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

resource "aws_ecs_service" "this" {
  for_each = local.services

  name             = "${local.name}-${each.key}"
  cluster          = var.cluster_arn
  task_definition  = aws_ecs_task_definition.this[each.key].arn
  desired_count    = 1
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  # One at a time: two servers on one data folder destroy it.
  deployment_maximum_percent         = 100
  deployment_minimum_healthy_percent = 0

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this[each.key].arn
  }

  dynamic "load_balancer" {
    for_each = local.targets[each.key]

    content {
      target_group_arn = load_balancer.value
      container_name   = each.key
      container_port   = tonumber(load_balancer.key)
    }
  }

  depends_on = [aws_efs_mount_target.this, aws_iam_role_policy.execution, aws_secretsmanager_secret_version.generated, aws_lb_listener.tcp, aws_lb_listener.management]
}
