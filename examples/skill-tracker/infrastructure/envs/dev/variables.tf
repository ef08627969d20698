variable "project" {
  description = "Short name of the project; the first part of every resource's name."
  type        = string
  default     = "sdt"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,7}$", var.project))
    error_message = "project takes 2 to 8 lower-case letters and digits, beginning with a letter."
  }
}

variable "environment" {
  description = "Name of the environment; as the folder."
  type        = string

  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "environment is one of dev, staging, production."
  }
}

variable "region" {
  description = "Region of the environment."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of a region, for example \"us-east-1\"."
  }
}

variable "network" {
  description = "The VPC: its range, zones, NAT gateways and interface endpoints; see the module networking."
  type = object({
    cidr_block          = string
    zone_count          = optional(number, 2)
    nat_gateways        = optional(string, "single")
    interface_endpoints = optional(set(string), [])
  })

  validation {
    condition     = can(cidrnetmask(var.network.cidr_block))
    error_message = "network.cidr_block is an IPv4 range, for example \"10.0.0.0/16\"."
  }
}

variable "load_balancer" {
  description = "Certificate of the load balancer and the name in it; both or neither. Production needs them."
  type        = object({ certificate_arn = optional(string), tls_server_name = optional(string) })
  default     = {}

  validation {
    condition     = (var.load_balancer.certificate_arn == null) == (var.load_balancer.tls_server_name == null)
    error_message = "load_balancer has a certificate and the name in it, or neither: API Gateway checks the one by the other."
  }
}

variable "cdn" {
  description = "Own names of the distribution, their certificate in us-east-1, and a web ACL; see the module cloudfront."
  type        = object({ aliases = optional(set(string), []), certificate_arn = optional(string), web_acl_arn = optional(string) })
  default     = {}

  validation {
    condition     = length(var.cdn.aliases) == 0 || var.cdn.certificate_arn != null
    error_message = "cdn.aliases need cdn.certificate_arn."
  }
}

variable "size" {
  description = "CPU units, MiB and count of each service's tasks; see the module ecs."
  type        = object({ cpu = number, memory = number, count = optional(number, 1), min = optional(number, 1), max = optional(number, 1) })

  validation {
    condition     = var.size.cpu >= 256 && var.size.memory >= 512
    error_message = "size is 256 CPU units and 512 MiB at least."
  }
}

variable "sizes" {
  description = "Sizes of single services that differ."
  type        = map(object({ cpu = number, memory = number, count = optional(number, 1), min = optional(number, 1), max = optional(number, 1) }))
  default     = {}

  validation {
    condition     = alltrue([for _, size in var.sizes : size.cpu >= 256 && size.memory >= 512])
    error_message = "a size is 256 CPU units and 512 MiB at least."
  }
}

variable "spot_weight" {
  description = "Of 100 tasks beyond the first of a service, how many run on Fargate Spot."
  type        = number
  default     = 0

  validation {
    condition     = var.spot_weight >= 0 && var.spot_weight <= 100
    error_message = "spot_weight is 0 to 100."
  }
}

variable "deployment" {
  description = "How new revisions come into service; see the module ecs."
  type        = object({ strategy = optional(string, "ROLLING"), maximum_percent = optional(number, 200), minimum_percent = optional(number, 100), bake_minutes = optional(number, 5) })
  default     = {}

  validation {
    condition     = contains(["ROLLING", "BLUE_GREEN"], var.deployment.strategy)
    error_message = "deployment.strategy is ROLLING or BLUE_GREEN."
  }
}

variable "service_connect" {
  description = "Whether services also meet through Service Connect."
  type        = bool
  default     = false

  validation {
    condition     = var.service_connect != null
    error_message = "service_connect is true or false."
  }
}

