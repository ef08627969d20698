variables {
  environment               = "dev"
  cluster_name              = "sdt-dev"
  service_names             = { user-service = "sdt-dev-user-service", task-service = "sdt-dev-task-service" }
  alb_arn_suffix            = "app/sdt-dev/50dc6c495c0c9188"
  target_group_arn_suffixes = { user-service = "targetgroup/u/1", task-service = "targetgroup/t/2" }
  database                  = { identifier = "sdt-dev-postgres", max_connections = 84 }
  alarm_emails              = ["ops@example.com"]
  monthly_budget            = 300
}

run "the_eight_alarms_have_the_seeds_limits_in_the_metrics_units" {
  command = apply

  assert {
    condition     = length(output.alarm_names) == 8 && alltrue([for kind, names in output.alarm_names : length(names) >= 1])
    error_message = "an alarm of the seed's list is missing"
  }

  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.ecs_cpu), values(aws_cloudwatch_metric_alarm.ecs_memory), aws_cloudwatch_metric_alarm.rds_cpu[*]) : a.threshold == 80 && a.comparison_operator == "GreaterThanThreshold"])
    error_message = "CPU and memory above 80 %"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.rds_storage[0].threshold == 10737418240 && aws_cloudwatch_metric_alarm.rds_storage[0].comparison_operator == "LessThanThreshold"
    error_message = "FreeStorageSpace is in bytes: 10 GiB is 10737418240"
  }

  # 84 x 0.8 = 67.2
  assert {
    condition     = aws_cloudwatch_metric_alarm.rds_connections[0].threshold == 67
    error_message = "80 % of this server's connections"
  }

  assert {
    condition     = alltrue([for name, a in aws_cloudwatch_metric_alarm.alb_unhealthy : a.threshold == 0 && a.dimensions == tomap({ LoadBalancer = "app/sdt-dev/50dc6c495c0c9188", TargetGroup = var.target_group_arn_suffixes[name] })])
    error_message = "UnHealthyHostCount is published with both dimensions"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alb_5xx.threshold == 10 && aws_cloudwatch_metric_alarm.alb_5xx.treat_missing_data == "notBreaching" && alltrue([for q in aws_cloudwatch_metric_alarm.alb_5xx.metric_query : q.metric[0].stat == "Sum" && q.metric[0].period == 60 if length(q.metric) > 0])
    error_message = "more than 10 in 60 seconds, none at all being none"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.alb_latency.threshold == 1 && aws_cloudwatch_metric_alarm.alb_latency.metric_name == "TargetResponseTime"
    error_message = "TargetResponseTime is in seconds"
  }

  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.ecs_cpu), values(aws_cloudwatch_metric_alarm.ecs_memory), values(aws_cloudwatch_metric_alarm.alb_unhealthy), aws_cloudwatch_metric_alarm.rds_cpu[*], aws_cloudwatch_metric_alarm.rds_storage[*], aws_cloudwatch_metric_alarm.rds_connections[*], [aws_cloudwatch_metric_alarm.alb_5xx, aws_cloudwatch_metric_alarm.alb_latency]) : a.alarm_actions == toset([aws_sns_topic.alarms.arn]) && length(a.alarm_description) > 30])
    error_message = "an alarm tells nobody, or not what to do"
  }

  # Who may publish, and decrypt.
  assert {
    condition     = length(aws_sns_topic.alarms.kms_master_key_id) > 0 && toset(one([for s in jsondecode(aws_kms_key.alarms.policy).Statement : s.Principal.Service if s.Sid == "Publishers"])) == toset(["cloudwatch.amazonaws.com", "budgets.amazonaws.com"])
    error_message = "CloudWatch cannot publish to an encrypted topic whose key it may not use"
  }

  assert {
    condition     = aws_budgets_budget.month[0].limit_amount == "300" && length(aws_budgets_budget.month[0].notification) == 3 && one(aws_budgets_budget.month[0].cost_filter).values == tolist(["user:Environment$dev"])
    error_message = "the budget is the environment's, and tells at 80 % and 100 % of what was spent, and of what is forecast"
  }

  assert {
    condition     = length(output.function_names) == 0 && length(aws_lambda_function.exporter) == 0
    error_message = "a function without a package"
  }

  assert {
    condition     = output.dashboard_names == ["sdt-dev-ecs", "sdt-dev-rds"] && length(jsondecode(aws_cloudwatch_dashboard.ecs.dashboard_body).widgets) == 4
    error_message = "the ECS and RDS dashboards have four panels each"
  }
}

