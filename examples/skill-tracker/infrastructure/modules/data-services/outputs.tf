output "endpoints" {
  description = "Host and port of each data service in the VPC, by Cloud Map's names."
  value       = { for name, port in local.tcp_ports : name => { host = "${name}.${var.namespace.name}", port = port } }
}

output "secret_arns" {
  description = "ARNs of the secrets, by name: generated ones and those whose values are put by hand."
  value       = merge({ for name, secret in aws_secretsmanager_secret.generated : name => secret.arn }, { for name, secret in aws_secretsmanager_secret.external : name => secret.arn })
}

output "application_secret_names" {
  description = "Names of the secrets that applications read, for the module ecs' secret_names. The Erlang cookie is none of theirs."
  value       = sort([for name, full in local.secret_names : full if name != "rabbitmq-erlang-cookie"])
}

output "backends" {
  description = "The data services and application secrets in the form that the module ecs takes them as backends."
  value = {
    mongodb = {
      environment = { SPRING_DATA_MONGODB_HOST = "mongodb.${var.namespace.name}", SPRING_DATA_MONGODB_PORT = "27017", SPRING_DATA_MONGODB_USERNAME = "admin", SPRING_DATA_MONGODB_AUTHENTICATION_DATABASE = "admin" }
      secrets     = { SPRING_DATA_MONGODB_PASSWORD = aws_secretsmanager_secret.generated["mongodb-password"].arn }
    }
    rabbitmq = {
      environment = { SPRING_RABBITMQ_HOST = "rabbitmq.${var.namespace.name}", SPRING_RABBITMQ_PORT = "5672", SPRING_RABBITMQ_USERNAME = "admin" }
      secrets     = { SPRING_RABBITMQ_PASSWORD = aws_secretsmanager_secret.generated["rabbitmq-password"].arn }
    }
    redis = {
      environment = { SPRING_DATA_REDIS_HOST = "redis.${var.namespace.name}", SPRING_DATA_REDIS_PORT = "6379" }
      secrets     = { SPRING_DATA_REDIS_PASSWORD = aws_secretsmanager_secret.generated["redis-password"].arn }
    }
    jwt = {
      environment = {}
      secrets     = { JWT_SECRET = aws_secretsmanager_secret.generated["jwt-secret"].arn }
    }
  }
}

output "service_names" {
  description = "Names of the ECS services, by data service."
  value       = { for name, service in aws_ecs_service.this : name => service.name }
}

output "network_load_balancer_dns_name" {
  description = "Name of the internal network load balancer, or null without one."
  value       = one(aws_lb.tcp[*].dns_name)
}

output "management_url" {
  description = "RabbitMQ's management page, reachable in the VPC, or null without its load balancer."
  value       = var.management_load_balancer ? "http://${aws_lb.management[0].dns_name}:15672" : null
}
