# Roles: one that starts tasks, one per service for what the service does itself. Resources are named, never "*", where IAM can.

data "aws_iam_policy_document" "tasks_trust" {
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

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.region}:${local.account}:*"]
    }
  }
}

locals {
  repository_arns = ["arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${local.name}/*"]
  # By name, with the six characters that Secrets Manager adds: known before the secrets exist.
  secrets_prefix = "arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret"
  # Secrets that a task names and its role may not read; those that RDS manages are granted by their tag.
  unreadable = distinct(flatten([for _, secrets in local.secrets : [for _, arn in secrets : arn
    if strcontains(arn, ":secretsmanager:") && !strcontains(arn, ":rds!") && !anytrue([for name in var.secret_names : strcontains(arn, name)])
  ]]))
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid = "Login"
    # This action takes no resource.
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = local.repository_arns
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/ecs/${local.name}-*:*"]
  }

  dynamic "statement" {
    for_each = length(var.secret_names) > 0 ? [sort(var.secret_names)] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [for name in statement.value : "${local.secrets_prefix}:${name}-??????"]
    }
  }

  dynamic "statement" {
    for_each = var.database_arn == null ? [] : [var.database_arn]

    content {
      sid       = "ReadDatabasePassword"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = ["${local.secrets_prefix}:rds!db-*"]

      condition {
        test     = "StringEquals"
        variable = "secretsmanager:ResourceTag/aws:rds:primaryDBInstanceArn"
        values   = [statement.value]
      }
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  description        = "Pulls images, reads secrets and writes logs for every task of ${local.name}"
  assume_role_policy = data.aws_iam_policy_document.tasks_trust.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json

  lifecycle {
    precondition {
      condition     = length(local.unreadable) == 0
      error_message = "tasks name secrets that secret_names does not have, so they would not start: ${join(", ", local.unreadable)}."
    }
  }
}

data "aws_iam_policy_document" "task" {
  for_each = local.services

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    # The action takes no resource; the namespace is what it can be held to.
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["SkillTracker/${var.environment}"]
    }
  }

  dynamic "statement" {
    for_each = contains(each.value.grants, "uploads") && var.uploads_bucket_arn != null ? [var.uploads_bucket_arn] : []

    content {
      sid       = "OwnUploads"
      actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
      resources = ["${statement.value}/${each.key}/*"]
    }
  }

  dynamic "statement" {
    for_each = contains(each.value.grants, "publish") && var.events_topic_arn != null ? [var.events_topic_arn] : []

    content {
      sid       = "Publish"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "task" {
  for_each = local.services

  name               = "${local.name}-${each.key}-task"
  description        = "What ${each.key} itself may do"
  assume_role_policy = data.aws_iam_policy_document.tasks_trust.json
}

resource "aws_iam_role_policy" "task" {
  for_each = local.services

  name   = "own"
  role   = aws_iam_role.task[each.key].id
  policy = data.aws_iam_policy_document.task[each.key].json
}

data "aws_iam_policy_document" "blue_green_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# ECS itself moves the load balancer's weights in a blue/green deployment.
resource "aws_iam_role" "blue_green" {
  count = var.deployment.strategy == "BLUE_GREEN" ? 1 : 0

  name               = "${local.name}-blue-green"
  assume_role_policy = data.aws_iam_policy_document.blue_green_trust.json
}

resource "aws_iam_role_policy_attachment" "blue_green" {
  count = var.deployment.strategy == "BLUE_GREEN" ? 1 : 0

  role       = aws_iam_role.blue_green[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
}
