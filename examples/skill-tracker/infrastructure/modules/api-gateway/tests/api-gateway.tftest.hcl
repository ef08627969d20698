variables {
  environment       = "dev"
  listener_arn      = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/sdt-dev/1/2"
  subnet_ids        = ["subnet-a", "subnet-b"]
  security_group_id = "sg-ecs"
}

run "requests_go_through_the_vpc_link_and_are_throttled_and_logged" {
  command = apply

  assert {
    condition     = aws_apigatewayv2_integration.this.connection_type == "VPC_LINK" && aws_apigatewayv2_integration.this.connection_id == aws_apigatewayv2_vpc_link.this.id && aws_apigatewayv2_integration.this.integration_uri == var.listener_arn
    error_message = "the API does not reach the load balancer inside the VPC"
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 100 && aws_apigatewayv2_stage.this.access_log_settings[0].destination_arn == aws_cloudwatch_log_group.access.arn
    error_message = "requests are not limited or not logged"
  }

  assert {
    condition     = !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "uthorization") && !strcontains(aws_apigatewayv2_stage.this.access_log_settings[0].format, "queryString")
    error_message = "the access log may hold tokens"
  }

  assert {
    condition     = alltrue([for r in aws_apigatewayv2_route.this : r.authorization_type == "NONE"]) && length(aws_apigatewayv2_api.this.cors_configuration) == 0
    error_message = "without jwt and origins there is neither"
  }
}

run "tokens_are_asked_for_where_there_can_be_one" {
  command = apply
  variables {
    environment     = "production"
    jwt             = { issuer = "https://accounts.google.com", audiences = ["skill-tracker"] }
    cors_origins    = ["https://app.example.com"]
    tls_server_name = "api.example.com"
  }

  assert {
    condition     = toset([for key, r in aws_apigatewayv2_route.this : key if r.authorization_type == "JWT"]) == toset(["ANY /api/{proxy+}"]) && aws_apigatewayv2_route.this["ANY /api/{proxy+}"].authorizer_id == aws_apigatewayv2_authorizer.jwt[0].id
    error_message = "sign-in asks for a token that only sign-in gives, or the API asks for none"
  }

  assert {
    condition     = aws_apigatewayv2_api.this.cors_configuration[0].allow_origins == toset(["https://app.example.com"]) && aws_apigatewayv2_integration.this.tls_config[0].server_name_to_verify == "api.example.com"
    error_message = "origins or the certificate's name are not those given"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    listener_arn       = "listener"
    subnet_ids         = []
    security_group_id  = ""
    tls_server_name    = "https://x"
    cors_origins       = ["*"]
    jwt                = { issuer = "google", audiences = [] }
    throttle           = { rate = 10, burst = 5 }
    log_retention_days = 8
  }
  expect_failures = [var.listener_arn, var.subnet_ids, var.security_group_id, var.tls_server_name, var.cors_origins, var.jwt, var.throttle, var.log_retention_days]
}
