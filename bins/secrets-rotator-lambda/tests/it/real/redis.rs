//! A real Redis whose password is rotated.

use secrets_rotator_lambda::redis::Redis;
use secrets_rotator_lambda::{DataService, Password, ServiceError};

use super::redis_server::RedisServer;
use crate::contract::contract;
use crate::function::{Function, Vault, rotate};
use crate::protocol::password;

fn client(server: &RedisServer, user: &str) -> Redis {
    let place = format!("127.0.0.1:{}", server.port);
    Redis::new(place.parse().unwrap(), user.parse().unwrap())
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What a file in its folder says, apart from where the folder is, which goes with the server.
fn read(server: &RedisServer, name: &str) -> String {
    let text = std::fs::read_to_string(server.held.folder.path().join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("dir "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Which of three passwords it takes.
async fn takes(client: &Redis, passwords: &[&Password; 3]) -> [bool; 3] {
    let mut taken = [false; 3];
    for (taken, password) in taken.iter_mut().zip(passwords) {
        *taken = client.accepts(password).await.unwrap();
    }
    taken
}

#[tokio::test]
async fn both_passwords_are_taken_until_the_end_and_kept_through_a_restart() {
    let (old, new, later) = (
        password("old"),
        password("new 'hunter2'"),
        password("later"),
    );
    let all = [&old, &new, &later];
    let conf = [("redis.conf", "requirepass old\n")];
    let Some(server) = RedisServer::start(folder(&conf), &["redis.conf"]) else {
        return;
    };
    let redis = client(&server, "default");
    contract(&redis, &old).await;
    assert_eq!(takes(&redis, &all).await, [true, false, false]);
    redis.set(&old, &new).await.unwrap();
    assert_eq!(takes(&redis, &all).await, [true, true, false]);
    // Done again, by the new one, it changes nothing.
    redis.set(&new, &new).await.unwrap();
    assert_eq!(takes(&redis, &all).await, [true, true, false]);

    let text = read(&server, "redis.conf");
    assert!(!text.contains("hunter2"), "as a hash: {text}");
    drop(server);
    let conf = [("redis.conf", text.as_str())];
    let server = RedisServer::start(folder(&conf), &["redis.conf"]).unwrap();
    let redis = client(&server, "default");
    assert_eq!(takes(&redis, &all).await, [true, true, false]);
    redis.keep_only(&new).await.unwrap();
    redis.keep_only(&new).await.unwrap();
    assert_eq!(takes(&redis, &all).await, [false, true, false]);

    let text = read(&server, "redis.conf");
    drop(server);
    let conf = [("redis.conf", text.as_str())];
    let server = RedisServer::start(folder(&conf), &["redis.conf"]).unwrap();
    let redis = client(&server, "default");
    assert_eq!(takes(&redis, &all).await, [false, true, false]);

    // What a rotation left that never ended goes with the next.
    redis.set(&new, &old).await.unwrap();
    redis.set(&new, &later).await.unwrap();
    assert_eq!(takes(&redis, &all).await, [false, true, true]);
    let error = redis.set(&old, &later).await.unwrap_err();
    assert!(matches!(error, ServiceError::LoggedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_user_of_its_own_is_kept_in_the_file_of_users() {
    let (old, new) = (password("old"), password("new"));
    let users = "user default on nopass ~* &* +@all\nuser app on >old ~* &* +@all\n";
    let conf = [("redis.conf", "aclfile users.acl\n"), ("users.acl", users)];
    let Some(server) = RedisServer::start(folder(&conf), &["redis.conf"]) else {
        return;
    };
    let redis = client(&server, "app");
    contract(&redis, &old).await;
    redis.set(&old, &new).await.unwrap();
    redis.keep_only(&new).await.unwrap();
    let kept = read(&server, "users.acl");
    drop(server);
    let conf = [
        ("redis.conf", "aclfile users.acl\n"),
        ("users.acl", kept.as_str()),
    ];
    let server = RedisServer::start(folder(&conf), &["redis.conf"]).unwrap();
    let redis = client(&server, "app");
    assert!(redis.accepts(&new).await.unwrap());
    assert!(!redis.accepts(&old).await.unwrap());
}

#[tokio::test]
async fn a_redis_that_would_forget_its_password_is_not_rotated() {
    let conf = [("redis.conf", "requirepass old\n")];
    let Some(server) = RedisServer::start(folder(&conf), &["redis.conf"]) else {
        return;
    };
    std::fs::remove_dir_all(server.held.folder.path()).unwrap();
    let (old, new) = (password("old"), password("hunter2"));
    // Each time: what the first call has done does not hide it.
    for by in [&old, &new] {
        let error = client(&server, "default").set(by, &new).await.unwrap_err();
        assert!(
            error.to_string().contains("CONFIG REWRITE with ERR"),
            "{error}"
        );
        let error = secrets_rotator_lambda::Error::from(error);
        assert!(error.hint().unwrap().contains("writable"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_redis_without_a_password_does_not_pass_for_one_that_was_rotated() {
    let Some(server) = RedisServer::start(folder(&[]), &[]) else {
        return;
    };
    let error = client(&server, "default")
        .accepts(&password("hunter2"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("it has no password"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_user_that_may_not_change_itself_is_told_by_the_code() {
    let conf = [("redis.conf", "user app on >old ~* +ping +auth\n")];
    let Some(server) = RedisServer::start(folder(&conf), &["redis.conf"]) else {
        return;
    };
    let redis = client(&server, "app");
    let error = redis
        .set(&password("old"), &password("new"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("ACL SETUSER with NOPERM"),
        "{error}"
    );
    assert!(redis.accepts(&password("old")).await.unwrap());
}

#[test]
fn a_rotation_goes_from_secrets_manager_through_the_function_to_redis_and_back() {
    let Some(vault) = Vault::open() else { return };
    // As in the reference deployment: the container writes its configuration when it starts.
    let conf = "requirepass hunter2\nappendonly yes\nuser health on nopass -@all +ping\n";
    let Some(server) = RedisServer::start(folder(&[("redis.conf", conf)]), &["redis.conf"]) else {
        return;
    };
    let secret = vault.create("redis-password", "hunter2");
    let place = format!("127.0.0.1:{}", server.port);
    let mut function = Function::start(&[
        ("AWS_ENDPOINT_URL", vault.url.clone()),
        ("REDIS_ENDPOINT", place),
    ]);
    let mut passwords = vec!["hunter2".to_owned()];
    for _ in 0..2 {
        passwords.push(rotate(&mut function, &vault, &secret, "redis"));
    }
    let redis = client(&server, "default");
    let all = [0, 1, 2].map(|at| password(&passwords[at]));
    let taken = vault.block_on(takes(&redis, &[&all[0], &all[1], &all[2]]));
    assert_eq!(taken, [false, false, true]);
    assert!(server.say("AUTH health any").starts_with("+OK"));
    let log = function.log(&passwords);
    let outcomes: Vec<&str> = log
        .iter()
        .filter_map(|line| line["outcome"].as_str())
        .collect();
    // Each step was called twice.
    assert_eq!(
        outcomes[..8],
        [
            "created",
            "already-created",
            "set",
            "already-set",
            "tested",
            "tested",
            "finished",
            "already-current"
        ]
    );
}
