variable "project" {
  description = "Short name of the project; the first part of every resource's name."
  type        = string
  default     = "sdt"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.project))
    error_message = "project takes 2 to 8 lower-case letters and digits, beginning with a letter, for example \"sdt\"."
  }
}

variable "region" {
  description = "Region of the state and of the environments."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of a region, for example \"us-east-1\"."
  }
}

variable "subjects" {
  description = <<-EOT
    Who may deploy to each environment: exact values of the claim sub in GitHub's tokens. For a job with `environment: dev` it is
    "repo:ORG/REPO:environment:dev", and for repositories created after 2026-07-15 "repo:ORG@ID/REPO@ID:environment:dev", with GitHub's
    numbers of the organisation and the repository.
  EOT
  type        = map(set(string))

  validation {
    condition     = length(setsubtract(keys(var.subjects), ["dev", "staging", "production"])) == 0 && length(var.subjects) > 0
    error_message = "subjects has the keys dev, staging and production, or some of them."
  }

  validation {
    condition     = alltrue(flatten([for _, subjects in var.subjects : [for subject in subjects : can(regex("^repo:[^:*?]+/[^:*?]+:(environment|ref):[^*?]+$", subject))]]))
    error_message = "a subject is exact, for example \"repo:acme/skill-tracker:environment:dev\": with a wildcard every branch, or every repository, could deploy."
  }

  validation {
    condition     = alltrue(flatten([for environment, subjects in var.subjects : [for subject in subjects : strcontains(subject, ":ref:") || endswith(subject, ":environment:${environment}")]]))
    error_message = "a subject with an environment names the environment that it may deploy to."
  }

  validation {
    condition     = alltrue([for subject in lookup(var.subjects, "production", []) : endswith(subject, ":environment:production")])
    error_message = "production is deployed from GitHub's environment production alone, since that is what reviewers protect."
  }
}

variable "promotions" {
  description = "From which environment's repositories each environment's role may read, to promote their images."
  type        = map(string)
  default     = { staging = "dev", production = "staging" }

  validation {
    condition     = alltrue([for to, from in var.promotions : to != from && contains(["dev", "staging", "production"], to) && contains(["dev", "staging", "production"], from)])
    error_message = "promotions lead from one of dev, staging, production to another."
  }
}

variable "github_oidc_provider_arn" {
  description = "The account's provider for GitHub's tokens, if there is one: an account has one at most. null makes it."
  type        = string
  default     = null

  validation {
    condition     = var.github_oidc_provider_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_oidc_provider_arn))
    error_message = "github_oidc_provider_arn ends with :oidc-provider/token.actions.githubusercontent.com."
  }
}

variable "lock_table" {
  description = "Whether to make the DynamoDB table of the seed for state locks. The S3 backend locks by itself; the table is for Terraform before 1.11."
  type        = bool
  default     = false

  validation {
    condition     = var.lock_table != null
    error_message = "lock_table is true or false."
  }
}
