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

variable "vpc_id" {
  description = "VPC that the load balancer and the tasks are in."
  type        = string

  validation {
    condition     = can(regex("^vpc-", var.vpc_id))
    error_message = "vpc_id begins with \"vpc-\"."
  }
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones at least."
  type        = list(string)

  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "a load balancer takes subnets in two zones at least."
  }
}

variable "private_subnet_ids" {
  description = "Subnets of the tasks."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 1
    error_message = "tasks need one subnet at least."
  }
}

variable "security_group_ids" {
  description = "Security groups of the load balancer (alb) and of the tasks (ecs)."
  type        = object({ alb = string, ecs = string })

  validation {
    condition     = length(var.security_group_ids.alb) > 0 && length(var.security_group_ids.ecs) > 0 && var.security_group_ids.alb != var.security_group_ids.ecs
    error_message = "the load balancer and the tasks have a security group each, and not the same one."
  }
}

variable "namespace" {
  description = "Cloud Map namespace that services register in: id, ARN and DNS name."
  type        = object({ id = string, arn = string, name = string })

  validation {
    condition     = length(var.namespace.id) > 0 && startswith(var.namespace.arn, "arn:")
    error_message = "namespace has the id and the ARN of a Cloud Map namespace."
  }
}

variable "services" {
  description = <<-EOT
    The services, by name. null takes the seed's catalogue (services.tf).
    wave: services of a lower wave are deployed first. tier: core, business, support, integration or planned.
    port: what the container listens on. expose: "api" routes /api/NAME/* from the load balancer, "health" only the health endpoint.
    uses: names of backends (see there) whose variables and secrets it gets. grants: what its task role may: uploads, publish.
    enabled: false makes nothing of it but its place in the list.
  EOT
  type = map(object({
    wave        = optional(number, 3)
    tier        = optional(string, "business")
    port        = optional(number, 8080)
    expose      = optional(string, "api")
    uses        = optional(set(string), [])
    grants      = optional(set(string), [])
    environment = optional(map(string), {})
    enabled     = optional(bool, true)
  }))
  default = null

  validation {
    condition     = var.services == null || alltrue([for name, _ in coalesce(var.services, {}) : can(regex("^[a-z][a-z0-9-]{0,38}[a-z0-9]$", name))])
    error_message = "a service's name takes 2 to 40 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for _, s in coalesce(var.services, {}) : s.port >= 1024 && s.port <= 65535])
    error_message = "a service listens on a port from 1024 to 65535: it does not run as root."
  }

  validation {
    condition     = alltrue([for _, s in coalesce(var.services, {}) : contains(["api", "health"], s.expose) && contains(["core", "business", "support", "integration", "planned"], s.tier)])
    error_message = "expose is api or health; tier is core, business, support, integration or planned."
  }

  validation {
    condition     = alltrue([for _, s in coalesce(var.services, {}) : length(setsubtract(s.grants, ["uploads", "publish"])) == 0])
    error_message = "grants are uploads and publish."
  }

  validation {
    condition     = alltrue([for _, s in coalesce(var.services, {}) : s.wave >= 0 && s.wave == floor(s.wave)])
    error_message = "wave is a whole number, 0 or more."
  }
}

variable "size" {
  description = "CPU units and MiB of each task, and how many tasks a service begins with. Autoscaling changes the count between min and max where max is above min."
  type = object({
    cpu    = number
    memory = number
    count  = optional(number, 1)
    min    = optional(number, 1)
    max    = optional(number, 1)
  })
  default = { cpu = 256, memory = 512 }

  validation {
    condition     = contains(lookup(local.fargate_sizes, tostring(var.size.cpu), []), var.size.memory)
    error_message = "cpu and memory are no pair that Fargate has: 256 with 512, 1024, 2048; 512 with 1024 to 4096; 1024 with 2048 to 8192; 2048 with 4096 to 16384; 4096 with 8192 to 30720, in steps of 1024."
  }

  validation {
    condition     = var.size.count >= 1 && var.size.min >= 1 && var.size.max >= var.size.min
    error_message = "count and min are 1 or more, max is min or more: a service without tasks serves nothing."
  }
}

variable "sizes" {
  description = "Sizes of single services that differ from size, by service name."
  type = map(object({
    cpu    = number
    memory = number
    count  = optional(number, 1)
    min    = optional(number, 1)
    max    = optional(number, 1)
  }))
  default = {}

  validation {
    condition     = alltrue([for _, s in var.sizes : contains(lookup(local.fargate_sizes, tostring(s.cpu), []), s.memory)])
    error_message = "cpu and memory are no pair that Fargate has; see the variable size."
  }

  validation {
    condition     = alltrue([for _, s in var.sizes : s.count >= 1 && s.min >= 1 && s.max >= s.min])
    error_message = "count and min are 1 or more, max is min or more."
  }
}

variable "images" {
  description = "Images that task definitions begin with, by service; without one, tag latest of the service's repository. What runs afterwards is the deployer's business."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for _, image in var.images : can(regex("[:@]", image))])
    error_message = "an image has a tag or, better, a digest."
  }
}

variable "backends" {
  description = "What services connect to, by the name they have in uses: plain environment variables, and secrets as NAME = ARN of a secret, with :KEY:: behind it for one key of a JSON secret."
  type = map(object({
    environment = optional(map(string), {})
    secrets     = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue(flatten([for _, b in var.backends : [for name, _ in b.environment : !can(regex("PASSWORD|SECRET|TOKEN|COOKIE|API_KEY", name))]]))
    error_message = "a variable named for a password, secret, token, cookie or API key belongs in secrets, where the value stays out of task definitions."
  }

  validation {
    condition     = alltrue(flatten([for _, b in var.backends : [for _, arn in b.secrets : startswith(arn, "arn:")]]))
    error_message = "a secret is given by the ARN of a Secrets Manager secret, never by its value."
  }
}

variable "secret_names" {
  description = "Names of the secrets in backends: the role that starts tasks reads exactly these. The database's own secret is not among them."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.secret_names : can(regex("^[A-Za-z0-9/_+=.@-]{1,500}$", name))])
    error_message = "a secret's name takes letters, digits and /_+=.@-, no wildcards."
  }
}

variable "database_arn" {
  description = "RDS instance whose managed password is in backends. RDS names that secret itself and tags it with the instance, so it is granted by that tag."
  type        = string
  default     = null

  validation {
    condition     = var.database_arn == null || startswith(coalesce(var.database_arn, "arn:"), "arn:")
    error_message = "database_arn is the ARN of an RDS instance."
  }
}

variable "deployment" {
  description = "How new revisions come into service. strategy ROLLING (the seed's default) or BLUE_GREEN, ECS's own; bake_minutes is how long blue is kept beside green."
  type = object({
    strategy        = optional(string, "ROLLING")
    maximum_percent = optional(number, 200)
    minimum_percent = optional(number, 100)
    bake_minutes    = optional(number, 5)
  })
  default = {}

  validation {
    condition     = contains(["ROLLING", "BLUE_GREEN"], var.deployment.strategy)
    error_message = "deployment.strategy is ROLLING or BLUE_GREEN."
  }

  validation {
    condition     = var.deployment.maximum_percent > 100 && var.deployment.maximum_percent <= 200 || var.deployment.minimum_percent < 100
    error_message = "maximum 100 with minimum 100 can replace no task: a rollout would never end."
  }

  validation {
    condition     = var.deployment.minimum_percent >= 0 && var.deployment.minimum_percent <= 100 && var.deployment.bake_minutes >= 0 && var.deployment.bake_minutes <= 1440
    error_message = "minimum_percent is 0 to 100, bake_minutes 0 to 1440."
  }
}

variable "service_connect" {
  description = "Whether services also meet through Service Connect's proxies, which add retries and metrics for some 64 MiB a task."
  type        = bool
  default     = false

  validation {
    condition     = var.service_connect != null
    error_message = "service_connect is true or false."
  }
}

variable "spot_weight" {
  description = "Of 100 tasks beyond the first of a service, how many run on Fargate Spot: 70 % cheaper, stopped with two minutes' notice."
  type        = number
  default     = 0

  validation {
    condition     = var.spot_weight >= 0 && var.spot_weight <= 100
    error_message = "spot_weight is 0 to 100."
  }

  validation {
    condition     = !(var.environment == "production" && var.spot_weight > 50)
    error_message = "production keeps half of its tasks at least on plain Fargate."
  }
}

variable "container_insights" {
  description = "CloudWatch Container Insights: disabled, enabled (network and storage per service) or enhanced (per task). Its metrics cost 0.30 USD each: some 25 per service."
  type        = string
  default     = "disabled"

  validation {
    condition     = contains(["disabled", "enabled", "enhanced"], var.container_insights)
    error_message = "container_insights is disabled, enabled or enhanced."
  }
}

variable "log_retention_days" {
  description = "How long services' logs are kept in CloudWatch; null takes the seed's 7, 30 and 90 days for dev, staging and production."
  type        = number
  default     = null

  validation {
    condition     = var.log_retention_days == null || contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], coalesce(var.log_retention_days, 7))
    error_message = "log_retention_days is one of the periods CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the load balancer. Without one it answers plain HTTP, which only dev may."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:", var.certificate_arn))
    error_message = "certificate_arn is the ARN of an ACM certificate in the stack's region."
  }

  validation {
    condition     = var.certificate_arn != null || var.environment != "production"
    error_message = "production needs a certificate: give certificate_arn."
  }
}

variable "access_logs_bucket" {
  description = "Bucket that takes the load balancer's access logs; null writes none."
  type        = string
  default     = null

  validation {
    condition     = var.access_logs_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_logs_bucket))
    error_message = "access_logs_bucket is the name of a bucket."
  }
}

variable "uploads_bucket_arn" {
  description = "Bucket that services with the grant uploads read and write; null grants nothing."
  type        = string
  default     = null

  validation {
    condition     = var.uploads_bucket_arn == null || can(regex("^arn:[a-z-]+:s3:::", var.uploads_bucket_arn))
    error_message = "uploads_bucket_arn is the ARN of a bucket."
  }
}

variable "events_topic_arn" {
  description = "SNS topic that services with the grant publish may publish to; null grants nothing."
  type        = string
  default     = null

  validation {
    condition     = var.events_topic_arn == null || can(regex("^arn:[a-z-]+:sns:", var.events_topic_arn))
    error_message = "events_topic_arn is the ARN of an SNS topic."
  }
}

variable "kms_key_arn" {
  description = "KMS key that repositories and log groups are encrypted with; null leaves it to AWS's own keys."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key."
  }
}
