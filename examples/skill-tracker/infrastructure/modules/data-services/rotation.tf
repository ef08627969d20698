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

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${local.name}-secrets-rotator:*"]
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

# Network interfaces in the VPC cannot be held to a resource before they exist; this is AWS's own policy for it.
resource "aws_iam_role_policy_attachment" "rotation_vpc" {
  for_each = local.rotation

  role       = aws_iam_role.rotation[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
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
  # One rotation at a time: the steps of two would mix.
  reserved_concurrent_executions = 1

  environment {
    variables = { for name, port in merge(local.tcp_ports, { rabbitmq = 15672 }) : "${upper(name)}_ENDPOINT" => "${name}.${var.namespace.name}:${port}" }
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  tracing_config {
    mode = "Active"
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

  rotation_rules {
    automatically_after_days = var.rotation.days
  }

  depends_on = [aws_lambda_permission.rotation]
}
