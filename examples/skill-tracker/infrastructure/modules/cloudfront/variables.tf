variable "project" {
  description = "Short name of the project; the first part of every resource's name."
  type        = string
  default     = "sdt"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.project))
    error_message = "project takes 2 to 8 lower-case letters and digits, beginning with a letter, for example \"sdt\"."
  }
}

variable "environment" {
  description = "Name of the environment; the second part of every resource's name."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "environment is one of dev, staging, production."
  }
}

variable "frontend_domain" {
  description = "Host of the frontend: Amplify's host of the branch."
  type        = string

  validation {
    condition     = !strcontains(var.frontend_domain, "/") && length(var.frontend_domain) > 0
    error_message = "frontend_domain is a host, without https:// and without a path."
  }
}

variable "api_domain" {
  description = "Host of the API: the API Gateway's, or a name of the load balancer."
  type        = string

  validation {
    condition     = !strcontains(var.api_domain, "/") && length(var.api_domain) > 0
    error_message = "api_domain is a host, without https:// and without a path."
  }
}

variable "api_protocol" {
  description = "How CloudFront speaks to the API: https-only, or http-only for a load balancer without a certificate."
  type        = string
  default     = "https-only"

  validation {
    condition     = var.api_protocol == "https-only" || (var.api_protocol == "http-only" && var.environment == "dev")
    error_message = "api_protocol is https-only, or http-only in dev."
  }
}

variable "aliases" {
  description = "Own names of the distribution; each in the certificate."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.aliases : can(regex("^[a-z0-9.-]+\\.[a-z]{2,}$", name))])
    error_message = "aliases are DNS names, for example \"app.example.com\"."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the aliases, in us-east-1 whatever the stack's region is; null takes CloudFront's own name and certificate."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:us-east-1:", var.certificate_arn))
    error_message = "certificate_arn is the ARN of a certificate in us-east-1: CloudFront takes them from there alone."
  }

  validation {
    condition     = length(var.aliases) == 0 || var.certificate_arn != null
    error_message = "aliases need a certificate: give certificate_arn."
  }
}

variable "oauth_providers" {
  description = "OAuth registrations of the application, for whom redirect URLs are made."
  type        = set(string)
  default     = ["google"]

  validation {
    condition     = alltrue([for name in var.oauth_providers : can(regex("^[a-z][a-z0-9-]*$", name))])
    error_message = "a registration's name takes lower-case letters, digits and hyphens."
  }
}

variable "web_acl_arn" {
  description = "AWS WAF web ACL (scope CLOUDFRONT) that requests pass; null has none."
  type        = string
  default     = null

  validation {
    condition     = var.web_acl_arn == null || can(regex("^arn:[a-z-]+:wafv2:us-east-1:", var.web_acl_arn))
    error_message = "web_acl_arn is the ARN of a web ACL of scope CLOUDFRONT, which is in us-east-1."
  }
}

variable "log_bucket_domain_name" {
  description = "Bucket for standard logs, as NAME.s3.amazonaws.com, with ACLs enabled; null writes none."
  type        = string
  default     = null

  validation {
    condition     = var.log_bucket_domain_name == null || endswith(coalesce(var.log_bucket_domain_name, ".s3.amazonaws.com"), ".s3.amazonaws.com")
    error_message = "log_bucket_domain_name ends with .s3.amazonaws.com."
  }
}

variable "price_class" {
  description = "Which edge locations serve: PriceClass_100 (North America and Europe), PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class is PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}
