# One role per environment, which GitHub's workflows assume with a token of their own: no key is kept anywhere.

locals {
  ecs      = "arn:${local.partition}:ecs:${var.region}:${local.account}"
  ecr      = "arn:${local.partition}:ecr:${var.region}:${local.account}:repository"
  iam      = "arn:${local.partition}:iam::${local.account}:role"
  logs     = "arn:${local.partition}:logs:${var.region}:${local.account}:log-group"
  secrets  = "arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret"
  names    = { for environment, _ in var.subjects : environment => "${var.project}-${environment}" }
  provider = var.github_oidc_provider_arn == null ? "arn:${local.partition}:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com" : var.github_oidc_provider_arn
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = var.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    # Equal, not alike: a pattern would let in branches and repositories that nobody has thought of.
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = sort(each.value)
    }
  }
}

# What windlass does in an environment: push, roll out, say why tasks stopped, go back.
data "aws_iam_policy_document" "deployer" {
  for_each = var.subjects

  statement {
    sid = "Login"
    # This action takes no resource.
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:ListImages", # which commits the tag that moves has had
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = ["${local.ecr}/${local.names[each.key]}/*"]
  }

  dynamic "statement" {
    for_each = contains(keys(var.promotions), each.key) ? [var.promotions[each.key]] : []

    content {
      sid       = "ReadPromoted"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"]
      resources = ["${local.ecr}/${var.project}-${statement.value}/*"]
    }
  }

  # A promotion looks at what runs where it comes from.
  statement {
    sid       = "SeeServices"
    actions   = ["ecs:DescribeServices"]
    resources = [for name in compact([local.names[each.key], try("${var.project}-${var.promotions[each.key]}", "")]) : "${local.ecs}:service/${name}/${name}-*"]
  }

  statement {
    sid     = "Deploy"
    actions = ["ecs:UpdateService"]
    # The application's services alone: the data services are rolled out by Terraform.
    resources = ["${local.ecs}:service/${local.names[each.key]}/${local.names[each.key]}-*"]
  }

  # List, describe, stop, continue: the whole course of a deployment. As a pattern, for tools that check policies know the last two not yet.
  statement {
    sid     = "FollowDeployments"
    actions = ["ecs:*ServiceDeployment*"]
    resources = [
      "${local.ecs}:service/${local.names[each.key]}/${local.names[each.key]}-*",
      "${local.ecs}:service-deployment/${local.names[each.key]}/${local.names[each.key]}-*/*",
    ]
  }

  # A rollback goes to what the records call the last success.
  statement {
    sid     = "ReadRevisions"
    actions = ["ecs:DescribeServiceRevisions"]
    resources = [
      "${local.ecs}:service/${local.names[each.key]}/${local.names[each.key]}-*",
      "${local.ecs}:service-revision/${local.names[each.key]}/${local.names[each.key]}-*/*",
    ]
  }

  statement {
    sid       = "ReadTaskDefinitions"
    actions   = ["ecs:DescribeTaskDefinition"]
    resources = ["*"] # takes no resource
  }

  statement {
    sid       = "RegisterTaskDefinitions"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = ["${local.ecs}:task-definition/${local.names[each.key]}-*:*"]
  }

  # A copied task definition keeps its tags, and tags at creation are an action of their own.
  statement {
    sid       = "TagTaskDefinitions"
    actions   = ["ecs:TagResource"]
    resources = ["${local.ecs}:task-definition/${local.names[each.key]}-*:*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RegisterTaskDefinition"]
    }
  }

  # Which services of the cluster left the repository, and which tasks a service has.
  statement {
    sid       = "Find"
    actions   = ["ecs:ListServices", "ecs:ListTasks"]
    resources = ["*"] # they take no resource that Fargate has, so the cluster is the bound

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["${local.ecs}:cluster/${local.names[each.key]}"]
    }
  }

  statement {
    sid       = "SeeTasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${local.ecs}:task/${local.names[each.key]}/*"]
  }

  statement {
    sid       = "ReadTaskLogs"
    actions   = ["logs:GetLogEvents"]
    resources = ["${local.logs}:/ecs/${local.names[each.key]}-*:log-stream:*"]
  }

  # What ecs-deployer looks up before it deploys: roles, log groups and secrets that are not there. It reads no secret's value. No service
  # here takes a parameter of Systems Manager or is stopped by an alarm; where one does, that takes ssm:DescribeParameters or
  # cloudwatch:DescribeAlarms.
  statement {
    sid       = "LookUpRoles"
    actions   = ["iam:GetRole"]
    resources = ["${local.iam}/${local.names[each.key]}-*"]
  }

  statement {
    sid       = "LookUpLogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"] # takes no resource
  }

  statement {
    sid       = "LookUpSecrets"
    actions   = ["secretsmanager:DescribeSecret"]
    resources = ["${local.secrets}:${var.project}/${each.key}/*", "${local.secrets}:rds!db-*"]
  }

  # One run at a time; a promotion holds the environment still that it comes from, too.
  statement {
    sid       = "HoldLock"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = [for name in compact([each.key, lookup(var.promotions, each.key, "")]) : "arn:${local.partition}:s3:::${local.buckets.locks}/${name}.lock.json"]
  }

  # Without it S3 answers 403 when nobody holds the lock. No condition on s3:prefix: asking for one object has no prefix.
  statement {
    sid       = "TellAbsent"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${local.buckets.locks}"]
  }

  # Only these roles, and only to tasks: whoever may pass any role has the rights of the strongest.
  statement {
    sid       = "PassTaskRoles"
    actions   = ["iam:PassRole"]
    resources = ["${local.iam}/${local.names[each.key]}-execution", "${local.iam}/${local.names[each.key]}-*-task"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "deployer" {
  for_each = var.subjects

  name                 = "${local.names[each.key]}-deployer"
  description          = "Deploys to ${each.key} from GitHub's workflows"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "deployer" {
  for_each = var.subjects

  name   = "deploy"
  role   = aws_iam_role.deployer[each.key].id
  policy = data.aws_iam_policy_document.deployer[each.key].json
}
