variables {
  environment     = "production"
  frontend_domain = "main.d1a2b3.amplifyapp.com"
  api_domain      = "a1b2c3.execute-api.us-east-1.amazonaws.com"
}

run "sign_in_comes_back_to_the_distribution_and_reaches_the_services" {
  command = apply

  assert {
    condition     = output.oauth_redirect_urls["google"] == "https://${aws_cloudfront_distribution.this.domain_name}/login/oauth2/code/google" && output.oauth_environment["SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_GOOGLE_REDIRECT_URI"] == output.oauth_redirect_urls["google"]
    error_message = "the redirect URL is not the distribution's, or the application sends another"
  }

  assert {
    condition     = [for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.path_pattern if b.target_origin_id == "api"] == ["/api/*", "/oauth2/*", "/login/oauth2/*"]
    error_message = "a callback goes to the page, which answers 404"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.default_cache_behavior[0].target_origin_id == "frontend" && aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "the page is not served, or in the clear"
  }

  assert {
    condition     = alltrue([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.viewer_protocol_policy == "https-only" && b.cache_policy_id == local.policies.caching_disabled && b.cache_policy_id != aws_cloudfront_distribution.this.default_cache_behavior[0].cache_policy_id])
    error_message = "one user's answer could be cached for another"
  }

  assert {
    condition     = alltrue([for o in aws_cloudfront_distribution.this.origin : o.custom_origin_config[0].origin_protocol_policy == "https-only"])
    error_message = "an origin is asked in the clear"
  }
}

run "an_own_name_is_in_the_redirect_urls_and_has_its_certificate" {
  command = plan
  variables {
    aliases         = ["app.example.com"]
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    oauth_providers = ["google", "git-hub"]
  }

  assert {
    condition     = output.url == "https://app.example.com" && output.oauth_redirect_urls == { google = "https://app.example.com/login/oauth2/code/google", git-hub = "https://app.example.com/login/oauth2/code/git-hub" }
    error_message = "the own name is not used"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    error_message = "old TLS is spoken"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    frontend_domain        = "https://x"
    api_domain             = "x/y"
    api_protocol           = "http-only"
    certificate_arn        = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    oauth_providers        = ["Google"]
    web_acl_arn            = "acl"
    log_bucket_domain_name = "logs"
    price_class            = "cheap"
  }
  expect_failures = [var.frontend_domain, var.api_domain, var.api_protocol, var.certificate_arn, var.oauth_providers, var.web_acl_arn, var.log_bucket_domain_name, var.price_class]
}

run "an_alias_that_is_no_name_is_refused" {
  command = plan
  variables {
    aliases = ["app"]
  }
  expect_failures = [var.aliases]
}
