# The scheduled exporters: each a function with a role of its own, a schedule, and a queue for what failed.

locals {
  exporters = {
    cost-exporter = {
      key         = var.packages.cost_exporter
      description = "Cost Explorer to CloudWatch, every 6 hours"
      schedule    = "rate(6 hours)"
      timeout     = 120
      memory      = 128
      environment = {
        COST_EXPORTER_LEDGER = "s3://${coalesce(var.cost_ledger_bucket, "none")}/ledger.json"
        COST_EXPORTER_CONFIG = jsonencode({
          tag        = "Environment"
          cloudwatch = { namespace = var.cost_namespace, groupings = ["total", "environment", "service-environment"] }
          aws        = { budgets-account = local.account }
        })
      }
    }
    log-exporter = {
      key         = var.packages.log_exporter
      description = "CloudWatch Logs to S3, every hour"
      schedule    = "rate(1 hour)"
      timeout     = 900
      memory      = 512
      environment = { LOG_GROUP_PREFIXES = "/ecs/${local.name}-", ARCHIVE_BUCKET = coalesce(var.log_archive_bucket, "none") }
    }
  }
  scheduled = { for name, exporter in local.exporters : name => exporter if exporter.key != null }
  arns = {
    function = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.name}"
    queue    = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.name}"
    logs     = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group"
    role     = "arn:${local.partition}:iam::${local.account}:role"
  }
}

data "aws_iam_policy_document" "function_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "cost_exporter" {
  statement {
    sid = "AskForCosts"
    # Cost Explorer knows no resource but billing views, and without one of these an action is on the whole account.
    actions   = ["ce:GetCostAndUsage", "ce:GetCostForecast"]
    resources = ["*"]
  }

  statement {
    sid       = "ReadBudgets"
    actions   = ["budgets:ViewBudget"]
    resources = ["arn:${local.partition}:budgets::${local.account}:budget/*"]
  }

  statement {
    sid = "Publish"
    # This action takes no resource; the namespace is what it is held to.
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [var.cost_namespace]
    }
  }

  statement {
    sid       = "Ledger"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["arn:${local.partition}:s3:::${coalesce(var.cost_ledger_bucket, "none")}/*"]
  }

  # Without it S3 answers 403 for a ledger that does not exist yet, and the first run could not tell that from a refusal.
  statement {
    sid       = "TellAbsent"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${coalesce(var.cost_ledger_bucket, "none")}"]
  }
}

data "aws_iam_policy_document" "log_exporter" {
  statement {
    sid = "FindGroups"
    # This action takes no resource.
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "ReadGroups"
    actions   = ["logs:FilterLogEvents"]
    resources = ["${local.arns.logs}:/ecs/${local.name}-*:*"]
  }

  statement {
    sid       = "Archive"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["arn:${local.partition}:s3:::${coalesce(var.log_archive_bucket, "none")}/*"]
  }

  statement {
    sid       = "ListArchive"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${coalesce(var.log_archive_bucket, "none")}"]
  }
}

# What every scheduled function needs beside its own work.
data "aws_iam_policy_document" "function" {
  for_each = local.scheduled

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arns.logs}:/aws/lambda/${local.name}-${each.key}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = ["${local.arns.queue}-${each.key}-dead"]
  }

  dynamic "statement" {
    for_each = var.exporter_kms_key_arn == null ? [] : [var.exporter_kms_key_arn]

    content {
      sid       = "BucketKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.scheduled

  name               = "${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.function_trust.json
}

# What the exporter's README lists, and nothing else.
resource "aws_iam_role_policy" "own_work" {
  for_each = local.scheduled

  name   = "own-work"
  role   = aws_iam_role.function[each.key].id
  policy = { cost-exporter = data.aws_iam_policy_document.cost_exporter.json, log-exporter = data.aws_iam_policy_document.log_exporter.json }[each.key]
}

resource "aws_iam_role_policy" "function" {
  for_each = local.scheduled

  name   = "function"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.scheduled

  name              = "/aws/lambda/${local.name}-${each.key}"
  retention_in_days = local.retention
}

resource "aws_sqs_queue" "dead" {
  for_each = local.scheduled

  name                      = "${local.name}-${each.key}-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_function" "exporter" {
  for_each = local.scheduled

  function_name = "${local.name}-${each.key}"
  description   = each.value.description
  role          = "${local.arns.role}/${aws_iam_role.function[each.key].name}"
  runtime       = "provided.al2023"
  architectures = ["arm64"]
  handler       = "bootstrap"
  s3_bucket     = var.artifacts_bucket
  s3_key        = each.value.key
  timeout       = each.value.timeout
  memory_size   = each.value.memory
  # A second run at the same time would ask for the same, and pay for it.
  reserved_concurrent_executions = 1

  environment {
    variables = merge(each.value.environment, lookup(var.function_environment, replace(each.key, "-", "_"), {}))
  }

  dead_letter_config {
    target_arn = "${local.arns.queue}-${each.key}-dead"
  }

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.own_work, aws_iam_role_policy.function, aws_sqs_queue.dead]
}

# What failed is tried again once, and made up by the next schedule.
resource "aws_lambda_function_event_invoke_config" "exporter" {
  for_each = local.scheduled

  function_name                = aws_lambda_function.exporter[each.key].function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600
}

data "aws_iam_policy_document" "schedule_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "schedule" {
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [for name in sort(keys(local.exporters)) : "${local.arns.function}-${name}"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [for name in sort(keys(local.exporters)) : "${local.arns.queue}-${name}-dead"]
  }
}

resource "aws_iam_role" "schedule" {
  name               = "${local.name}-schedules"
  assume_role_policy = data.aws_iam_policy_document.schedule_trust.json
}

resource "aws_iam_role_policy" "schedule" {
  name   = "invoke"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.schedule.json
}

resource "aws_scheduler_schedule" "exporter" {
  for_each = local.scheduled

  name                = "${local.name}-${each.key}"
  description         = each.value.description
  schedule_expression = each.value.schedule

  # Not every account at the full hour.
  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 10
  }

  target {
    arn      = "${local.arns.function}-${each.key}"
    role_arn = "${local.arns.role}/${aws_iam_role.schedule.name}"
    input    = jsonencode({})

    dead_letter_config {
      arn = "${local.arns.queue}-${each.key}-dead"
    }

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 3600
    }
  }

  depends_on = [aws_lambda_function.exporter, aws_iam_role_policy.schedule]
}

# A queue that nobody watches would be a quiet place to lose things.
resource "aws_cloudwatch_metric_alarm" "dead" {
  for_each = merge(aws_sqs_queue.dead, aws_sqs_queue.notifier_dead)

  alarm_name          = "${each.value.name}-letters"
  alarm_description   = "A run failed for good; the event is in the queue ${each.value.name}, the reason in the function's log."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
}
