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

variable "subnet_ids" {
  description = "Private subnets of the database, in two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "a subnet group takes subnets in two zones at least, even for an instance in one."
  }
}

variable "security_group_id" {
  description = "Security group that lets the services in."
  type        = string

  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "security_group_id is empty."
  }
}

variable "instance_class" {
  description = "Class of the instance, for example db.t3.micro. Its memory decides max_connections."
  type        = string
  default     = "db.t3.micro"

  validation {
    condition     = contains(keys(local.class_memory), var.instance_class)
    error_message = "instance_class is one of those whose memory main.tf knows: ${join(", ", keys(local.class_memory))}. Add the class there with its GiB."
  }
}

variable "engine_version" {
  description = "Major version of PostgreSQL; minor versions come by themselves in the maintenance window."
  type        = string
  default     = "17"

  validation {
    condition     = contains(["15", "16", "17"], var.engine_version)
    error_message = "engine_version is 15, 16 or 17, without a minor version."
  }
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over when the first fails. Doubles the price."
  type        = bool
  default     = false

  validation {
    condition     = var.multi_az || var.environment != "production"
    error_message = "production runs in two zones: set multi_az = true."
  }
}

variable "storage" {
  description = "GiB to begin with, and to grow to by itself."
  type        = object({ initial = number, maximum = number })
  default     = { initial = 20, maximum = 100 }

  validation {
    condition     = var.storage.initial >= 20 && var.storage.maximum >= ceil(var.storage.initial * 1.1)
    error_message = "gp3 storage begins at 20 GiB, and maximum is a tenth above initial at least."
  }
}

variable "backup_days" {
  description = "How many days one can go back to any second of; 0 switches backups off."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 0 && var.backup_days <= 35 && (var.backup_days >= 7 || var.environment != "production")
    error_message = "backup_days is 0 to 35, and 7 at least in production."
  }
}

variable "database_name" {
  description = "Name of the first database."
  type        = string
  default     = "skilltracker"

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database_name))
    error_message = "database_name takes 1 to 63 lower-case letters, digits and underscores, beginning with a letter."
  }
}

variable "max_connections" {
  description = "How many connections the server takes; null computes it from the class's memory as RDS does, less what RDS keeps for itself."
  type        = number
  default     = null

  validation {
    condition     = var.max_connections == null || (coalesce(var.max_connections, 0) >= 20 && coalesce(var.max_connections, 0) <= 5000)
    error_message = "max_connections is 20 to 5000."
  }
}

variable "kms_key_arn" {
  description = "KMS key for storage, backups, Performance Insights and the password's secret; null takes AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}
