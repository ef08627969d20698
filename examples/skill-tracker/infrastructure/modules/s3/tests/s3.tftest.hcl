variables {
  environment = "dev"
  buckets = {
    logs  = { archive_days = 30, expire_days = 365 }
    albs  = { load_balancer_logs = true, versioned = false, expire_days = 30 }
    files = {}
  }
  kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "every_bucket_is_private_encrypted_and_refuses_plain_http" {
  command = apply

  assert {
    condition     = alltrue([for b in aws_s3_bucket_public_access_block.this : b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets]) && length(aws_s3_bucket_public_access_block.this) == 3
    error_message = "a bucket can become public"
  }

  assert {
    condition     = alltrue([for p in aws_s3_bucket_policy.this : anytrue([for s in jsondecode(p.policy).Statement : s.Effect == "Deny" && try(s.Condition.Bool["aws:SecureTransport"], "") == "false"])])
    error_message = "a bucket takes plain HTTP"
  }

  assert {
    condition     = output.names["logs"] == "sdt-dev-logs-123456789012" && output.arns["logs"] == "arn:aws:s3:::sdt-dev-logs-123456789012"
    error_message = "a name holds the account, since names are global"
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["files"].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "the key that was given is not used"
  }
}

run "a_bucket_of_load_balancer_logs_has_what_they_take" {
  command = plan

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this["albs"].rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "access logs are not delivered to a bucket with a KMS key"
  }

  assert {
    condition     = length(jsondecode(data.aws_iam_policy_document.bucket["albs"].json).Statement) == 2 && length(jsondecode(data.aws_iam_policy_document.bucket["files"].json).Statement) == 1
    error_message = "the log service may write to its bucket and to no other"
  }
}

run "the_lifecycle_archives_then_deletes" {
  command = plan

  assert {
    condition     = toset([for r in aws_s3_bucket_lifecycle_configuration.this["logs"].rule : r.id]) == toset(["abandoned-uploads", "noncurrent", "archive", "expire"])
    error_message = "logs are archived and then deleted"
  }

  assert {
    condition     = toset([for r in aws_s3_bucket_lifecycle_configuration.this["files"].rule : r.id]) == toset(["abandoned-uploads", "noncurrent"])
    error_message = "without days nothing is deleted"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    environment = "production"
    buckets     = { Logs = { expire_days = -1 } }
    kms_key_arn = "my-key"
  }
  expect_failures = [var.buckets, var.kms_key_arn]
}

run "what_is_archived_is_kept_for_the_days_that_are_paid" {
  command = plan
  variables {
    environment   = "production"
    force_destroy = true
    buckets       = { logs = { archive_days = 30, expire_days = 119 } }
  }
  expect_failures = [var.buckets, var.force_destroy]
}
