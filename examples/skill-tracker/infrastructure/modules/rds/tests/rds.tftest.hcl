variables {
  environment       = "dev"
  subnet_ids        = ["subnet-a", "subnet-b"]
  security_group_id = "sg-rds"
}

run "the_password_is_made_and_kept_by_rds" {
  command = apply

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && length(output.secret_arn) > 0
    error_message = "a password is in the configuration"
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible && aws_db_instance.this.vpc_security_group_ids == toset(["sg-rds"])
    error_message = "the database is readable on disk or reachable from outside"
  }

  assert {
    condition     = anytrue([for p in aws_db_parameter_group.this.parameter : p.name == "rds.force_ssl" && p.value == "1"])
    error_message = "the server takes connections without TLS"
  }

  assert {
    condition     = !aws_db_instance.this.multi_az && !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot
    error_message = "dev is thrown away without a trace"
  }
}

run "max_connections_follows_from_the_class_and_is_what_the_server_has" {
  command = plan

  # 1 GiB x 0.75 / 9531392 = 84.48
  assert {
    condition     = output.max_connections == 84 && anytrue([for p in aws_db_parameter_group.this.parameter : p.name == "max_connections" && p.value == "84" && p.apply_method == "pending-reboot"])
    error_message = "the alarm's threshold is not of this server"
  }
}

run "production_survives_a_zone_and_a_mistake" {
  command = plan

  variables {
    environment    = "production"
    instance_class = "db.r5.large"
    multi_az       = true
    backup_days    = 30
    storage        = { initial = 100, maximum = 500 }
  }

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.backup_retention_period == 30
    error_message = "production lost its safety"
  }

  # 16 GiB x 0.75 / 9531392 = 1351.8
  assert {
    condition     = output.max_connections == 1351
    error_message = "max_connections is not computed from the class"
  }
}

run "wrong_values_are_refused" {
  command = plan
  variables {
    environment       = "production"
    subnet_ids        = ["subnet-a"]
    security_group_id = ""
    instance_class    = "db.t3.tiny"
    engine_version    = "17.2"
    multi_az          = false
    storage           = { initial = 100, maximum = 100 }
    backup_days       = 1
    database_name     = "Skill-Tracker"
    max_connections   = 6000
    kms_key_arn       = "alias/key"
  }
  expect_failures = [var.subnet_ids, var.security_group_id, var.instance_class, var.engine_version, var.multi_az, var.storage, var.backup_days, var.database_name, var.max_connections, var.kms_key_arn]
}
