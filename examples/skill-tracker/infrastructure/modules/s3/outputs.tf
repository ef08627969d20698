output "names" {
  description = "The buckets' whole names, by the key they have in the variable buckets."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.bucket }
}

output "arns" {
  description = "The buckets' ARNs, by the same key; known before they exist."
  value       = local.arns
}
