# HTTP API in front of the load balancer, reached through a VPC link.

locals {
  name      = "${var.project}-${var.environment}"
  retention = coalesce(var.log_retention_days, { dev = 7, staging = 30, production = 90 }[var.environment])
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/apigateway/${local.name}"
  retention_in_days = local.retention
}

resource "aws_apigatewayv2_api" "this" {
  name          = local.name
  description   = "Skill Tracker, ${var.environment}"
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(var.cors_origins) > 0 ? [var.cors_origins] : []

    content {
      allow_origins     = cors_configuration.value
      allow_methods     = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
      allow_headers     = ["authorization", "content-type", "x-requested-with"]
      allow_credentials = true
      max_age           = 3600
    }
  }
}

resource "aws_apigatewayv2_vpc_link" "this" {
  name               = local.name
  subnet_ids         = var.subnet_ids
  security_group_ids = [var.security_group_id]
}

resource "aws_apigatewayv2_integration" "this" {
  api_id             = aws_apigatewayv2_api.this.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  integration_uri    = var.listener_arn
  connection_type    = "VPC_LINK"
  connection_id      = aws_apigatewayv2_vpc_link.this.id
  # The service's own time-out ends first and says more.
  timeout_milliseconds = 29000

  dynamic "tls_config" {
    for_each = var.tls_server_name == null ? [] : [var.tls_server_name]

    content {
      server_name_to_verify = tls_config.value
    }
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = var.jwt == null ? 0 : 1

  api_id           = aws_apigatewayv2_api.this.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audiences
  }
}

locals {
  # Sign-in itself has no token yet.
  routes = {
    "ANY /api/{proxy+}"                  = true
    "ANY /oauth2/{proxy+}"               = false
    "ANY /login/oauth2/{proxy+}"         = false
    "GET /api/{service}/actuator/health" = false
  }
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
  authorization_type = var.jwt != null && each.value ? "JWT" : "NONE"
  authorizer_id      = var.jwt != null && each.value ? aws_apigatewayv2_authorizer.jwt[0].id : null
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttle.rate
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = true
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # No query and no header: both may hold tokens.
    format = jsonencode({
      requestId = "$context.requestId"
      ip        = "$context.identity.sourceIp"
      time      = "$context.requestTime"
      route     = "$context.routeKey"
      status    = "$context.status"
      latency   = "$context.responseLatency"
      error     = "$context.integrationErrorMessage"
    })
  }
}
