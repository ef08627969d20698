//! What every service keeps to: the models, the server of the tests, the real ones.

use secrets_rotator_lambda::sim::SimService;
use secrets_rotator_lambda::{DataService, Password, ServiceError};

use crate::protocol::password;

/// Leaves the service with the password that it had.
pub(crate) async fn contract(service: &dyn DataService, old: &Password) {
    let new = &password("new 'hunter2' \\\"=,%");
    let takes = async |password: &Password| service.accepts(password).await.unwrap();
    assert!(takes(old).await && !takes(new).await);

    // A change that is not let in is none.
    let error = service.set(new, old).await.unwrap_err();
    assert!(matches!(error, ServiceError::LoggedOut { .. }), "{error}");
    assert!(takes(old).await && !takes(new).await);

    service.set(old, new).await.unwrap();
    assert!(takes(new).await, "what was set is taken");
    let both = takes(old).await;
    // Done again by the new one, it takes nothing away.
    service.set(new, new).await.unwrap();
    assert!(takes(new).await && takes(old).await == both);

    for _ in 0..2 {
        service.keep_only(new).await.unwrap();
        assert!(takes(new).await && !takes(old).await);
    }
    let error = service.set(old, new).await.unwrap_err();
    assert!(matches!(error, ServiceError::LoggedOut { .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));

    service.set(new, old).await.unwrap();
    service.keep_only(old).await.unwrap();
    assert!(takes(old).await && !takes(new).await);
}

#[tokio::test]
async fn models_keep_the_contract() {
    let old = password("old");
    contract(&SimService::one_password(old.clone()), &old).await;
    contract(&SimService::two_passwords(old.clone()), &old).await;
}
