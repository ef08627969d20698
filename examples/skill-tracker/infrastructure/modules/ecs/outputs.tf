output "cluster_name" {
  description = "Name of the cluster, for windlass.toml and the AWS CLI."
  value       = aws_ecs_cluster.this.name
}

output "cluster_arn" {
  description = "ARN of the cluster."
  value       = aws_ecs_cluster.this.arn
}

output "service_names" {
  description = "Names of the ECS services, by the service's own name."
  value       = { for name, service in aws_ecs_service.service : name => service.name }
}

output "repository_urls" {
  description = "URLs of the ECR repositories, by service."
  value       = { for name, repository in aws_ecr_repository.service : name => repository.repository_url }
}

output "deploy_order" {
  description = "Names of the services in the waves that they are deployed in, as deploy.order in windlass.toml has them."
  value       = local.waves
}

output "log_group_names" {
  description = "Log groups, by service."
  value       = { for name, group in aws_cloudwatch_log_group.service : name => group.name }
}

output "alb" {
  description = "The public load balancer: DNS name, zone, ARN, the ARN suffix that CloudWatch's dimension LoadBalancer takes, and the listener that serves."
  value = {
    dns_name     = aws_lb.this.dns_name
    zone_id      = aws_lb.this.zone_id
    arn          = aws_lb.this.arn
    arn_suffix   = aws_lb.this.arn_suffix
    listener_arn = local.listener_arn
  }
}

output "target_group_arn_suffixes" {
  description = "ARN suffixes of the target groups, by service, as CloudWatch's dimension TargetGroup takes them."
  value       = { for name, group in aws_lb_target_group.blue : name => group.arn_suffix }
}

output "execution_role_arn" {
  description = "Role that starts tasks; the deployer passes it."
  value       = aws_iam_role.execution.arn
}

output "task_role_arns" {
  description = "Roles that tasks run as, by service; the deployer passes them."
  value       = { for name, role in aws_iam_role.task : name => role.arn }
}

output "health_url" {
  description = "Where a service's health is asked for, with {service} for its name, as environments.NAME.health in windlass.toml takes it."
  value       = "${var.certificate_arn == null ? "http" : "https"}://${aws_lb.this.dns_name}/api/{service}/actuator/health"
}
