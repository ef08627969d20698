variables {
  environment        = "dev"
  vpc_id             = "vpc-0a"
  public_subnet_ids  = ["subnet-a", "subnet-b"]
  private_subnet_ids = ["subnet-c", "subnet-d"]
  security_group_ids = { alb = "sg-alb", ecs = "sg-ecs" }
  namespace          = { id = "ns-1", arn = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1", name = "local" }
  uploads_bucket_arn = "arn:aws:s3:::sdt-dev-uploads-123456789012"
  events_topic_arn   = "arn:aws:sns:us-east-1:123456789012:sdt-dev-events"
  secret_names       = ["sdt/dev/mongodb", "sdt/dev/rabbitmq", "sdt/dev/redis", "sdt/dev/jwt", "sdt/dev/oauth", "sdt/dev/google"]
  database_arn       = "arn:aws:rds:us-east-1:123456789012:db:sdt-dev-postgres"
  backends = {
    postgres = { environment = { DB_HOST = "db" }, secrets = { DB_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1:password::" } }
    mongodb  = { secrets = { MONGODB_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/mongodb-1" } }
    rabbitmq = { secrets = { RABBITMQ_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/rabbitmq-1" } }
    redis    = { secrets = { REDIS_PASSWORD = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/redis-1" } }
    jwt      = { secrets = { JWT_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/jwt-1" } }
    oauth    = { secrets = { GOOGLE_CLIENT_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/oauth-1" } }
    google   = { secrets = { GOOGLE_API_KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/google-1" } }
  }
}

run "the_seeds_services_are_there_in_the_order_of_deployment" {
  command = apply

  assert {
    condition     = length(aws_ecs_service.service) == 15 && length(aws_ecr_repository.service) == 15
    error_message = "12 business and support services and 3 core ones"
  }

  assert {
    condition     = length(output.deploy_order) == 4 && jsonencode(slice(output.deploy_order, 0, 3)) == jsonencode([["config-server"], ["discovery-server"], ["api-gateway"]]) && length(output.deploy_order[3]) == 12
    error_message = "the core services come first, one after the other, then all others"
  }

  assert {
    condition     = !contains(keys(aws_ecs_service.service), "payment-service")
    error_message = "a service whose code is pending is switched off"
  }

  assert {
    condition     = aws_ecs_service.service["user-service"].name == "sdt-dev-user-service" && aws_ecr_repository.service["user-service"].name == "sdt-dev/user-service" && aws_cloudwatch_log_group.service["user-service"].name == "/ecs/sdt-dev-user-service"
    error_message = "names are not those that windlass.toml says"
  }

  # Rolling 200/100 with the circuit breaker.
  assert {
    condition     = alltrue([for s in aws_ecs_service.service : s.deployment_maximum_percent == 200 && s.deployment_minimum_healthy_percent == 100 && s.deployment_circuit_breaker[0].enable && s.deployment_circuit_breaker[0].rollback])
    error_message = "a rollout can take capacity away, or a failed one stays"
  }

  assert {
    condition     = alltrue([for s in aws_ecs_service.service : s.network_configuration[0].assign_public_ip == false])
    error_message = "a task has a public address"
  }

  # Priorities of rules are unique within a listener, and names of target groups within 32 characters.
  assert {
    condition     = length(distinct([for r in aws_lb_listener_rule.service : r.priority])) == 15 && alltrue([for g in aws_lb_target_group.blue : length(g.name) <= 32]) && length(distinct([for g in aws_lb_target_group.blue : g.name])) == 15
    error_message = "rules or target groups collide"
  }

  assert {
    condition     = one(one(aws_lb_listener_rule.service["config-server"].condition).path_pattern).values == toset(["/api/config-server/actuator/health", "/api/config-server/actuator/info"])
    error_message = "the configuration is open to the internet"
  }

  # Secrets: by reference, and only those that the service uses.
  assert {
    condition     = [for s in jsondecode(aws_ecs_task_definition.service["skill-service"].container_definitions)[0].secrets : s.name] == ["DB_PASSWORD", "JWT_SECRET"]
    error_message = "a service has secrets that it does not use"
  }

  assert {
    condition     = alltrue([for d in aws_ecs_task_definition.service : jsondecode(d.container_definitions)[0].readonlyRootFilesystem])
    error_message = "a container can write to its own image"
  }

  # Least privilege.
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if s.Sid == "Pull"]) == "arn:aws:ecr:us-east-1:123456789012:repository/sdt-dev/*"
    error_message = "tasks may pull other environments' images"
  }

  assert {
    condition     = contains(one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if s.Sid == "ReadSecrets"]), "arn:aws:secretsmanager:us-east-1:123456789012:secret:sdt/dev/jwt-??????") && length(one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if s.Sid == "ReadSecrets"])) == 6
    error_message = "the execution role does not read exactly the secrets that were named"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Condition.StringEquals["secretsmanager:ResourceTag/aws:rds:primaryDBInstanceArn"] if s.Sid == "ReadDatabasePassword"]) == "arn:aws:rds:us-east-1:123456789012:db:sdt-dev-postgres"
    error_message = "every database's password in the account can be read"
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.task["skill-service"].policy).Statement : s.Sid] == ["Metrics"] && [for s in jsondecode(aws_iam_role_policy.task["user-service"].policy).Statement : s.Sid] == ["Metrics", "OwnUploads"]
    error_message = "a service may do what it was not granted"
  }

  assert {
    condition     = alltrue(flatten([for p in concat([aws_iam_role_policy.execution], values(aws_iam_role_policy.task)) : [for s in jsondecode(p.policy).Statement : s.Resource != "*" || contains(["Login", "Metrics"], s.Sid)]]))
    error_message = "a statement is open to every resource"
  }
}

run "the_lifecycle_protects_production_before_it_counts" {
  command = plan

  assert {
    condition     = [for r in jsondecode(aws_ecr_lifecycle_policy.service["user-service"].policy).rules : r.rulePriority] == [1, 2, 3]
    error_message = "priorities are unique and ascend"
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.service["user-service"].policy).rules[0].selection.tagPatternList == ["production-*"]
    error_message = "the first rule, which takes its images from the later ones, is production's"
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.service["user-service"].policy).rules[1].selection == { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = 10 }
    error_message = "10 tagged images are kept"
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.service["user-service"].policy).rules[2].selection == { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
    error_message = "untagged images are deleted after 7 days"
  }

  assert {
    condition     = alltrue([for r in jsondecode(aws_ecr_lifecycle_policy.service["user-service"].policy).rules : r.action == { type = "expire" } && (r.selection.tagStatus == "untagged") != can(r.selection.tagPatternList)])
    error_message = "a rule for tagged images without a pattern is refused by ECR"
  }

  assert {
    condition     = aws_ecr_repository.service["user-service"].image_tag_mutability == "IMMUTABLE_WITH_EXCLUSION" && one(aws_ecr_repository.service["user-service"].image_tag_mutability_exclusion_filter).filter == "latest"
    error_message = "a commit's tag can be moved, or latest cannot"
  }

  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.service : g.retention_in_days == 7]) && length(aws_lb_listener.https) == 0 && length(aws_appautoscaling_target.service) == 0
    error_message = "dev keeps logs for 7 days, answers HTTP and does not scale"
  }
}

