variables {
  environment       = "dev"
  cluster_arn       = "arn:aws:ecs:us-east-1:123456789012:cluster/sdt-dev"
  vpc_id            = "vpc-0a"
  subnet_ids        = ["subnet-a", "subnet-b"]
  security_group_id = "sg-data"
  namespace         = { id = "ns-1", arn = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1", name = "local" }
}

run "the_data_services_are_found_by_name_and_checked_by_their_own_tools" {
  command = apply

  assert {
    condition     = output.endpoints["mongodb"] == { host = "mongodb.local", port = 27017 } && toset(keys(aws_ecs_service.this)) == toset(["mongodb", "rabbitmq", "redis"])
    error_message = "the seed's applications look for mongodb.local"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this["rabbitmq"].container_definitions)[0].user == "999:999"
    error_message = "RabbitMQ cannot read its cookie as another user"
  }

  assert {
    condition     = one(jsondecode(aws_ecs_task_definition.this["rabbitmq"].container_definitions)[0].linuxParameters.tmpfs).containerPath == "/tmp" && contains([for e in jsondecode(aws_ecs_task_definition.this["rabbitmq"].container_definitions)[0].environment : "${e.name}=${e.value}"], "TMPDIR=/tmp")
    error_message = "Erlang has nowhere to write"
  }

  assert {
    condition     = contains([for s in jsondecode(aws_ecs_task_definition.this["rabbitmq"].container_definitions)[0].secrets : s.name], "RABBITMQ_ERLANG_COOKIE")
    error_message = "the cookie is not a secret"
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.this : jsondecode(d.container_definitions)[0].healthCheck.command[0] == "CMD-SHELL"])
    error_message = "a data service has no health check"
  }

  # After a rotation the environment has the password of before.
  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.this : !strcontains(jsondecode(d.container_definitions)[0].healthCheck.command[1], "PASSWORD")])
    error_message = "a rotation would make a data service unhealthy"
  }

  assert {
    condition     = contains([for e in jsondecode(aws_ecs_task_definition.this["rabbitmq"].container_definitions)[0].environment : "${e.name}=${e.value}"], "RABBITMQ_NODENAME=rabbit@localhost")
    error_message = "RabbitMQ would look for its data under another name in each task"
  }

  # Two servers never share a data folder.
  assert {
    condition     = alltrue([for s in aws_ecs_service.this : s.deployment_maximum_percent == 100 && s.deployment_minimum_healthy_percent == 0 && s.desired_count == 1])
    error_message = "a rollout would start a second server beside the first"
  }

  assert {
    condition     = length(aws_lambda_function.rotation) == 0 && length(aws_secretsmanager_secret_rotation.this) == 0 && length(aws_iam_role.rotation) == 0 && length(aws_lambda_permission.rotation) == 0
    error_message = "passwords are rotated though nobody asked for it"
  }

  assert {
    condition     = length(aws_lb.tcp) == 0 && length(aws_lb.management) == 0 && length(aws_efs_file_system.this) == 0 && output.management_url == null
    error_message = "dev pays for what it did not ask for"
  }
}

run "no_password_is_in_the_state" {
  command = apply

  assert {
    condition     = alltrue([for v in aws_secretsmanager_secret_version.generated : v.secret_string == null && v.secret_string_wo == null && v.secret_string_wo_version == 1])
    error_message = "a password is in the state"
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.generated) == 5 && toset(keys(aws_secretsmanager_secret.external)) == toset(["google-oauth-client", "google-api-key"])
    error_message = "the seed's secrets are not all there"
  }

  assert {
    condition     = length(one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if s.Sid == "ReadSecrets"])) == 4
    error_message = "the data services read more than their own four secrets"
  }
}

run "production_keeps_its_data_in_folders_that_only_their_owner_mounts" {
  command = apply

  variables {
    environment              = "production"
    persistent               = true
    network_load_balancer    = true
    management_load_balancer = true
  }

  assert {
    condition     = aws_efs_file_system.this[0].encrypted && length(aws_efs_mount_target.this) == 2 && alltrue([for p in aws_efs_access_point.this : p.posix_user[0].uid == 999 && p.root_directory[0].creation_info[0].permissions == "0700"])
    error_message = "the file system is readable by others"
  }

  assert {
    condition     = alltrue([for name, p in aws_iam_role_policy.mount : jsondecode(p.policy).Statement[0].Condition.StringEquals["elasticfilesystem:AccessPointArn"] == aws_efs_access_point.this[name].arn])
    error_message = "a service may mount another's folder"
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.this : one(one(d.volume).efs_volume_configuration).transit_encryption == "ENABLED"])
    error_message = "data cross the network in the clear"
  }

  # TCP by the network load balancer, HTTP by the other, and by no other way round.
  assert {
    condition     = toset([for l in aws_lb_listener.tcp : l.port]) == toset([27017, 5672, 6379]) && alltrue([for l in aws_lb_listener.tcp : l.protocol == "TCP"]) && aws_lb_listener.management[0].port == 15672 && aws_lb_listener.management[0].protocol == "HTTP"
    error_message = "an application load balancer cannot carry these protocols"
  }

  assert {
    condition     = aws_lb.tcp[0].internal && aws_lb.management[0].internal && length(aws_ecs_service.this["rabbitmq"].load_balancer) == 2 && length(aws_ecs_service.this["redis"].load_balancer) == 1
    error_message = "a data service can be reached from outside, or not through its load balancer"
  }
}

