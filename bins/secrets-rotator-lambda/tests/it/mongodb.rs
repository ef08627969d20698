//! MongoDB's login and its change of a password.

use secrets_rotator_lambda::mongodb::MongoDb;
use secrets_rotator_lambda::{DataService, ServiceError};

use crate::contract::contract;
use crate::mongod::{Mongod, Quirk};
use crate::protocol::password;

fn client(server: &Mongod) -> MongoDb {
    let place = server.address.to_string().parse().unwrap();
    MongoDb::new(place, "admin".parse().unwrap())
}

fn server(quirk: Quirk) -> Mongod {
    Mongod::start("admin", "hunter2,=n", quirk)
}

#[tokio::test]
async fn servers_that_want_an_empty_message_that_do_not_and_that_know_no_hello_keep_the_contract() {
    for quirk in [Quirk::None, Quirk::EmptyMessage, Quirk::BeforeHello] {
        let server = server(quirk);
        contract(&client(&server), &password("hunter2,=n")).await;
        assert_eq!(server.password("admin"), "hunter2,=n");
        let updates = server.commands();
        let updates = updates.iter().filter(|name| *name == "updateUser");
        assert_eq!(updates.count(), 2, "there and back");
    }
}

#[tokio::test]
async fn a_user_that_is_not_there_has_no_password_that_is_right() {
    let server = server(Quirk::None);
    let place = server.address.to_string().parse().unwrap();
    let nobody = MongoDb::new(place, "no,b=dy".parse().unwrap());
    assert!(!nobody.accepts(&password("hunter2,=n")).await.unwrap());
}

#[tokio::test]
async fn a_server_that_lets_everybody_in_does_not_pass_for_the_real_one() {
    let server = server(Quirk::Impostor);
    let error = client(&server).accepts(&password("x")).await.unwrap_err();
    assert!(matches!(error, ServiceError::Strange { .. }), "{error}");
    let error = client(&server)
        .set(&password("x"), &password("new"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not prove"), "{error}");
    assert!(!server.commands().contains(&"updateUser".to_owned()));
}

#[tokio::test]
async fn what_a_server_refuses_is_told_by_its_code_and_without_the_password() {
    for (quirk, part) in [
        (
            Quirk::Unauthorized,
            "updateUser with error 13 (Unauthorized)",
        ),
        (
            Quirk::OldMechanism,
            "saslStart with error 334 (MechanismUnavailable)",
        ),
        (Quirk::Shutdown, "hello with error 91 (ShutdownInProgress)"),
        (Quirk::Stranger, "is not mongodb"),
    ] {
        let server = server(quirk);
        let error = client(&server)
            .set(&password("hunter2,=n"), &password("new hunter2"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        assert_eq!(server.password("admin"), "hunter2,=n");
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_an_error_and_found_out_by_the_next_login() {
    let server = server(Quirk::LostAnswer);
    let (client, old, new) = (client(&server), password("hunter2,=n"), password("new"));
    let error = client.set(&old, &new).await.unwrap_err();
    assert!(matches!(error, ServiceError::Unreachable { .. }), "{error}");
    assert!(client.accepts(&new).await.unwrap());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    drop(listener);
    let gone = MongoDb::new(place.parse().unwrap(), "admin".parse().unwrap());
    let error = gone.accepts(&password("hunter2")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("mongodb at `{place}` cannot be reached")
    );
}
