# Grafana as a task, at /grafana of the load balancer.

ephemeral "aws_secretsmanager_random_password" "admin" {
  count = local.on_ecs

  password_length     = 32
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "admin" {
  count = local.on_ecs

  name                    = "${var.project}/${var.environment}/grafana-admin"
  description             = "Generated; Grafana of ${local.name}"
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "admin" {
  count = local.on_ecs

  secret_id                = aws_secretsmanager_secret.admin[0].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.admin[0].random_password
  secret_string_wo_version = var.secrets_version
}

resource "aws_cloudwatch_log_group" "grafana" {
  count = local.on_ecs

  name              = "/ecs/${local.name}-grafana"
  retention_in_days = 30
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/ecs/${local.name}-grafana:*"]
  }

  statement {
    sid       = "ReadPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${var.project}/${var.environment}/grafana-admin-??????"]
  }
}

resource "aws_iam_role" "execution" {
  count = local.on_ecs

  name               = "${local.name}-grafana-execution"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "execution" {
  count = local.on_ecs

  name   = "start-task"
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_ecs_task_definition" "grafana" {
  count = local.on_ecs

  family                   = "${local.name}-grafana"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution[0].arn
  task_role_arn            = aws_iam_role.grafana[0].arn

  # What people change on the page is lost with the task: dashboards come from files.
  container_definitions = jsonencode([{
    name                   = "grafana"
    image                  = var.grafana_image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "472:0"
    portMappings           = [{ containerPort = 8080, protocol = "tcp" }]
    linuxParameters = {
      initProcessEnabled = true
      tmpfs = [
        { containerPath = "/tmp", size = 32, mountOptions = ["rw", "nosuid", "nodev"] },
        { containerPath = "/var/lib/grafana", size = 64, mountOptions = ["rw", "nosuid", "nodev"] },
      ]
    }
    environment = [
      { name = "GF_SERVER_HTTP_PORT", value = "8080" },
      { name = "GF_SERVER_ROOT_URL", value = "%(protocol)s://%(domain)s/grafana/" },
      { name = "GF_SERVER_SERVE_FROM_SUB_PATH", value = "true" },
      { name = "GF_AUTH_ANONYMOUS_ENABLED", value = "false" },
      { name = "GF_USERS_ALLOW_SIGN_UP", value = "false" },
      { name = "GF_AUTH_SIGV4_AUTH_ENABLED", value = "true" },
      { name = "AWS_REGION", value = local.region },
    ]
    secrets = [{ name = "GF_SECURITY_ADMIN_PASSWORD", valueFrom = aws_secretsmanager_secret.admin[0].arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options   = { awslogs-group = aws_cloudwatch_log_group.grafana[0].name, awslogs-region = local.region, awslogs-stream-prefix = "ecs" }
    }
  }])
}

resource "aws_lb_target_group" "grafana" {
  count = local.on_ecs

  name                 = "${local.name}-grafana"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = 10

  health_check {
    path    = "/grafana/api/health"
    matcher = "200"
  }
}

resource "aws_lb_listener_rule" "grafana" {
  count = local.on_ecs

  listener_arn = var.listener_arn
  priority     = 100

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.grafana[0].arn
  }

  condition {
    path_pattern {
      values = ["/grafana", "/grafana/*"]
    }
  }
}

resource "aws_ecs_service" "grafana" {
  count = local.on_ecs

  name             = "${local.name}-grafana"
  cluster          = var.cluster_arn
  task_definition  = aws_ecs_task_definition.grafana[0].arn
  desired_count    = 1
  launch_type      = "FARGATE"
  platform_version = "LATEST"
  propagate_tags   = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.grafana[0].arn
    container_name   = "grafana"
    container_port   = 8080
  }

  depends_on = [aws_lb_listener_rule.grafana, aws_iam_role_policy.execution, aws_secretsmanager_secret_version.admin]
}
