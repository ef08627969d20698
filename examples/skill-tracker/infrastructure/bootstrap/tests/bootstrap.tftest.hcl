variables {
  subjects = {
    dev        = ["repo:acme/skill-tracker:environment:dev"]
    staging    = ["repo:acme/skill-tracker:environment:staging"]
    production = ["repo:acme@1234/skill-tracker@5678:environment:production"]
  }
}

run "the_state_is_versioned_encrypted_private_and_refuses_plain_http" {
  command = apply

  assert {
    condition     = aws_s3_bucket_versioning.this["state"].versioning_configuration[0].status == "Enabled" && one(one(aws_s3_bucket_server_side_encryption_configuration.this["state"].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "the state is not versioned or not encrypted with the key"
  }

  assert {
    condition     = alltrue([for p in aws_s3_bucket_policy.this : jsondecode(p.policy).Statement[0].Effect == "Deny" && jsondecode(p.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"]) && alltrue([for b in aws_s3_bucket_public_access_block.this : b.block_public_policy && b.restrict_public_buckets && b.block_public_acls && b.ignore_public_acls])
    error_message = "the state can be read by others, or in the clear"
  }

  assert {
    condition     = length(aws_dynamodb_table.locks) == 0 && output.state_bucket == "sdt-terraform-state-123456789012"
    error_message = "the backend locks by itself"
  }

  # Locks are kept apart from the state, and a deployer reaches its own alone.
  assert {
    condition     = output.lock == "s3://sdt-locks-123456789012" && one(one(aws_s3_bucket_server_side_encryption_configuration.this["locks"].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256" && !strcontains(aws_iam_role_policy.deployer["dev"].policy, "terraform-state")
    error_message = "the locks are with the state"
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.deployer["staging"].policy).Statement : s.Resource if s.Sid == "HoldLock"] == [["arn:aws:s3:::sdt-locks-123456789012/dev.lock.json", "arn:aws:s3:::sdt-locks-123456789012/staging.lock.json"]]
    error_message = "a promotion holds the lock of where it comes from, and no third one"
  }

  # Roles: who may assume them.
  assert {
    condition     = jsondecode(aws_iam_role.deployer["dev"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:acme/skill-tracker:environment:dev" && jsondecode(aws_iam_role.deployer["dev"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    error_message = "the role trusts more than one repository's one environment"
  }

  # And what they may do.
  assert {
    condition = toset(flatten([for s in jsondecode(aws_iam_role_policy.deployer["dev"].policy).Statement : s.Action])) == toset([
      "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload", "ecr:ListImages", "ecr:PutImage", "ecr:UploadLayerPart", "ecs:DescribeServices", "ecs:UpdateService", "ecs:*ServiceDeployment*",
      "ecs:DescribeServiceRevisions", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:ListServices", "ecs:ListTasks", "ecs:DescribeTasks",
      "iam:PassRole", "iam:GetRole", "logs:GetLogEvents", "logs:DescribeLogGroups", "secretsmanager:DescribeSecret", "s3:GetObject", "s3:PutObject",
      "s3:DeleteObject", "s3:ListBucket",
    ])
    error_message = "the deployer has not exactly the actions that windlass needs"
  }

  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.deployer["staging"].policy).Statement : s.Sid if s.Resource == "*"]) == toset(["Login", "ReadTaskDefinitions", "Find", "LookUpLogGroups"])
    error_message = "a statement is open to every resource that need not be"
  }

  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.deployer["dev"].policy).Statement : s.Resource == ["arn:aws:iam::123456789012:role/sdt-dev-*-task", "arn:aws:iam::123456789012:role/sdt-dev-execution"] && s.Condition.StringEquals["iam:PassedToService"] == "ecs-tasks.amazonaws.com" if s.Sid == "PassTaskRoles"])
    error_message = "a role can be passed that is not a task's, or to something else"
  }

  # Staging reads dev's images and writes its own; dev reads nobody's.
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.deployer["staging"].policy).Statement : s.Resource if s.Sid == "ReadPromoted"] == ["arn:aws:ecr:us-east-1:123456789012:repository/sdt-dev/*"] && length([for s in jsondecode(aws_iam_role_policy.deployer["dev"].policy).Statement : s if s.Sid == "ReadPromoted"]) == 0
    error_message = "promotion reads from the wrong repositories"
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.deployer["dev"].policy, "sdt-production") && !strcontains(aws_iam_role_policy.deployer["staging"].policy, "sdt-production")
    error_message = "another environment's role reaches production"
  }
}

run "the_lock_table_and_a_provider_of_ones_own_are_there_when_asked_for" {
  command = plan
  variables {
    lock_table               = true
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = aws_dynamodb_table.locks[0].hash_key == "LockID" && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "the table has the key that Terraform looks for, and the account has one provider"
  }
}

run "a_subject_with_a_wildcard_is_refused" {
  command = plan
  variables {
    subjects = { dev = ["repo:acme/*:environment:dev"] }
  }
  expect_failures = [var.subjects]
}

run "production_is_not_deployed_from_a_branch" {
  command = plan
  variables {
    subjects = { production = ["repo:acme/skill-tracker:ref:refs/heads/main"] }
  }
  expect_failures = [var.subjects]
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    project                  = "Skill Tracker"
    region                   = "Virginia"
    subjects                 = { dev = ["repo:acme/skill-tracker:environment:production"] }
    promotions               = { dev = "dev" }
    github_oidc_provider_arn = "github"
  }
  expect_failures = [var.project, var.region, var.subjects, var.promotions, var.github_oidc_provider_arn]
}
