variables {
  environment = "staging"
}

# An app's id and domain have forms that only Amplify gives them.
override_resource {
  target = aws_amplify_app.frontend
  values = { id = "d1a2b3c4d5e6f7", default_domain = "d1a2b3c4d5e6f7.amplifyapp.com" }
}

run "the_branch_is_what_is_served_and_no_token_is_in_the_state" {
  command = apply
  variables {
    branch     = "release/2.x"
    api_origin = "https://api.example.com"
  }

  assert {
    condition     = output.branch_domain == "release-2-x.d1a2b3c4d5e6f7.amplifyapp.com" && aws_amplify_branch.this.stage == "BETA"
    error_message = "the origin is the branch's host"
  }

  assert {
    condition     = aws_amplify_app.frontend.access_token == null && aws_amplify_app.frontend.oauth_token == null && aws_amplify_app.frontend.repository == null && !aws_amplify_branch.this.enable_auto_build
    error_message = "a token would be in the state"
  }

  assert {
    condition     = aws_amplify_app.frontend.environment_variables["API_ORIGIN"] == "https://api.example.com" && strcontains(aws_amplify_app.frontend.custom_headers, "nosniff")
    error_message = "the page does not find the API, or is served without its headers"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    branch     = "with blank"
    variables  = { API_TOKEN = "x" }
    api_origin = "api.example.com/path"
  }
  expect_failures = [var.branch, var.variables, var.api_origin]
}
