output "app_id" {
  description = "Id of the app, for aws amplify create-deployment."
  value       = aws_amplify_app.frontend.id
}

output "branch_name" {
  description = "Branch that is served."
  value       = aws_amplify_branch.this.branch_name
}

output "branch_domain" {
  description = "Host that serves the branch, as the origin of CloudFront. The app's own default_domain without the branch serves nothing."
  value       = "${replace(aws_amplify_branch.this.branch_name, "/[^a-z0-9-]/", "-")}.${aws_amplify_app.frontend.default_domain}"
}
