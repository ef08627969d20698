# Rotation of the data services' passwords by a function that speaks Secrets Manager's four steps. Off until its package is given.

locals {
  rotated  = var.rotation == null ? toset([]) : toset(["mongodb-password", "rabbitmq-password", "redis-password"])
  rotation = var.rotation == null ? {} : { this = var.rotation }
}

resource "aws_cloudwatch_log_group" "rotation" {
  for_each = local.rotation

  name              = "/aws/lambda/${local.name}-secrets-rotator"
  retention_in_days = local.retention
  kms_key_id        = var.kms_key_arn
}

data "aws_iam_policy_document" "rotation_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "rotation" {
  for_each = local.rotation

  statement {
    sid       = "FourSteps"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    resources = [for name in sort(local.rotated) : local.secret_patterns[name]]
  }

  statement {
    sid = "MakePassword"
    # This action takes no resource.
    actions   = ["secretsmanager:GetRandomPassword"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${local.name}-secrets-rotator:*"]
  }

  # Lambda makes the function's network interfaces with the function's role, whose ids nobody knows before; it checks for these
  # actions, on all resources, before it makes the function. AWS's own policy for it adds the logs of all functions.
  statement {
    sid = "EnterNetwork"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "rotation" {
  for_each = local.rotation

  name               = "${local.name}-secrets-rotator"
  assume_role_policy = data.aws_iam_policy_document.rotation_trust.json
}

resource "aws_iam_role_policy" "rotation" {
  for_each = local.rotation

  name   = "rotate"
  role   = aws_iam_role.rotation[each.key].id
  policy = data.aws_iam_policy_document.rotation[each.key].json
}

resource "aws_lambda_function" "rotation" {
  for_each = local.rotation

  function_name = "${local.name}-secrets-rotator"
  description   = "Rotates the passwords of MongoDB, RabbitMQ and Redis"
  role          = "arn:${local.partition}:iam::${local.account}:role/${aws_iam_role.rotation[each.key].name}"
  runtime       = "provided.al2023"
  architectures = ["arm64"]
  handler       = "bootstrap"
  s3_bucket     = each.value.bucket
  s3_key        = each.value.key
  timeout       = 120
  memory_size   = 128
  # One for each secret, whose schedules may fall together. Steps of one secret may come twice; the function takes that.
  reserved_concurrent_executions = 3

  environment {
    # Of RabbitMQ the management port. The users are those that the function takes without being told: admin, and default of Redis.
    variables = { for name, port in merge(local.tcp_ports, { rabbitmq = 15672 }) : "${upper(name)}_ENDPOINT" => "${name}.${var.namespace.name}:${port}" }
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  depends_on = [aws_cloudwatch_log_group.rotation, aws_iam_role_policy.rotation]
}

resource "aws_lambda_permission" "rotation" {
  for_each = local.rotation

  statement_id   = "SecretsManager"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.rotation[each.key].function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_secretsmanager_secret_rotation" "this" {
  for_each = local.rotated

  secret_id           = aws_secretsmanager_secret.generated[each.key].id
  rotation_lambda_arn = aws_lambda_function.rotation["this"].arn

  # Switching rotation on changes no password: that is for the schedule, since the services have to be restarted after it.
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = var.rotation.schedule == null ? var.rotation.days : null
    schedule_expression      = var.rotation.schedule
    duration                 = var.rotation.schedule == null ? null : var.rotation.window
  }

  # The function is tried at once, with the password that the service has.
  depends_on = [aws_lambda_permission.rotation, aws_secretsmanager_secret_version.generated, aws_ecs_service.this]
}
