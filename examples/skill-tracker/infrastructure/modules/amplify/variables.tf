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

variable "branch" {
  description = "Name of the branch that is served."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,255}$", var.branch))
    error_message = "branch is the name of a branch."
  }
}

variable "variables" {
  description = "Variables of the build, compiled into the page and so readable to everybody: no secrets."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name, _ in var.variables : !can(regex("SECRET|PASSWORD|TOKEN|PRIVATE", upper(name)))])
    error_message = "a variable of the frontend is public; one named for a secret, password, token or private key does not belong here."
  }
}

variable "api_origin" {
  description = "Where the page finds the API, as https://HOST; null leaves it to the same origin, as behind CloudFront."
  type        = string
  default     = null

  validation {
    condition     = var.api_origin == null || can(regex("^https?://[^/]+$", var.api_origin))
    error_message = "api_origin is https://HOST without a path."
  }
}
