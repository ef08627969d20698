output "api_id" {
  description = "Id of the API, CloudWatch's dimension ApiId."
  value       = aws_apigatewayv2_api.this.id
}

output "endpoint" {
  description = "URL of the API."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "domain_name" {
  description = "Host of the API, as an origin of CloudFront."
  value       = replace(aws_apigatewayv2_api.this.api_endpoint, "https://", "")
}
