output "state_bucket" {
  description = "Bucket of the environments' state: give it to terraform init with -backend-config=bucket=…"
  value       = aws_s3_bucket.this["state"].bucket
}

output "state_key_arn" {
  description = "KMS key that the state is encrypted with."
  value       = aws_kms_key.state.arn
}

output "artifacts_bucket" {
  description = "Bucket of the Lambda functions' packages."
  value       = aws_s3_bucket.this["artifacts"].bucket
}

output "lock" {
  description = "Value of environments.NAME.lock in windlass.toml: one run at a time, whichever machine it is on."
  value       = "s3://${aws_s3_bucket.this["locks"].bucket}"
}

output "lock_table" {
  description = "DynamoDB table of locks, or null."
  value       = one(aws_dynamodb_table.locks[*].name)
}

output "deployer_role_arns" {
  description = "Roles for the workflows, by environment: the variable AWS_ROLE_ARN of GitHub's environment of that name."
  value       = { for environment, role in aws_iam_role.deployer : environment => role.arn }
}
