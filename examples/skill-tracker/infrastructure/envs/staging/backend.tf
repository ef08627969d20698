# The bucket's name holds the account, so it is given at init: -backend-config="bucket=$(terraform -chdir=../../bootstrap output -raw state_bucket)"
terraform {
  backend "s3" {
    key          = "envs/staging/terraform.tfstate"
    region       = "us-east-1"
    encrypt      = true
    use_lockfile = true
    # For Terraform before 1.11, with lock_table = true in bootstrap:
    # dynamodb_table = "sdt-terraform-locks"
  }
}
