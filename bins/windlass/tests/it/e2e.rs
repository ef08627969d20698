//! The four workflows from end to end: the binary, git, Maven's modules, CNCF's registry, ECS's protocol in front of the
//! simulator, tasks that pull what was pushed and answer for it, Slack, SonarQube. All of it on loopback.

#![cfg(all(feature = "aws", unix))]

mod entrance;
mod failures;
mod http;
mod killed;
mod monorepo;
mod tasks;
mod wire;
mod workflows;
mod world;
