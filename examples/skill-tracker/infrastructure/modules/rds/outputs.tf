output "identifier" {
  description = "Identifier of the instance, CloudWatch's dimension DBInstanceIdentifier."
  value       = aws_db_instance.this.identifier
}

output "endpoint" {
  description = "Host and port."
  value       = { host = aws_db_instance.this.address, port = 5432 }
}

output "database_name" {
  description = "Name of the first database."
  value       = aws_db_instance.this.db_name
}

output "arn" {
  description = "ARN of the instance, which RDS tags the password's secret with."
  value       = "arn:${data.aws_partition.current.partition}:rds:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:db:${local.name}-postgres"
}

output "secret_arn" {
  description = "Secret that RDS keeps user name and password in, as JSON with the keys username and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "max_connections" {
  description = "How many connections the server takes: what the alarm on 80 % of them is computed from."
  value       = local.max_connections
}

output "storage_gib" {
  description = "GiB of storage to begin with."
  value       = var.storage.initial
}
