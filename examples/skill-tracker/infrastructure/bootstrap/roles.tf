# One role per environment, which GitHub's workflows assume with a token of their own: no key is kept anywhere.

locals {
  ecs      = "arn:${local.partition}:ecs:${var.region}:${local.account}"
  ecr      = "arn:${local.partition}:ecr:${var.region}:${local.account}:repository"
  iam      = "arn:${local.partition}:iam::${local.account}:role"
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
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = ["${local.ecr}/${local.names[each.key]}/*"]
  }

  dynamic "statement" {
    for_each = contains(keys(var.promotions), each.key) ? [var.promotions[each.key]] : []

    content {
      sid       = "ReadPromoted"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
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

  # List, describe, stop, continue: the whole course of a deployment.
  statement {
    sid     = "FollowDeployments"
    actions = ["ecs:*ServiceDeployment*"]
    resources = [
      "${local.ecs}:service/${local.names[each.key]}/${local.names[each.key]}-*",
      "${local.ecs}:service-deployment/${local.names[each.key]}/${local.names[each.key]}-*/*",
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

  statement {
    sid       = "FindTasks"
    actions   = ["ecs:ListTasks"]
    resources = ["*"] # takes container instances only; Fargate has none, so the cluster is the bound

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
