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

variable "cluster_arn" {
  description = "ECS cluster that the data services run in."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:ecs:", var.cluster_arn))
    error_message = "cluster_arn is the ARN of an ECS cluster."
  }
}

variable "vpc_id" {
  description = "VPC of the internal load balancers."
  type        = string

  validation {
    condition     = can(regex("^vpc-", var.vpc_id))
    error_message = "vpc_id begins with \"vpc-\"."
  }
}

variable "subnet_ids" {
  description = "Private subnets, in two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids are two at least."
  }
}

variable "security_group_id" {
  description = "Security group that lets the services in on the data ports, and its own members on these and NFS."
  type        = string

  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "security_group_id is empty."
  }
}

variable "namespace" {
  description = "Cloud Map namespace: id, ARN and DNS name. Services are found at mongodb, rabbitmq and redis in it."
  type        = object({ id = string, arn = string, name = string })

  validation {
    condition     = length(var.namespace.id) > 0 && length(var.namespace.name) > 0
    error_message = "namespace has the id and the name of a Cloud Map namespace."
  }
}

variable "images" {
  description = "Images by service. In production give digests: the data services are not deployed by the pipeline."
  type        = object({ mongodb = string, rabbitmq = string, redis = string })
  default = {
    mongodb  = "public.ecr.aws/docker/library/mongo:8.0"
    rabbitmq = "public.ecr.aws/docker/library/rabbitmq:4.1-management"
    redis    = "public.ecr.aws/docker/library/redis:8.2"
  }

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("[:@]", image)) && !endswith(image, ":latest")])
    error_message = "images name a version or a digest: with latest a restart may bring another major version onto the data."
  }
}

variable "sizes" {
  description = "CPU units and MiB by service."
  type        = map(object({ cpu = number, memory = number }))
  default = {
    mongodb  = { cpu = 512, memory = 1024 }
    rabbitmq = { cpu = 256, memory = 1024 }
    redis    = { cpu = 256, memory = 512 }
  }

  validation {
    condition     = length(setsubtract(["mongodb", "rabbitmq", "redis"], keys(var.sizes))) == 0 && length(var.sizes) == 3
    error_message = "sizes has exactly mongodb, rabbitmq and redis."
  }

  validation {
    condition     = alltrue([for _, s in var.sizes : contains(lookup({ "256" = [512, 1024, 2048], "512" = range(1024, 4097, 1024), "1024" = range(2048, 8193, 1024), "2048" = range(4096, 16385, 1024), "4096" = range(8192, 30721, 1024) }, tostring(s.cpu), []), s.memory)])
    error_message = "cpu and memory are no pair that Fargate has."
  }
}

variable "persistent" {
  description = "Whether data lie on EFS and survive a restart. The seed ran without, and lost everything at each one."
  type        = bool
  default     = false

  validation {
    condition     = var.persistent || var.environment != "production"
    error_message = "production keeps its data: set persistent = true."
  }
}

variable "network_load_balancer" {
  description = "Whether an internal network load balancer has one address for MongoDB, AMQP and Redis, for clients that do not resolve names again."
  type        = bool
  default     = false

  validation {
    condition     = var.network_load_balancer != null
    error_message = "network_load_balancer is true or false."
  }
}

variable "management_load_balancer" {
  description = "Whether an internal application load balancer carries RabbitMQ's management page, for people in the VPC."
  type        = bool
  default     = false

  validation {
    condition     = var.management_load_balancer != null
    error_message = "management_load_balancer is true or false."
  }
}

variable "secrets_version" {
  description = "Raise it to make all generated passwords anew; then restart the data services and the services."
  type        = number
  default     = 1

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version is a whole number, 1 or more."
  }
}

variable "external_secrets" {
  description = "Secrets whose values others make (an OAuth client, an API key). Only the place is made here; the README says how to put the value."
  type        = set(string)
  default     = ["google-oauth-client", "google-api-key"]

  validation {
    condition     = alltrue([for name in var.external_secrets : can(regex("^[a-z][a-z0-9-]{1,62}$", name))])
    error_message = "a secret's name takes lower-case letters, digits and hyphens."
  }
}

variable "rotation" {
  description = "The rotation function: where its package lies, and when it rotates: every so many days, or by a schedule of Secrets Manager such as \"cron(0 3 ? * SUN#1 *)\" (UTC) and the window after it. null rotates by hand, with secrets_version."
  type = object({
    bucket   = string
    key      = string
    days     = optional(number, 30)
    schedule = optional(string)
    window   = optional(string)
  })
  default = null

  validation {
    condition     = var.rotation == null || (length(try(var.rotation.bucket, "")) >= 3 && endswith(try(var.rotation.key, ""), ".zip"))
    error_message = "rotation.bucket is a bucket, and rotation.key names a .zip file in it."
  }

  validation {
    condition     = var.rotation == null || (try(var.rotation.days, 0) >= 1 && try(var.rotation.days, 0) <= 1000 && floor(try(var.rotation.days, 0)) == try(var.rotation.days, 0))
    error_message = "rotation.days is a whole number, 1 to 1000."
  }

  validation {
    condition     = try(var.rotation.schedule, null) == null || can(regex("^(rate\\(([4-9]|[1-9][0-9]+) hours\\)|rate\\(1 day\\)|rate\\(([2-9]|[1-9][0-9]{1,2}) days\\)|cron\\(0( [^ ]+){4} \\*\\))$", try(var.rotation.schedule, "")))
    error_message = "rotation.schedule is rate(N hours) with 4 or more, rate(1 day), rate(N days) with 999 at most, or cron() with six fields, minutes 0 and year *, for example \"cron(0 3 ? * SUN#1 *)\"."
  }

  validation {
    condition     = try(var.rotation.window, null) == null || (can(regex("^([1-9]|1[0-9]|2[0-4])h$", try(var.rotation.window, ""))) && try(var.rotation.schedule, null) != null)
    error_message = "rotation.window is 1h to 24h and comes with rotation.schedule."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept in CloudWatch; null takes the seed's 7, 30 and 90 days for dev, staging and production."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null || contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], coalesce(var.log_retention_days, 7))
    error_message = "log_retention_days is one of the periods CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}

variable "kms_key_arn" {
  description = "KMS key for secrets, log groups and the file system; null takes AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}
