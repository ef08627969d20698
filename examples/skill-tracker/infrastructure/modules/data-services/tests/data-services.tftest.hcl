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

  # Two servers never share a data folder.
  assert {
    condition     = alltrue([for s in aws_ecs_service.this : s.deployment_maximum_percent == 100 && s.deployment_minimum_healthy_percent == 0 && s.desired_count == 1])
    error_message = "a rollout would start a second server beside the first"
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
    rotation                 = { bucket = "artifacts", key = "lambdas/secrets-rotator.zip" }
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

  assert {
    condition     = toset(keys(aws_secretsmanager_secret_rotation.this)) == toset(["mongodb-password", "rabbitmq-password", "redis-password"]) && aws_lambda_function.rotation["this"].runtime == "provided.al2023"
    error_message = "rotation is not set up"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.rotation["this"].policy).Statement : toset(s.Action) if s.Sid == "FourSteps"]) == toset(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"])
    error_message = "the rotator has not exactly the actions of the four steps"
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
    rotation           = { bucket = "b", key = "rotator.tar", days = 0 }
    log_retention_days = 8
    kms_key_arn        = "key"
  }
  expect_failures = [var.cluster_arn, var.vpc_id, var.subnet_ids, var.security_group_id, var.namespace, var.images, var.sizes, var.persistent, var.secrets_version, var.external_secrets, var.rotation, var.log_retention_days, var.kms_key_arn]
}
