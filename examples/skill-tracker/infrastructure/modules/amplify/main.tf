# Hosting of the frontend. The pipeline uploads what it built: no repository is connected, so no access token is in the state.

locals {
  name  = "${var.project}-${var.environment}"
  stage = { dev = "DEVELOPMENT", staging = "BETA", production = "PRODUCTION" }[var.environment]
}

resource "aws_amplify_app" "frontend" {
  name        = local.name
  description = "Skill Tracker, ${var.environment}"
  platform    = "WEB"

  environment_variables = merge(var.api_origin == null ? {} : { API_ORIGIN = var.api_origin }, var.variables)

  # A single page answers for each of its paths; what looks like a file and is none stays a 404.
  custom_rule {
    source = "</^[^.]+$|\\.(?!(css|gif|ico|jpg|js|json|map|png|svg|txt|webp|woff|woff2)$)([^.]+$)/>"
    target = "/index.html"
    status = "200"
  }

  custom_headers = yamlencode({
    customHeaders = [{
      pattern = "**/*"
      headers = [
        { key = "Strict-Transport-Security", value = "max-age=31536000; includeSubDomains" },
        { key = "X-Content-Type-Options", value = "nosniff" },
        { key = "X-Frame-Options", value = "DENY" },
        { key = "Referrer-Policy", value = "strict-origin-when-cross-origin" },
      ]
    }]
  })
}

resource "aws_amplify_branch" "this" {
  app_id            = aws_amplify_app.frontend.id
  branch_name       = var.branch
  stage             = local.stage
  enable_auto_build = false
}
