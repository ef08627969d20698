# PostgreSQL whose password nobody has ever seen: RDS makes it, keeps it in Secrets Manager and rotates it.

locals {
  name = "${var.project}-${var.environment}"

  # GiB of memory by class. RDS's default for max_connections is LEAST(DBInstanceClassMemory / 9531392, 5000).
  class_memory = {
    "db.t3.micro"   = 1
    "db.t3.small"   = 2
    "db.t3.medium"  = 4
    "db.t4g.micro"  = 1
    "db.t4g.small"  = 2
    "db.t4g.medium" = 4
    "db.m6g.large"  = 8
    "db.m7g.large"  = 8
    "db.r5.large"   = 16
    "db.r5.xlarge"  = 32
    "db.r6g.large"  = 16
    "db.r6g.xlarge" = 32
    "db.r7g.large"  = 16
  }
  # DBInstanceClassMemory is what the operating system and RDS leave of it; 0.75 is on the safe side, and as it is written
  # into the parameter group, the alarm's threshold is exact.
  max_connections = coalesce(var.max_connections, min(5000, floor(local.class_memory[var.instance_class] * 1024 * 1024 * 1024 * 0.75 / 9531392)))
  production      = var.environment == "production"
}

data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

resource "aws_db_subnet_group" "this" {
  name       = local.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.name}-postgres${var.engine_version}-"
  family      = "postgres${var.engine_version}"

  # A client that does not speak TLS is refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name         = "max_connections"
    value        = tostring(local.max_connections)
    apply_method = "pending-reboot"
  }

  # Statements of more than a second are worth a line.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  # DDL alone: "all" would write every value to the log.
  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${local.name}-rds-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  identifier     = "${local.name}-postgres"
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  allocated_storage     = var.storage.initial
  max_allocated_storage = var.storage.maximum
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_name                       = var.database_name
  username                      = "skilltracker_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  parameter_group_name   = aws_db_parameter_group.this.name
  publicly_accessible    = false
  multi_az               = var.multi_az
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # Changes that restart the server wait for the window, which lies after the backup.
  backup_retention_period    = var.backup_days
  backup_window              = "02:00-02:45"
  maintenance_window         = "sun:03:00-sun:04:00"
  auto_minor_version_upgrade = true
  copy_tags_to_snapshot      = true
  deletion_protection        = local.production
  skip_final_snapshot        = !local.production
  final_snapshot_identifier  = local.production ? "${local.name}-postgres-final" : null

  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  performance_insights_kms_key_id       = var.kms_key_arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
}
