# Private, encrypted, TLS-only buckets with a lifecycle.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  names = { for name, _ in var.buckets : name => "${var.project}-${var.environment}-${name}-${data.aws_caller_identity.current.account_id}" }
  arns  = { for name, full in local.names : name => "arn:${data.aws_partition.current.partition}:s3:::${full}" }
}

resource "aws_s3_bucket" "this" {
  for_each = var.buckets

  bucket        = local.names[each.key]
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.kms[each.key] == null ? "AES256" : "aws:kms"
      kms_master_key_id = local.kms[each.key]
    }
  }
}

locals {
  kms = { for name, bucket in var.buckets : name => bucket.load_balancer_logs ? null : var.kms_key_arn }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = var.buckets[each.key].versioned ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  # What an upload left behind that never ended is paid for and seen nowhere.
  rule {
    id     = "abandoned-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "noncurrent"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.buckets[each.key].noncurrent_days
    }
  }

  dynamic "rule" {
    for_each = var.buckets[each.key].archive_days > 0 ? [var.buckets[each.key].archive_days] : []

    content {
      id     = "archive"
      status = "Enabled"
      filter {}

      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  dynamic "rule" {
    for_each = var.buckets[each.key].expire_days > 0 ? [var.buckets[each.key].expire_days] : []

    content {
      id     = "expire"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = var.buckets

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arns[each.key], "${local.arns[each.key]}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.value.load_balancer_logs ? [true] : []

    content {
      sid       = "LoadBalancerLogs"
      actions   = ["s3:PutObject"]
      resources = ["${local.arns[each.key]}/*/AWSLogs/${data.aws_caller_identity.current.account_id}/*"]

      principals {
        type        = "Service"
        identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}
