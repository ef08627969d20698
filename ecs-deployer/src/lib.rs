//! Rolling deployments on Amazon ECS with a verdict, a diagnosis and a rollback, and a simulator of the ECS scheduler
