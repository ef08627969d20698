# The alarm notifier: alarms from the topic to Slack.
#
# Its webhook is a secret that it takes from its environment. A Lambda function made by Terraform would have it in the state, so
# CloudFormation makes this one and resolves the secret by itself: plan and state hold the reference alone.

locals {
  notifier = var.packages.alarm_notifier == null ? {} : { alarm-notifier = var.packages.alarm_notifier }
}

# The place for the webhook; its value is put by hand, before the function is switched on.
resource "aws_secretsmanager_secret" "webhook" {
  name                    = "${var.project}/${var.environment}/slack-webhook"
  description             = "Incoming webhook of Slack for alarms of ${local.name}; its value is put by hand"
  kms_key_id              = aws_kms_key.alarms.arn
  recovery_window_in_days = var.environment == "production" ? 30 : 7
}

data "aws_iam_policy_document" "notifier" {
  for_each = local.notifier

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
}

resource "aws_iam_role" "notifier" {
  for_each = local.notifier

  name               = "${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.function_trust.json
}

resource "aws_iam_role_policy" "notifier" {
  for_each = local.notifier

  name   = "function"
  role   = aws_iam_role.notifier[each.key].id
  policy = data.aws_iam_policy_document.notifier[each.key].json
}

resource "aws_cloudwatch_log_group" "notifier" {
  for_each = local.notifier

  name              = "/aws/lambda/${local.name}-${each.key}"
  retention_in_days = local.retention
}

resource "aws_sqs_queue" "notifier_dead" {
  for_each = local.notifier

  name                      = "${local.name}-${each.key}-dead"
  message_retention_seconds = 14 * 24 * 3600
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudformation_stack" "notifier" {
  for_each = local.notifier

  name = "${local.name}-${each.key}"

  template_body = jsonencode({
    Resources = {
      Function = {
        Type = "AWS::Lambda::Function"
        Properties = {
          FunctionName     = "${local.name}-${each.key}"
          Description      = "Alarms to Slack"
          Role             = "${local.arns.role}/${aws_iam_role.notifier[each.key].name}"
          Runtime          = "provided.al2023"
          Architectures    = ["arm64"]
          Handler          = "bootstrap"
          Code             = { S3Bucket = var.artifacts_bucket, S3Key = each.value }
          Timeout          = 60
          MemorySize       = 128
          DeadLetterConfig = { TargetArn = "${local.arns.queue}-${each.key}-dead" }
          Environment      = { Variables = { SLACK_WEBHOOK_URL = "{{resolve:secretsmanager:${aws_secretsmanager_secret.webhook.name}:SecretString}}" } }
        }
      }
    }
  })

  depends_on = [aws_iam_role_policy.notifier, aws_cloudwatch_log_group.notifier, aws_sqs_queue.notifier_dead]
}

resource "aws_lambda_permission" "notifier" {
  for_each = local.notifier

  statement_id  = "Alarms"
  action        = "lambda:InvokeFunction"
  function_name = "${local.name}-${each.key}"
  principal     = "sns.amazonaws.com"
  source_arn    = local.topic_arn

  depends_on = [aws_cloudformation_stack.notifier]
}

resource "aws_sns_topic_subscription" "notifier" {
  for_each = local.notifier

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "lambda"
  endpoint  = "${local.arns.function}-${each.key}"

  # What SNS itself could not hand over.
  redrive_policy = jsonencode({ deadLetterTargetArn = "${local.arns.queue}-${each.key}-dead" })

  depends_on = [aws_lambda_permission.notifier]
}

data "aws_iam_policy_document" "notifier_dead" {
  for_each = local.notifier

  statement {
    sid       = "UndeliveredAlarms"
    actions   = ["sqs:SendMessage"]
    resources = ["${local.arns.queue}-${each.key}-dead"]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.topic_arn]
    }
  }
}

resource "aws_sqs_queue_policy" "notifier_dead" {
  for_each = local.notifier

  queue_url = aws_sqs_queue.notifier_dead[each.key].url
  policy    = data.aws_iam_policy_document.notifier_dead[each.key].json
}
