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

variable "cidr_block" {
  description = "IPv4 range of the VPC. Environments that may be peered one day need ranges that do not overlap."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr_block)) && try(tonumber(split("/", var.cidr_block)[1]) >= 16 && tonumber(split("/", var.cidr_block)[1]) <= 20, false)
    error_message = "cidr_block is an IPv4 range of /16 to /20, for example \"10.0.0.0/16\"."
  }
}

variable "zone_count" {
  description = "How many availability zones to spread over; a load balancer needs two."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "zone_count is 2 or 3."
  }
}

variable "nat_gateways" {
  description = "\"single\": one for all zones, cheap, and a zone's failure cuts the others off. \"per-zone\": one in each zone. \"none\": no egress but through VPC endpoints."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["none", "single", "per-zone"], var.nat_gateways)
    error_message = "nat_gateways is one of none, single, per-zone."
  }
}

variable "interface_endpoints" {
  description = "AWS services to reach through interface endpoints instead of the NAT gateway. Empty by default: the README has the arithmetic of when they pay."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.interface_endpoints : contains(["ecr.api", "ecr.dkr", "logs", "secretsmanager", "monitoring", "sts", "kms", "sns", "ssmmessages"], name)])
    error_message = "interface_endpoints takes ecr.api, ecr.dkr, logs, secretsmanager, monitoring, sts, kms, sns and ssmmessages; S3 has its free gateway endpoint always."
  }
}

variable "alb_ingress_cidrs" {
  description = "IPv4 ranges that may reach the public load balancer on ports 80 and 443."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.alb_ingress_cidrs) > 0 && alltrue([for range in var.alb_ingress_cidrs : can(cidrnetmask(range))])
    error_message = "alb_ingress_cidrs takes at least one IPv4 range, for example \"203.0.113.0/24\"."
  }
}

variable "service_ports" {
  description = "First and last port that the services listen on, open from the load balancer and between services."
  type        = object({ from = number, to = number })
  default     = { from = 8080, to = 8999 }

  validation {
    condition     = var.service_ports.from >= 1024 && var.service_ports.to <= 65535 && var.service_ports.from <= var.service_ports.to
    error_message = "service_ports lie within 1024 to 65535, from not above to."
  }
}

variable "namespace" {
  description = "Private DNS namespace of the services, visible in this VPC alone. The seed's applications look for mongodb.local."
  type        = string
  default     = "local"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", var.namespace))
    error_message = "namespace is a DNS name in lower case, for example \"local\" or \"sdt-dev.internal\"."
  }
}

variable "flow_log_retention_days" {
  description = "How long to keep the record of refused connections, in days."
  type        = number
  default     = 7

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.flow_log_retention_days)
    error_message = "flow_log_retention_days is one of the periods CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}
