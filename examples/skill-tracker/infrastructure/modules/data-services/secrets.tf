# Passwords that nobody sees: made while Terraform runs, handed to Secrets Manager, and kept in no state and no plan.

locals {
  # Those of the applications stand here too, so that all secrets of an environment are made in one way.
  generated = toset(["mongodb-password", "rabbitmq-password", "rabbitmq-erlang-cookie", "redis-password", "jwt-secret"])

  secret_names    = { for name in setunion(local.generated, var.external_secrets) : name => "${var.project}/${var.environment}/${name}" }
  secret_patterns = { for name, full in local.secret_names : name => "arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${full}-??????" }
}

ephemeral "aws_secretsmanager_random_password" "this" {
  for_each = local.generated

  password_length = 48
  # Passwords stand in connection URLs.
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "generated" {
  for_each = local.generated

  name                    = local.secret_names[each.key]
  description             = "Generated; of ${local.name}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.environment == "production" ? 30 : 7
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each = local.generated

  secret_id                = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.this[each.key].random_password
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret" "external" {
  for_each = var.external_secrets

  name                    = local.secret_names[each.key]
  description             = "Its value is put by hand; of ${local.name}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.environment == "production" ? 30 : 7
}
