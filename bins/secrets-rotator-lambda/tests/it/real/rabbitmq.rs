//! A real RabbitMQ whose password is rotated.

use std::time::Duration;

use secrets_rotator_lambda::rabbitmq::RabbitMq;
use secrets_rotator_lambda::{DataService, ServiceError, UserName};

use super::broker::Broker;
use crate::contract::contract;
use crate::function::{Function, Vault, rotate};
use crate::protocol::password;

fn client(broker: &Broker, user: &str) -> RabbitMq {
    let place = format!("127.0.0.1:{}", broker.api);
    let user: UserName = user.parse().unwrap();
    RabbitMq::new(place.parse().unwrap(), user)
}

/// Waits for the management plugin, which starts last.
async fn started(broker: &Broker) {
    let (guest, login) = (client(broker, "guest"), password("guest"));
    for _ in 0..900 {
        if matches!(guest.accepts(&login).await, Ok(true)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not start: {:?}", broker.held);
}

#[test]
fn a_broker_is_rotated_by_its_user_and_keeps_the_users_tags() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(broker) = Broker::start() else {
        return;
    };
    runtime.block_on(started(&broker));
    runtime.block_on(adapter(&broker));

    let Some(vault) = Vault::open() else { return };
    let secret = vault.create("rabbitmq-password", "guest");
    let mut function = Function::start(&[
        ("AWS_ENDPOINT_URL", vault.url.clone()),
        ("RABBITMQ_ENDPOINT", format!("127.0.0.1:{}", broker.api)),
        ("RABBITMQ_USERNAME", "guest".to_owned()),
    ]);
    let new = rotate(&mut function, &vault, &secret, "rabbitmq");
    let guest = client(&broker, "guest");
    let taken = |text: &str| runtime.block_on(guest.accepts(&password(text))).unwrap();
    assert!(taken(&new) && !taken("guest"));
    function.log(&[new]);
}

async fn adapter(broker: &Broker) {
    // A name with what has a meaning in paths.
    broker.control(&["add_user", "a/b%c", "old hunter2"]);
    let user = client(broker, "a/b%c");
    let (old, new) = (password("old hunter2"), password("new"));
    assert!(
        !user.accepts(&old).await.unwrap(),
        "it has no tag, so it is turned away"
    );
    broker.control(&["set_user_tags", "a/b%c", "monitoring"]);
    assert!(user.accepts(&old).await.unwrap());
    let error = user.set(&old, &new).await.unwrap_err();
    assert!(
        matches!(
            error,
            ServiceError::LoggedOut { .. } | ServiceError::Refused { .. }
        ),
        "only an administrator may: {error}"
    );
    broker.control(&["set_user_tags", "a/b%c", "administrator", "own"]);
    // There and back: the tags are there still, or it could not.
    contract(&user, &old).await;
}
