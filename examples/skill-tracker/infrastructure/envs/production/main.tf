# One environment. The files main.tf, variables.tf, outputs.tf and versions.tf are the same in every environment; what differs
# stands in terraform.tfvars, and the state's key in backend.tf.

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.project, Environment = var.environment, ManagedBy = "terraform" }
  }
}

module "networking" {
  source = "../../modules/networking"

  project             = var.project
  environment         = var.environment
  cidr_block          = var.network.cidr_block
  zone_count          = var.network.zone_count
  nat_gateways        = var.network.nat_gateways
  interface_endpoints = var.network.interface_endpoints
}

module "s3" {
  source = "../../modules/s3"

  project     = var.project
  environment = var.environment
  # A throw-away environment goes with its files.
  force_destroy = var.environment == "dev"

  buckets = {
    uploads     = {}
    cost-ledger = {}
    log-archive = { archive_days = 30, expire_days = var.log_archive_days }
    access-logs = { load_balancer_logs = true, versioned = false, expire_days = 30 }
  }
}

module "rds" {
  source = "../../modules/rds"

  project           = var.project
  environment       = var.environment
  subnet_ids        = module.networking.private_subnet_ids
  security_group_id = module.networking.security_group_ids.rds
  instance_class    = var.database.instance_class
  multi_az          = var.database.multi_az
  storage           = var.database.storage
  backup_days       = var.database.backup_days
}

module "data_services" {
  source = "../../modules/data-services"

  project                  = var.project
  environment              = var.environment
  cluster_arn              = module.ecs.cluster_arn
  vpc_id                   = module.networking.vpc_id
  subnet_ids               = module.networking.private_subnet_ids
  security_group_id        = module.networking.security_group_ids.data
  namespace                = module.networking.namespace
  persistent               = var.data_services.persistent
  network_load_balancer    = var.data_services.network_load_balancer
  management_load_balancer = var.data_services.management_load_balancer
  rotation                 = var.data_services.rotation_package == null ? null : { bucket = var.artifacts_bucket, key = var.data_services.rotation_package, days = var.data_services.rotation_days, schedule = var.data_services.rotation_schedule, window = var.data_services.rotation_window }
}

module "ecs" {
  source = "../../modules/ecs"

  project            = var.project
  environment        = var.environment
  vpc_id             = module.networking.vpc_id
  public_subnet_ids  = module.networking.public_subnet_ids
  private_subnet_ids = module.networking.private_subnet_ids
  security_group_ids = { alb = module.networking.security_group_ids.alb, ecs = module.networking.security_group_ids.ecs }
  namespace          = module.networking.namespace

  size            = var.size
  sizes           = var.sizes
  spot_weight     = var.spot_weight
  deployment      = var.deployment
  service_connect = var.service_connect
  certificate_arn = var.load_balancer.certificate_arn

  container_insights = var.container_insights

  access_logs_bucket = module.s3.names["access-logs"]
  uploads_bucket_arn = module.s3.arns["uploads"]
  events_topic_arn   = aws_sns_topic.events.arn
  database_arn       = module.rds.arn
  secret_names       = module.data_services.application_secret_names

  backends = merge(module.data_services.backends, {
    postgres = {
      environment = { SPRING_DATASOURCE_URL = "jdbc:postgresql://${module.rds.endpoint.host}:${module.rds.endpoint.port}/${module.rds.database_name}?sslmode=require" }
      secrets = {
        SPRING_DATASOURCE_USERNAME = "${module.rds.secret_arn}:username::"
        SPRING_DATASOURCE_PASSWORD = "${module.rds.secret_arn}:password::"
      }
    }
    oauth = {
      environment = module.cloudfront.oauth_environment
      secrets = {
        SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_GOOGLE_CLIENT_ID     = "${module.data_services.secret_arns["google-oauth-client"]}:client_id::"
        SPRING_SECURITY_OAUTH2_CLIENT_REGISTRATION_GOOGLE_CLIENT_SECRET = "${module.data_services.secret_arns["google-oauth-client"]}:client_secret::"
      }
    }
    google = {
      secrets = { GOOGLE_API_KEY = module.data_services.secret_arns["google-api-key"] }
    }
  })
}

# What services tell one another and the world; the notification service publishes here.
resource "aws_sns_topic" "events" {
  name              = "${var.project}-${var.environment}-events"
  kms_master_key_id = "alias/aws/sns"
}

module "api_gateway" {
  source = "../../modules/api-gateway"

  project           = var.project
  environment       = var.environment
  listener_arn      = module.ecs.alb.listener_arn
  subnet_ids        = module.networking.private_subnet_ids
  security_group_id = module.networking.security_group_ids.ecs
  tls_server_name   = var.load_balancer.tls_server_name
}

module "amplify" {
  source = "../../modules/amplify"

  project     = var.project
  environment = var.environment
}

module "cloudfront" {
  source = "../../modules/cloudfront"

  project         = var.project
  environment     = var.environment
  frontend_domain = module.amplify.branch_domain
  api_domain      = module.api_gateway.domain_name
  aliases         = var.cdn.aliases
  certificate_arn = var.cdn.certificate_arn
  web_acl_arn     = var.cdn.web_acl_arn
}

module "monitoring" {
  source = "../../modules/monitoring"

  project                   = var.project
  environment               = var.environment
  cluster_name              = module.ecs.cluster_name
  service_names             = module.ecs.service_names
  alb_arn_suffix            = module.ecs.alb.arn_suffix
  target_group_arn_suffixes = module.ecs.target_group_arn_suffixes
  database                  = { identifier = module.rds.identifier, max_connections = module.rds.max_connections }
  alarm_emails              = var.alarm_emails
  monthly_budget            = var.monthly_budget
  artifacts_bucket          = var.artifacts_bucket
  packages                  = var.packages
  log_archive_bucket        = module.s3.names["log-archive"]
  cost_ledger_bucket        = module.s3.names["cost-ledger"]
}

module "observability" {
  source = "../../modules/observability"

  project           = var.project
  environment       = var.environment
  grafana           = var.observability.grafana
  prometheus        = var.observability.prometheus
  rules             = file("${path.module}/../../../prometheus/rules.yml")
  cluster_arn       = module.ecs.cluster_arn
  vpc_id            = module.networking.vpc_id
  subnet_ids        = module.networking.private_subnet_ids
  security_group_id = module.networking.security_group_ids.ecs
  listener_arn      = module.ecs.alb.listener_arn
}
