variables {
  environment = "dev"
}

run "managed_grafana_and_prometheus_may_read_and_no_more" {
  command = apply
  variables {
    rules = "groups: []"
  }

  assert {
    condition     = length(aws_grafana_workspace.this) == 1 && length(aws_prometheus_workspace.this) == 1 && length(aws_ecs_service.grafana) == 0 && length(aws_prometheus_rule_group_namespace.this) == 1
    error_message = "managed is not what is made"
  }

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.grafana[0].policy).Statement : s.Action])) == toset(["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "tag:GetResources", "aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"])
    error_message = "Grafana may do more than read"
  }

  assert {
    condition     = jsondecode(aws_iam_role.grafana[0].assume_role_policy).Statement[0].Principal.Service == "grafana.amazonaws.com"
    error_message = "something else may take Grafana's role"
  }
}

run "grafana_as_a_task_has_a_password_that_nobody_saw" {
  command = apply
  variables {
    grafana           = "ecs"
    prometheus        = "none"
    cluster_arn       = "arn:aws:ecs:us-east-1:123456789012:cluster/sdt-dev"
    vpc_id            = "vpc-1"
    subnet_ids        = ["subnet-a"]
    security_group_id = "sg-1"
    listener_arn      = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/x/1/2"
  }

  assert {
    condition     = length(aws_grafana_workspace.this) == 0 && length(aws_prometheus_workspace.this) == 0 && length(aws_ecs_service.grafana) == 1
    error_message = "the task is not what is made"
  }

  assert {
    condition     = aws_secretsmanager_secret_version.admin[0].secret_string == null && output.admin_secret_name == "sdt/dev/grafana-admin" && jsondecode(aws_ecs_task_definition.grafana[0].container_definitions)[0].secrets[0].name == "GF_SECURITY_ADMIN_PASSWORD"
    error_message = "the password is in the state"
  }

  assert {
    condition     = jsondecode(aws_iam_role.grafana[0].assume_role_policy).Statement[0].Principal.Service == "ecs-tasks.amazonaws.com" && !strcontains(aws_iam_role_policy.grafana[0].policy, "aps:")
    error_message = "the role is not the task's, or reads a Prometheus that is not there"
  }
}

run "nothing_is_made_when_nothing_is_asked_for" {
  command = plan
  variables {
    grafana    = "none"
    prometheus = "none"
  }

  assert {
    condition     = length(aws_iam_role.grafana) == 0 && length(aws_prometheus_workspace.this) == 0
    error_message = "something is left"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    grafana         = "ecs"
    prometheus      = "self"
    rules           = "alerts: []"
    grafana_image   = "grafana/grafana:latest"
    secrets_version = 0
  }
  expect_failures = [var.prometheus, var.rules, var.grafana_image, var.secrets_version, var.cluster_arn, var.vpc_id, var.subnet_ids, var.security_group_id, var.listener_arn]
}
