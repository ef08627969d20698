# The role that starts the data services reads their secrets; the tasks themselves may mount their own folder, or nothing at all.

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid = "Login"
    # This action takes no resource.
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  # Copies of the images in the account's own repositories, where images names such.
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${local.name}/*"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for name, _ in local.services : "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/ecs/${local.name}-${name}:*"]
  }

  statement {
    sid     = "ReadSecrets"
    actions = ["secretsmanager:GetSecretValue"]
    # By name, with the six characters that Secrets Manager adds: known before the secrets exist.
    resources = [for name in ["mongodb-password", "rabbitmq-erlang-cookie", "rabbitmq-password", "redis-password"] : local.secret_patterns[name]]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "SecretsKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-data-execution"
  description        = "Starts MongoDB, RabbitMQ and Redis of ${local.name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role" "task" {
  for_each = local.services

  name               = "${local.name}-${each.key}-task"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "mount" {
  for_each = { for name, service in local.services : name => service if var.persistent }

  statement {
    sid       = "MountOwnFolder"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = ["arn:${local.partition}:elasticfilesystem:${local.region}:${local.account}:file-system/${aws_efs_file_system.this[0].id}"]

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.this[each.key].arn]
    }
  }
}

resource "aws_iam_role_policy" "mount" {
  for_each = { for name, service in local.services : name => service if var.persistent }

  name   = "mount"
  role   = aws_iam_role.task[each.key].id
  policy = data.aws_iam_policy_document.mount[each.key].json
}
