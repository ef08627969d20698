//! The function's settings, out of its environment.

use std::fmt;

use aws_config::BehaviorVersion;
use secrets_rotator_lambda::aws::SecretsManager;
use secrets_rotator_lambda::mongodb::MongoDb;
use secrets_rotator_lambda::rabbitmq::RabbitMq;
use secrets_rotator_lambda::redis::Redis;
use secrets_rotator_lambda::{Endpoint, ServiceName, Services, UserName};

use crate::handler::Handler;

/// What is wrong with the settings, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

/// Where the services are and who their users are, as the variables say.
fn services(variable: &dyn Fn(&str) -> Option<String>) -> Result<Services, Fault> {
    let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let wrong = |variable: String, error: &dyn fmt::Display, hint| Fault {
        message: format!("the variable `{variable}` cannot be used: {error}"),
        hint,
    };
    let mut services = Services::default();
    for name in ServiceName::ALL {
        let prefix = name.as_str().to_uppercase();
        let (place, user) = (format!("{prefix}_ENDPOINT"), format!("{prefix}_USERNAME"));
        let Some(text) = value(&place) else {
            continue;
        };
        let hint = "set it to the host and port of the service; of RabbitMQ the port of its management plugin";
        let endpoint: Endpoint = text
            .trim()
            .parse()
            .map_err(|error| wrong(place, &error, hint))?;
        let text = value(&user).unwrap_or_else(|| default_user(name).to_owned());
        let hint = "set it to the user whose password the secret holds, or leave it out";
        let user: UserName = text
            .trim()
            .parse()
            .map_err(|error| wrong(user, &error, hint))?;
        services = match name {
            ServiceName::MongoDb => services.with(name, MongoDb::new(endpoint, user)),
            ServiceName::RabbitMq => services.with(name, RabbitMq::new(endpoint, user)),
            ServiceName::Redis => services.with(name, Redis::new(endpoint, user)),
            _ => services,
        };
    }
    match services.is_empty() {
        true => Err(Fault {
            message: "no variable says where a service is".to_owned(),
            hint: "set MONGODB_ENDPOINT, RABBITMQ_ENDPOINT or REDIS_ENDPOINT to HOST:PORT",
        }),
        false => Ok(services),
    }
}

const fn default_user(name: ServiceName) -> &'static str {
    match name {
        ServiceName::Redis => "default",
        _ => "admin",
    }
}

/// The handler that the variables describe.
pub(crate) async fn handler(
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Handler, Fault> {
    let services = services(variable)?;
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let client = aws_sdk_secretsmanager::Client::new(&config);
    Ok(Handler {
        store: SecretsManager::new(client),
        services,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Services, Fault> {
        services(&|name| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_service_is_there_once_it_is_known_where_it_is() {
        let services = of(&[
            ("REDIS_ENDPOINT", " redis.local:6379 "),
            ("MONGODB_ENDPOINT", ""),
        ])
        .unwrap();
        let has = |secret: &str| services.of(&secret.parse().unwrap()).is_ok();
        assert!(has("sdt/dev/redis-password"));
        assert!(!has("sdt/dev/mongodb-password") && !has("sdt/dev/rabbitmq-password"));
    }

    #[test]
    fn users_are_those_of_the_stack_unless_told_otherwise() {
        let shown = |variables: &[(&str, &str)]| format!("{:?}", of(variables).unwrap());
        let place = ("RABBITMQ_ENDPOINT", "rabbitmq.local:15672");
        assert!(shown(&[place]).contains("\"admin\""));
        assert!(shown(&[place, ("RABBITMQ_USERNAME", "ops")]).contains("\"ops\""));
        assert!(shown(&[("REDIS_ENDPOINT", "h:1")]).contains("\"default\""));
    }

    #[test]
    fn what_is_wrong_is_named_with_a_remedy() {
        for (variables, part) in [
            (&[][..], "no variable"),
            (&[("REDIS_ENDPOINT", "redis.local")], "REDIS_ENDPOINT"),
            (
                &[("REDIS_ENDPOINT", "h:1"), ("REDIS_USERNAME", "a b")],
                "REDIS_USERNAME",
            ),
        ] {
            let fault = of(variables).unwrap_err();
            assert!(
                fault.message.contains(part) && !fault.hint.is_empty(),
                "{fault:?}"
            );
        }
    }
}
