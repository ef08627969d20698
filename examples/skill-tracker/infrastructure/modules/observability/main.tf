# Grafana, managed or as a task, and Prometheus. What both may do is read.

locals {
  name      = "${var.project}-${var.environment}"
  account   = data.aws_caller_identity.current.account_id
  region    = data.aws_region.current.region
  partition = data.aws_partition.current.partition
  any       = var.grafana == "none" ? 0 : 1
  managed   = var.grafana == "managed" ? 1 : 0
  on_ecs    = var.grafana == "ecs" ? 1 : 0
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [var.grafana == "ecs" ? "ecs-tasks.amazonaws.com" : "grafana.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "read" {
  # None of these takes a resource.
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "tag:GetResources"]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.prometheus == "managed" ? [true] : []

    content {
      sid       = "Prometheus"
      actions   = ["aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"]
      resources = ["arn:${local.partition}:aps:${local.region}:${local.account}:workspace/*"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceTag/Name"
        values   = [local.name]
      }
    }
  }
}

resource "aws_iam_role" "grafana" {
  count = local.any

  name               = "${local.name}-grafana"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "grafana" {
  count = local.any

  name   = "read"
  role   = aws_iam_role.grafana[0].id
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_grafana_workspace" "this" {
  count = local.managed

  name                     = local.name
  description              = "Skill Tracker, ${var.environment}"
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["AWS_SSO"]
  permission_type          = "CUSTOMER_MANAGED"
  role_arn                 = "arn:${local.partition}:iam::${local.account}:role/${aws_iam_role.grafana[0].name}"
  data_sources             = var.prometheus == "managed" ? ["CLOUDWATCH", "PROMETHEUS"] : ["CLOUDWATCH"]
}

resource "aws_prometheus_workspace" "this" {
  count = var.prometheus == "managed" ? 1 : 0

  alias = local.name

  tags = { Name = local.name }
}

resource "aws_prometheus_rule_group_namespace" "this" {
  count = var.prometheus == "managed" && var.rules != null ? 1 : 0

  name         = local.name
  workspace_id = aws_prometheus_workspace.this[0].id
  data         = var.rules
}
