output "names" {
  description = "The buckets' whole names, by the key they have in the variable buckets."
  value       = { for name, bucket in aws_s3_bucket.this : name => bucket.bucket }

  # A load balancer that is told to log tries at once, and fails where it may not write yet.
  depends_on = [aws_s3_bucket_policy.this]
}

output "arns" {
  description = "The buckets' ARNs, by the same key; known before they exist."
  value       = local.arns
}
