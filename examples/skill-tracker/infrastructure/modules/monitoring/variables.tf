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

variable "cluster_name" {
  description = "ECS cluster to watch, CloudWatch's dimension ClusterName."
  type        = string

  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "cluster_name is empty."
  }
}

variable "service_names" {
  description = "Names of the ECS services to watch, by the service's own name."
  type        = map(string)

  validation {
    condition     = length(var.service_names) > 0
    error_message = "service_names is empty: nothing would be watched."
  }
}

variable "alb_arn_suffix" {
  description = "ARN suffix of the load balancer (app/NAME/ID): the dimension LoadBalancer takes no whole ARN."
  type        = string

  validation {
    condition     = !startswith(var.alb_arn_suffix, "arn:") && length(var.alb_arn_suffix) > 0
    error_message = "alb_arn_suffix is the part of the ARN that begins with app/; with a whole ARN an alarm watches nothing."
  }
}

variable "target_group_arn_suffixes" {
  description = "ARN suffixes of the target groups (targetgroup/NAME/ID), by service."
  type        = map(string)

  validation {
    condition     = alltrue([for suffix in values(var.target_group_arn_suffixes) : !startswith(suffix, "arn:")])
    error_message = "target_group_arn_suffixes are the parts of the ARNs that begin with targetgroup/."
  }
}

variable "database" {
  description = "The RDS instance to watch, and how many connections it takes. null watches none."
  type        = object({ identifier = string, max_connections = number })
  default     = null

  validation {
    condition     = var.database == null || try(var.database.max_connections >= 5, false)
    error_message = "database.max_connections is what the server takes, 5 or more."
  }
}

variable "alarm_emails" {
  description = "Addresses that get alarms; each has to confirm the subscription."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", address))])
    error_message = "alarm_emails are e-mail addresses."
  }
}

variable "monthly_budget" {
  description = "US dollars a month that the environment may cost; 0 sets no budget. Told at 80 % and 100 % of what was spent, and at 100 % of what is forecast."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget >= 0
    error_message = "monthly_budget is 0 or more."
  }
}

variable "artifacts_bucket" {
  description = "Bucket that holds the packages of the Lambda functions."
  type        = string
  default     = null

  validation {
    condition     = var.artifacts_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifacts_bucket))
    error_message = "artifacts_bucket is the name of a bucket."
  }
}

variable "packages" {
  description = "Keys of the packages in artifacts_bucket; a function without one is not made. A key with a version or a hash in it makes a new package take effect."
  type = object({
    cost_exporter  = optional(string)
    log_exporter   = optional(string)
    alarm_notifier = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for key in values(var.packages) : key == null || endswith(coalesce(key, ".zip"), ".zip")])
    error_message = "packages are keys of .zip files."
  }

  validation {
    condition     = var.artifacts_bucket != null || alltrue([for key in values(var.packages) : key == null])
    error_message = "packages lie in a bucket: give artifacts_bucket."
  }
}

variable "function_environment" {
  description = "Variables of the functions cost_exporter and log_exporter beside those set here, as their READMEs list them."
  type        = map(map(string))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.function_environment), ["cost_exporter", "log_exporter"])) == 0
    error_message = "function_environment has the keys cost_exporter and log_exporter."
  }

  validation {
    condition     = alltrue(flatten([for _, variables in var.function_environment : [for name, _ in variables : !can(regex("PASSWORD|SECRET|TOKEN|WEBHOOK", name))]]))
    error_message = "a variable of a function is readable to everybody who may describe it, and in the state: no secrets."
  }
}

variable "log_archive_bucket" {
  description = "Bucket that logs are archived to."
  type        = string
  default     = null

  validation {
    condition     = var.packages.log_exporter == null || var.log_archive_bucket != null
    error_message = "the log exporter needs log_archive_bucket."
  }
}

variable "cost_ledger_bucket" {
  description = "Bucket that the cost exporter keeps its ledger in."
  type        = string
  default     = null

  validation {
    condition     = var.packages.cost_exporter == null || var.cost_ledger_bucket != null
    error_message = "the cost exporter needs cost_ledger_bucket."
  }
}

variable "cost_namespace" {
  description = "CloudWatch namespace that the cost exporter publishes to, and may publish to alone."
  type        = string
  default     = "Windlass/Costs"

  validation {
    condition     = can(regex("^[A-Za-z0-9/_#:.-]{1,255}$", var.cost_namespace)) && !startswith(var.cost_namespace, "AWS/")
    error_message = "cost_namespace takes letters, digits and /_#:.-; AWS/ is Amazon's."
  }
}

variable "exporter_kms_key_arn" {
  description = "KMS key of the archive and ledger buckets, if they have one."
  type        = string
  default     = null

  validation {
    condition     = var.exporter_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.exporter_kms_key_arn))
    error_message = "exporter_kms_key_arn is the ARN of a KMS key."
  }
}

variable "log_retention_days" {
  description = "How long the functions' own logs are kept; null takes the seed's 7, 30 and 90 days for dev, staging and production."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null || contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], coalesce(var.log_retention_days, 7))
    error_message = "log_retention_days is one of the periods CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}