run "production_answers_https_scales_and_keeps_logs_for_90_days" {
  command = apply

  variables {
    environment     = "production"
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/x"
    size            = { cpu = 512, memory = 1024, count = 2, min = 2, max = 6 }
    sizes           = { config-server = { cpu = 256, memory = 512 } }
    deployment      = { strategy = "BLUE_GREEN", bake_minutes = 10 }
    service_connect = true
    spot_weight     = 20
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.https[0].default_action[0].type == "fixed-response" && aws_lb.this.enable_deletion_protection
    error_message = "plain HTTP is answered with more than the way to HTTPS"
  }

  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.service : g.retention_in_days == 90]) && length(aws_appautoscaling_target.service) == 14 && aws_ecs_task_definition.service["config-server"].cpu == "256"
    error_message = "retention, scaling or sizes are not the environment's"
  }

  assert {
    condition     = length(aws_lb_target_group.green) == 15 && alltrue([for s in aws_ecs_service.service : s.deployment_configuration[0].strategy == "BLUE_GREEN" && one(one(s.load_balancer).advanced_configuration).role_arn == aws_iam_role.blue_green[0].arn])
    error_message = "blue/green needs a second target group and a role"
  }

  assert {
    condition     = alltrue([for s in aws_ecs_service.service : length(s.capacity_provider_strategy) == 2 && s.service_connect_configuration[0].enabled])
    error_message = "spot capacity or Service Connect is missing"
  }
}

run "a_service_that_uses_what_is_not_there_is_refused" {
  command = plan
  variables {
    services = { one = { port = 9000, uses = ["oracle"] }, two = { port = 9000 } }
  }
  expect_failures = [aws_ecs_task_definition.service, aws_lb_listener_rule.service]
}

run "a_secret_that_the_role_may_not_read_is_found_before_a_task_fails" {
  command = plan
  variables {
    secret_names = ["sdt/dev/mongodb"]
  }
  expect_failures = [aws_iam_role_policy.execution]
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    environment        = "production"
    public_subnet_ids  = ["subnet-a"]
    private_subnet_ids = []
    vpc_id             = "10.0.0.0/16"
    security_group_ids = { alb = "sg-1", ecs = "sg-1" }
    namespace          = { id = "", arn = "x", name = "local" }
    services           = { "User Service" = { port = 80, expose = "all", grants = ["admin"], wave = 1.5 } }
    size               = { cpu = 256, memory = 4096 }
    sizes              = { user-service = { cpu = 512, memory = 1024, count = 0 } }
    images             = { user-service = "repository-without-tag" }
    backends           = { x = { environment = { DB_PASSWORD = "plain" }, secrets = { A = "plain" } } }
    deployment         = { maximum_percent = 100 }
    spot_weight        = 80
    container_insights = "on"
    log_retention_days = 8
    access_logs_bucket = "Not A Bucket"
    uploads_bucket_arn = "bucket"
    events_topic_arn   = "topic"
    kms_key_arn        = "key"
    secret_names       = ["sdt/dev/*"]
    database_arn       = "postgres"
  }
  expect_failures = [var.public_subnet_ids, var.private_subnet_ids, var.vpc_id, var.security_group_ids, var.namespace, var.services, var.size, var.sizes, var.images, var.backends, var.deployment, var.spot_weight, var.container_insights, var.log_retention_days, var.certificate_arn, var.access_logs_bucket, var.uploads_bucket_arn, var.events_topic_arn, var.kms_key_arn, var.secret_names, var.database_arn]
}
