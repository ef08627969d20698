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

variable "listener_arn" {
  description = "Listener of the load balancer that requests go to, through the VPC link."
  type        = string

  validation {
    condition     = startswith(var.listener_arn, "arn:")
    error_message = "listener_arn is the ARN of a load balancer's listener."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the VPC link."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids are two at least."
  }
}

variable "security_group_id" {
  description = "Security group of the VPC link's interfaces; the load balancer has to let it in."
  type        = string

  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "security_group_id is empty."
  }
}

variable "tls_server_name" {
  description = "Name in the load balancer's certificate; null where its listener speaks plain HTTP."
  type        = string
  default     = null

  validation {
    condition     = var.tls_server_name == null || can(regex("^[a-z0-9.-]+\\.[a-z]{2,}$", var.tls_server_name))
    error_message = "tls_server_name is a DNS name."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may call the API, as https://HOST."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[^/*]+$", origin))])
    error_message = "an origin is https://HOST without a path, and no wildcard: with credentials browsers refuse one."
  }
}

variable "jwt" {
  description = "Issuer and audiences of the tokens that the API asks for before a request reaches a service; null leaves that to the services."
  type        = object({ issuer = string, audiences = set(string) })
  default     = null

  validation {
    condition     = var.jwt == null || (startswith(try(var.jwt.issuer, ""), "https://") && length(try(var.jwt.audiences, [])) > 0)
    error_message = "jwt.issuer begins with https://, and there is one audience at least."
  }
}

variable "throttle" {
  description = "Requests per second, and how many at once, beyond which the API answers 429."
  type        = object({ rate = number, burst = number })
  default     = { rate = 100, burst = 200 }

  validation {
    condition     = var.throttle.rate > 0 && var.throttle.burst >= var.throttle.rate
    error_message = "throttle.rate is above 0 and burst not below it."
  }
}

variable "log_retention_days" {
  description = "How long access logs are kept; null takes the seed's 7, 30 and 90 days for dev, staging and production."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null || contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], coalesce(var.log_retention_days, 7))
    error_message = "log_retention_days is one of the periods CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}
