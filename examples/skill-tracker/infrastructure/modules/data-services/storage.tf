# EFS with a folder per service that only this service's role may mount.

resource "aws_efs_file_system" "this" {
  count = var.persistent ? 1 : 0

  creation_token  = "${local.name}-data"
  encrypted       = true
  kms_key_id      = var.kms_key_arn
  throughput_mode = "elastic"

  tags = { Name = "${local.name}-data" }
}

resource "aws_efs_backup_policy" "this" {
  count = var.persistent ? 1 : 0

  file_system_id = aws_efs_file_system.this[0].id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "this" {
  count = var.persistent ? length(var.subnet_ids) : 0

  file_system_id  = aws_efs_file_system.this[0].id
  subnet_id       = var.subnet_ids[count.index]
  security_groups = [var.security_group_id]
}

resource "aws_efs_access_point" "this" {
  for_each = { for name, service in local.services : name => service if var.persistent }

  file_system_id = aws_efs_file_system.this[0].id

  posix_user {
    uid = each.value.uid
    gid = each.value.uid
  }

  root_directory {
    path = "/${each.key}"

    creation_info {
      owner_uid   = each.value.uid
      owner_gid   = each.value.uid
      permissions = "0700"
    }
  }
}