run "the_exporters_run_on_schedule_may_do_their_work_alone_and_lose_nothing" {
  command = apply

  variables {
    artifacts_bucket     = "sdt-artifacts"
    packages             = { cost_exporter = "cost-exporter-1.zip", log_exporter = "log-exporter-1.zip", alarm_notifier = "alarm-notifier-1.zip" }
    log_archive_bucket   = "archive"
    cost_ledger_bucket   = "ledger"
    exporter_kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
    function_environment = { cost_exporter = { EXTRA = "1" } }
  }

  assert {
    condition     = aws_scheduler_schedule.exporter["cost-exporter"].schedule_expression == "rate(6 hours)" && aws_scheduler_schedule.exporter["log-exporter"].schedule_expression == "rate(1 hour)"
    error_message = "costs every 6 hours, logs every hour"
  }

  assert {
    condition     = alltrue([for name, f in aws_lambda_function.exporter : f.runtime == "provided.al2023" && f.dead_letter_config[0].target_arn == "arn:aws:sqs:us-east-1:123456789012:sdt-dev-${name}-dead"]) && alltrue([for name, s in aws_scheduler_schedule.exporter : s.target[0].dead_letter_config[0].arn == "arn:aws:sqs:us-east-1:123456789012:sdt-dev-${name}-dead"])
    error_message = "a failed run leaves no trace"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.dead) == 3
    error_message = "a dead-letter queue that nobody watches"
  }

  assert {
    condition     = aws_lambda_function.exporter["cost-exporter"].environment[0].variables["EXTRA"] == "1" && jsondecode(aws_lambda_function.exporter["cost-exporter"].environment[0].variables["COST_EXPORTER_CONFIG"]).cloudwatch.namespace == var.cost_namespace && aws_lambda_function.exporter["cost-exporter"].environment[0].variables["COST_EXPORTER_LEDGER"] == "s3://ledger/ledger.json"
    error_message = "a variable that was given is lost, or the exporter publishes to a namespace that it may not"
  }

  assert {
    condition     = aws_lambda_function.exporter["log-exporter"].environment[0].variables == tomap({ LOG_GROUP_PREFIXES = "/ecs/sdt-dev-", ARCHIVE_BUCKET = "archive" })
    error_message = "the log exporter does not know its groups and its archive"
  }

  # Exactly these actions.
  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.own_work["cost-exporter"].policy).Statement : s.Action])) == toset(["ce:GetCostAndUsage", "ce:GetCostForecast", "budgets:ViewBudget", "cloudwatch:PutMetricData", "s3:GetObject", "s3:PutObject", "s3:ListBucket"])
    error_message = "the cost exporter may do more, or less, than its work"
  }

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.own_work["log-exporter"].policy).Statement : s.Action])) == toset(["logs:DescribeLogGroups", "logs:FilterLogEvents", "s3:GetObject", "s3:PutObject", "s3:ListBucket"])
    error_message = "the log exporter may do more, or less, than its work"
  }

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.notifier["alarm-notifier"].policy).Statement : s.Action])) == toset(["logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"])
    error_message = "the notifier may do more than write its log and its dead letters"
  }

  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.own_work["cost-exporter"].policy).Statement : s.Sid if s.Resource == "*"]) == toset(["AskForCosts", "Publish"]) && one([for s in jsondecode(aws_iam_role_policy.own_work["cost-exporter"].policy).Statement : s.Condition.StringEquals["cloudwatch:namespace"] if s.Sid == "Publish"]) == var.cost_namespace
    error_message = "a statement is open where it need not be"
  }

  # The webhook.
  assert {
    condition     = jsondecode(aws_cloudformation_stack.notifier["alarm-notifier"].template_body).Resources.Function.Properties.Environment.Variables.SLACK_WEBHOOK_URL == "{{resolve:secretsmanager:sdt/dev/slack-webhook:SecretString}}"
    error_message = "the webhook is in the plan"
  }

  assert {
    condition     = aws_sns_topic_subscription.notifier["alarm-notifier"].protocol == "lambda" && aws_lambda_permission.notifier["alarm-notifier"].source_arn == "arn:aws:sns:us-east-1:123456789012:sdt-dev-alarms"
    error_message = "alarms do not reach the notifier"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    cluster_name              = ""
    service_names             = {}
    alb_arn_suffix            = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/x/1"
    target_group_arn_suffixes = { a = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1" }
    database                  = { identifier = "x", max_connections = 0 }
    alarm_emails              = ["ops"]
    monthly_budget            = -1
    packages                  = { log_exporter = "log-exporter.tar" }
    function_environment      = { cost_exporter = { SLACK_TOKEN = "x" } }
    cost_namespace            = "AWS/Costs"
    exporter_kms_key_arn      = "key"
    log_retention_days        = 8
  }
  expect_failures = [var.cluster_name, var.service_names, var.alb_arn_suffix, var.target_group_arn_suffixes, var.database, var.alarm_emails, var.monthly_budget, var.packages, var.function_environment, var.cost_namespace, var.exporter_kms_key_arn, var.log_retention_days]
}

run "a_function_without_its_buckets_is_refused" {
  command = plan
  variables {
    artifacts_bucket = "sdt-artifacts"
    packages         = { cost_exporter = "cost-exporter.zip", log_exporter = "log-exporter.zip" }
  }
  expect_failures = [var.log_archive_bucket, var.cost_ledger_bucket]
}
