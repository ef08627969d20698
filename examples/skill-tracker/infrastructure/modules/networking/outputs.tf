output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, for the load balancer alone."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, for everything that computes or stores."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "security_group_ids" {
  description = "Ids of the security groups: alb, ecs, rds, data."
  value = {
    alb  = aws_security_group.alb.id
    ecs  = aws_security_group.ecs.id
    rds  = aws_security_group.rds.id
    data = aws_security_group.data.id
  }
}

output "namespace" {
  description = "The private DNS namespace: id, ARN and name."
  value = {
    id   = aws_service_discovery_private_dns_namespace.this.id
    arn  = aws_service_discovery_private_dns_namespace.this.arn
    name = var.namespace
  }
}

output "nat_gateway_count" {
  description = "How many NAT gateways there are, each about 33 USD a month without traffic."
  value       = length(local.nat_zones)
}

output "nat_addresses" {
  description = "Public addresses that the services' requests come from, for partners' allow lists."
  value       = [for address in aws_eip.nat : address.public_ip]
}