variable "container_insights" {
  description = "CloudWatch Container Insights: disabled, enabled or enhanced. Some 25 metrics per service at 0.30 USD each."
  type        = string
  default     = "disabled"

  validation {
    condition     = contains(["disabled", "enabled", "enhanced"], var.container_insights)
    error_message = "container_insights is disabled, enabled or enhanced."
  }
}

variable "database" {
  description = "Class, zones, storage and backups of PostgreSQL; see the module rds."
  type = object({
    instance_class = optional(string, "db.t3.micro")
    multi_az       = optional(bool, false)
    storage        = optional(object({ initial = number, maximum = number }), { initial = 20, maximum = 100 })
    backup_days    = optional(number, 7)
  })
  default = {}

  validation {
    condition     = startswith(var.database.instance_class, "db.")
    error_message = "database.instance_class begins with \"db.\"."
  }
}

variable "data_services" {
  description = "Whether MongoDB, RabbitMQ and Redis keep their data on EFS, have load balancers, and have their passwords rotated by a function: its package in artifacts_bucket, and when, every so many days or by a schedule such as \"cron(0 3 ? * SUN#1 *)\" and within the window after it, such as \"2h\"."
  type = object({
    persistent               = optional(bool, false)
    network_load_balancer    = optional(bool, false)
    management_load_balancer = optional(bool, false)
    rotation_package         = optional(string)
    rotation_days            = optional(number, 30)
    rotation_schedule        = optional(string)
    rotation_window          = optional(string)
  })
  default = {}

  validation {
    condition     = var.data_services.rotation_package == null || var.artifacts_bucket != null
    error_message = "data_services.rotation_package lies in a bucket: give artifacts_bucket."
  }

  validation {
    condition     = var.data_services.rotation_package != null || (var.data_services.rotation_schedule == null && var.data_services.rotation_window == null && var.data_services.rotation_days == 30)
    error_message = "data_services.rotation_days, rotation_schedule and rotation_window say when the function rotates: give rotation_package."
  }
}

variable "alarm_emails" {
  description = "Addresses that get alarms."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for address in var.alarm_emails : strcontains(address, "@")])
    error_message = "alarm_emails are e-mail addresses."
  }
}

variable "monthly_budget" {
  description = "US dollars a month that the environment may cost; 0 sets no budget."
  type        = number
  default     = 0

  validation {
    condition     = var.monthly_budget >= 0
    error_message = "monthly_budget is 0 or more."
  }
}

variable "log_archive_days" {
  description = "How long archived logs are kept in S3; 0 for ever."
  type        = number
  default     = 395

  validation {
    condition     = var.log_archive_days == 0 || var.log_archive_days >= 120
    error_message = "log_archive_days is 0, or 120 and more: they go to Glacier after 30 days and are paid there for 90."
  }
}

variable "artifacts_bucket" {
  description = "Bucket of the functions' packages, an output of bootstrap."
  type        = string
  default     = null

  validation {
    condition     = var.artifacts_bucket == null || length(coalesce(var.artifacts_bucket, "none")) >= 3
    error_message = "artifacts_bucket is the name of a bucket."
  }
}

variable "packages" {
  description = "Keys of the functions' packages in artifacts_bucket; see the module monitoring. A function without one is not made."
  type        = object({ cost_exporter = optional(string), log_exporter = optional(string), alarm_notifier = optional(string) })
  default     = {}

  validation {
    condition     = var.artifacts_bucket != null || alltrue([for key in values(var.packages) : key == null])
    error_message = "packages lie in a bucket: give artifacts_bucket."
  }
}

variable "observability" {
  description = "Grafana: managed, ecs or none. Prometheus: managed or none. See the module observability."
  type        = object({ grafana = optional(string, "none"), prometheus = optional(string, "none") })
  default     = {}

  validation {
    condition     = contains(["managed", "ecs", "none"], var.observability.grafana) && contains(["managed", "none"], var.observability.prometheus)
    error_message = "observability.grafana is managed, ecs or none; observability.prometheus is managed or none."
  }
}
