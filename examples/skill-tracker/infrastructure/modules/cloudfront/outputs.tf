output "distribution_id" {
  description = "Id of the distribution, CloudWatch's dimension DistributionId."
  value       = aws_cloudfront_distribution.this.id
}

output "url" {
  description = "Where people find the application."
  value       = "https://${local.host}"
}

output "oauth_redirect_urls" {
  description = "Redirect URLs to register at each OAuth provider, built from the distribution and never from the load balancer."
  value       = { for name in var.oauth_providers : name => "https://${local.host}/login/oauth2/code/${name}" }
}

output "oauth_environment" {
  description = "Variables that make the application send exactly these redirect URLs, for the backend oauth of the module ecs."
  value = merge(
    { SERVER_FORWARD_HEADERS_STRATEGY = "framework", APP_FRONTEND_URL = "https://${local.host}" },
    { for name in var.oauth_providers : "SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_${upper(replace(name, "-", "_"))}_REDIRECT_URI" => "https://${local.host}/login/oauth2/code/${name}" },
  )
}