run "passwords_are_rotated_by_a_function_that_may_do_just_that" {
  command = apply

  variables {
    kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/k"
    rotation    = { bucket = "artifacts", key = "lambdas/secrets-rotator.zip" }
  }

  assert {
    condition     = toset(keys(aws_secretsmanager_secret_rotation.this)) == toset(["mongodb-password", "rabbitmq-password", "redis-password"]) && aws_lambda_function.rotation["this"].runtime == "provided.al2023"
    error_message = "rotation is not set up"
  }

  assert {
    condition     = alltrue([for r in aws_secretsmanager_secret_rotation.this : one(r.rotation_rules).automatically_after_days == 30 && !r.rotate_immediately])
    error_message = "switching rotation on would change the passwords under running services"
  }

  assert {
    condition     = aws_lambda_function.rotation["this"].environment[0].variables == tomap({ MONGODB_ENDPOINT = "mongodb.local:27017", RABBITMQ_ENDPOINT = "rabbitmq.local:15672", REDIS_ENDPOINT = "redis.local:6379" })
    error_message = "the rotator looks for the services where they are not"
  }

  assert {
    condition     = aws_lambda_function.rotation["this"].vpc_config[0].security_group_ids == toset(["sg-data"]) && aws_lambda_permission.rotation["this"].principal == "secretsmanager.amazonaws.com" && aws_lambda_permission.rotation["this"].source_account != ""
    error_message = "the rotator cannot reach the services, or others may call it"
  }

  assert {
    condition = { for s in jsondecode(aws_iam_role_policy.rotation["this"].policy).Statement : s.Sid => toset(flatten([s.Action])) } == {
      FourSteps    = toset(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"])
      MakePassword = toset(["secretsmanager:GetRandomPassword"])
      SecretsKey   = toset(["kms:Decrypt", "kms:GenerateDataKey"])
      WriteLogs    = toset(["logs:CreateLogStream", "logs:PutLogEvents"])
      EnterNetwork = toset(["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"])
    }
    error_message = "the rotator has not exactly the actions that it needs"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.rotation["this"].policy).Statement : length(s.Resource) == 3 && alltrue([for r in s.Resource : endswith(r, "-password-??????")]) if s.Sid == "FourSteps"])
    error_message = "the rotator reaches more than its three secrets"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if s.Sid == "SecretsKey"]) == var.kms_key_arn
    error_message = "the data services cannot read secrets of that key"
  }
}

run "a_schedule_takes_the_place_of_the_days" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "secrets-rotator.zip", schedule = "cron(0 3 ? * SUN#1 *)", window = "2h" }
  }

  assert {
    condition     = alltrue([for r in aws_secretsmanager_secret_rotation.this : one(r.rotation_rules).schedule_expression == "cron(0 3 ? * SUN#1 *)" && one(r.rotation_rules).duration == "2h" && one(r.rotation_rules).automatically_after_days == null])
    error_message = "Secrets Manager takes days or a schedule, not both"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    environment        = "production"
    cluster_arn        = "sdt-production"
    vpc_id             = "net"
    subnet_ids         = ["subnet-a"]
    security_group_id  = ""
    namespace          = { id = "", arn = "", name = "" }
    images             = { mongodb = "mongo:latest", rabbitmq = "rabbitmq", redis = "redis:8" }
    sizes              = { mongodb = { cpu = 256, memory = 4096 }, rabbitmq = { cpu = 256, memory = 512 }, redis = { cpu = 256, memory = 512 } }
    persistent         = false
    secrets_version    = 0
    external_secrets   = ["Google Key"]
    rotation           = { bucket = "b", key = "rotator.tar", days = 0, schedule = "rate(1 hours)", window = "25h" }
    log_retention_days = 8
    kms_key_arn        = "key"
  }
  expect_failures = [var.cluster_arn, var.vpc_id, var.subnet_ids, var.security_group_id, var.namespace, var.images, var.sizes, var.persistent, var.secrets_version, var.external_secrets, var.rotation, var.log_retention_days, var.kms_key_arn]
}

run "a_rotation_without_a_package_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "secrets-rotator.tar" }
  }

  expect_failures = [var.rotation]
}

run "a_rotation_of_half_a_day_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", days = 0.5 }
  }

  expect_failures = [var.rotation]
}

run "a_schedule_more_often_than_every_four_hours_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", schedule = "rate(3 hours)" }
  }

  expect_failures = [var.rotation]
}

run "a_schedule_without_all_fields_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", schedule = "cron(0 3 * * *)" }
  }

  expect_failures = [var.rotation]
}

run "a_window_without_a_schedule_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", window = "2h" }
  }

  expect_failures = [var.rotation]
}

run "a_schedule_off_the_full_hour_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", schedule = "cron(30 3 ? * SUN#1 *)" }
  }

  expect_failures = [var.rotation]
}

run "a_schedule_of_one_year_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", schedule = "cron(0 3 ? * SUN#1 2027)" }
  }

  expect_failures = [var.rotation]
}

run "a_schedule_of_more_than_999_days_is_refused" {
  command = plan

  variables {
    rotation = { bucket = "artifacts", key = "r.zip", schedule = "rate(1000 days)" }
  }

  expect_failures = [var.rotation]
}
