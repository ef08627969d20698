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

variable "buckets" {
  description = <<-EOT
    The buckets by the last part of their name, which becomes PROJECT-ENVIRONMENT-NAME-ACCOUNT.
    versioned: keep what is overwritten or deleted, for noncurrent_days. expire_days: delete current objects after so long, 0 never.
    archive_days: move to Glacier Instant Retrieval after so long, 0 never. load_balancer_logs: let load balancers of this account write
    access logs; these take AES256 alone, so kms_key_arn does not apply to such a bucket.
  EOT
  type = map(object({
    versioned          = optional(bool, true)
    noncurrent_days    = optional(number, 30)
    expire_days        = optional(number, 0)
    archive_days       = optional(number, 0)
    load_balancer_logs = optional(bool, false)
  }))

  validation {
    condition     = alltrue([for name, _ in var.buckets : can(regex("^[a-z0-9][a-z0-9-]{0,24}[a-z0-9]$", name))])
    error_message = "a bucket's name takes 2 to 26 lower-case letters, digits and hyphens, so that the whole stays within S3's 63 characters."
  }

  validation {
    condition     = alltrue([for _, bucket in var.buckets : bucket.expire_days >= 0 && bucket.archive_days >= 0 && bucket.noncurrent_days >= 1])
    error_message = "expire_days and archive_days are 0 or more, noncurrent_days is 1 or more."
  }

  validation {
    condition     = alltrue([for _, bucket in var.buckets : bucket.expire_days == 0 || bucket.archive_days == 0 || bucket.expire_days >= bucket.archive_days + 90])
    error_message = "what is archived stays 90 days at least, for Glacier charges for them anyway: expire_days is archive_days + 90 or more."
  }
}

variable "kms_key_arn" {
  description = "KMS key to encrypt with. Without one S3's own key (AES256) is used, which costs nothing per request."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}

variable "force_destroy" {
  description = "Whether destroying the stack deletes buckets that are not empty. For environments that are thrown away."
  type        = bool
  default     = false

  validation {
    condition     = !(var.force_destroy && var.environment == "production")
    error_message = "production's buckets are not deleted with what is in them: empty them by hand first."
  }
}
