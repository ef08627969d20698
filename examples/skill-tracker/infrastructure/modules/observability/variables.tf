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

variable "grafana" {
  description = "\"managed\": Amazon Managed Grafana, 9 USD per editor a month. \"ecs\": Grafana as a task. \"none\"."
  type        = string
  default     = "managed"

  validation {
    condition     = contains(["managed", "ecs", "none"], var.grafana)
    error_message = "grafana is managed, ecs or none."
  }
}

variable "prometheus" {
  description = "\"managed\": Amazon Managed Service for Prometheus, with the rules of prometheus/rules.yml. \"none\": Grafana reads CloudWatch alone."
  type        = string
  default     = "managed"

  validation {
    condition     = contains(["managed", "none"], var.prometheus)
    error_message = "prometheus is managed or none."
  }
}

variable "rules" {
  description = "Prometheus rules as YAML; null loads none."
  type        = string
  default     = null

  validation {
    condition     = var.rules == null || can(yamldecode(coalesce(var.rules, "{}")).groups)
    error_message = "rules is YAML with the key groups."
  }
}

variable "cluster_arn" {
  description = "ECS cluster of Grafana's task; needed for grafana = \"ecs\"."
  type        = string
  default     = null

  validation {
    condition     = var.grafana != "ecs" || can(regex("^arn:[a-z-]+:ecs:", coalesce(var.cluster_arn, "none")))
    error_message = "grafana = \"ecs\" needs cluster_arn, the ARN of an ECS cluster."
  }
}

variable "vpc_id" {
  description = "VPC of Grafana's target group; needed for grafana = \"ecs\"."
  type        = string
  default     = null

  validation {
    condition     = var.grafana != "ecs" || startswith(coalesce(var.vpc_id, "none"), "vpc-")
    error_message = "grafana = \"ecs\" needs vpc_id."
  }
}

variable "subnet_ids" {
  description = "Private subnets of Grafana's task; needed for grafana = \"ecs\"."
  type        = list(string)
  default     = []

  validation {
    condition     = var.grafana != "ecs" || length(var.subnet_ids) > 0
    error_message = "grafana = \"ecs\" needs subnet_ids."
  }
}

variable "security_group_id" {
  description = "Security group of Grafana's task, the services' own: it lets in the load balancer. Needed for grafana = \"ecs\"."
  type        = string
  default     = null

  validation {
    condition     = var.grafana != "ecs" || var.security_group_id != null
    error_message = "grafana = \"ecs\" needs security_group_id."
  }
}

variable "listener_arn" {
  description = "Listener that gets the rule for /grafana/*; needed for grafana = \"ecs\"."
  type        = string
  default     = null

  validation {
    condition     = var.grafana != "ecs" || startswith(coalesce(var.listener_arn, "none"), "arn:")
    error_message = "grafana = \"ecs\" needs listener_arn."
  }
}

variable "grafana_image" {
  description = "Image of Grafana's task, with a version."
  type        = string
  default     = "docker.io/grafana/grafana:12.2.0"

  validation {
    condition     = can(regex("[:@]", var.grafana_image)) && !endswith(var.grafana_image, ":latest")
    error_message = "grafana_image names a version or a digest."
  }
}

variable "secrets_version" {
  description = "Raise it to make Grafana's admin password anew."
  type        = number
  default     = 1

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version is a whole number, 1 or more."
  }
}
