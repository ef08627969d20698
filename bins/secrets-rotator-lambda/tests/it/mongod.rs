//! A MongoDB on loopback, as far as a login and a change of a password go. It knows SCRAM from the server's side, written
//! here once more so that a mistake of the client's is not made twice.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bson::spec::BinarySubtype;
use bson::{Binary, Document, doc};

/// How a server is not as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    None,
    /// It wants an empty message at the end of a login, as servers before 4.4.
    EmptyMessage,
    /// It lets in everybody, and cannot prove that it knows the password.
    Impostor,
    /// It lets nobody change anything, and says in its text what was asked.
    Unauthorized,
    /// It knows no SCRAM-SHA-256.
    OldMechanism,
    /// It changes the password and breaks off before it says so.
    LostAnswer,
    /// It has no command `hello`, as servers before 4.4.2.
    BeforeHello,
    /// It is about to end.
    Shutdown,
    /// It answers in another protocol.
    Stranger,
}

#[derive(Debug)]
struct Users {
    users: BTreeMap<String, String>,
    commands: Vec<String>,
    quirk: Quirk,
}

/// A running server. It serves until the tests end.
#[derive(Debug, Clone)]
pub(crate) struct Mongod {
    pub(crate) address: SocketAddr,
    users: Arc<Mutex<Users>>,
}

impl Mongod {
    pub(crate) fn start(user: &str, password: &str, quirk: Quirk) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let users = Arc::new(Mutex::new(Users {
            users: BTreeMap::from([(user.to_owned(), password.to_owned())]),
            commands: Vec::new(),
            quirk,
        }));
        let shared = Arc::clone(&users);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let users = Arc::clone(&shared);
                // A client goes away when it likes.
                thread::spawn(move || serve(stream.unwrap(), &users));
            }
        });
        Self { address, users }
    }

    pub(crate) fn password(&self, user: &str) -> String {
        self.users.lock().unwrap().users[user].clone()
    }

    /// The names of the commands that came.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.users.lock().unwrap().commands.clone()
    }
}

/// A login under way.
struct Login {
    user: String,
    first_bare: String,
    server_first: String,
    proven: bool,
}

fn serve(mut stream: TcpStream, users: &Mutex<Users>) -> Option<()> {
    let mut login: Option<Login> = None;
    let mut let_in = None;
    loop {
        let (id, command) = receive(&mut stream)?;
        assert_eq!(command.get_str("$db").unwrap(), "admin");
        let name = command.keys().next()?.clone();
        let mut users = users.lock().unwrap();
        users.commands.push(name.clone());
        let quirk = users.quirk;
        let answer = match name.as_str() {
            "hello" if quirk == Quirk::Stranger => {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                return None;
            }
            "hello" if quirk == Quirk::BeforeHello => {
                doc! {"ok": 0.0, "errmsg": "no such command: 'hello'", "code": 59, "codeName": "CommandNotFound"}
            }
            "hello" if quirk == Quirk::Shutdown => {
                doc! {"ok": 0.0, "errmsg": "going away", "code": 91, "codeName": "ShutdownInProgress"}
            }
            "hello" => doc! {"isWritablePrimary": true, "maxWireVersion": 25, "ok": 1.0},
            "saslStart" if quirk == Quirk::OldMechanism => {
                doc! {"ok": 0.0, "errmsg": "no such mechanism", "code": 334, "codeName": "MechanismUnavailable"}
            }
            "saslStart" => {
                assert_eq!(command.get_str("mechanism").unwrap(), "SCRAM-SHA-256");
                start(&command, &users.users, &mut login).unwrap_or_else(refused)
            }
            "saslContinue" => {
                go_on(&command, &users, &mut login, &mut let_in).unwrap_or_else(refused)
            }
            "updateUser" if quirk == Quirk::Unauthorized || let_in.is_none() => {
                doc! {"ok": 0.0, "errmsg": format!("not authorized to execute {command}"), "code": 13, "codeName": "Unauthorized"}
            }
            "updateUser" => {
                let user = command.get_str("updateUser").unwrap().to_owned();
                let password = command.get_str("pwd").unwrap().to_owned();
                assert!(users.users.contains_key(&user));
                users.users.insert(user, password);
                if quirk == Quirk::LostAnswer {
                    users.quirk = Quirk::None;
                    return None;
                }
                doc! {"ok": 1.0}
            }
            _ => doc! {"ok": 0.0, "code": 59, "codeName": "CommandNotFound"},
        };
        drop(users);
        send(&mut stream, id, &answer)?;
    }
}

fn refused() -> Document {
    doc! {"ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed"}
}

const SALT: &[u8] = b"sixteen bytes of";
const ITERATIONS: u32 = 15_000;

fn start(
    command: &Document,
    users: &BTreeMap<String, String>,
    login: &mut Option<Login>,
) -> Option<Document> {
    let first = text(command)?;
    let first_bare = first.strip_prefix("n,,")?;
    let (user, nonce) = first_bare.strip_prefix("n=")?.split_once(",r=")?;
    let user = user.replace("=2C", ",").replace("=3D", "=");
    if !users.contains_key(&user) {
        return None;
    }
    let server_first = format!(
        "r={nonce}and-mine,s={},i={ITERATIONS}",
        STANDARD.encode(SALT)
    );
    let answer =
        doc! {"conversationId": 1, "done": false, "payload": binary(&server_first), "ok": 1.0};
    *login = Some(Login {
        user,
        first_bare: first_bare.to_owned(),
        server_first,
        proven: false,
    });
    Some(answer)
}

fn go_on(
    command: &Document,
    users: &Users,
    login: &mut Option<Login>,
    let_in: &mut Option<String>,
) -> Option<Document> {
    let under_way = login.as_mut()?;
    assert_eq!(command.get_i32("conversationId").unwrap(), 1);
    if under_way.proven {
        assert_eq!(text(command)?, "");
        *let_in = Some(under_way.user.clone());
        return Some(doc! {"conversationId": 1, "done": true, "payload": binary(""), "ok": 1.0});
    }
    let last = text(command)?;
    let (without_proof, proof) = last.split_once(",p=")?;
    let (binding, nonce) = without_proof.split_once(",r=")?;
    assert_eq!(binding, "c=biws");
    assert!(under_way.server_first.starts_with(&format!("r={nonce},")));
    let message = format!(
        "{},{},{without_proof}",
        under_way.first_bare, under_way.server_first
    );
    let mut salted = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        NonZeroU32::new(ITERATIONS)?,
        SALT,
        users.users[&under_way.user].as_bytes(),
        &mut salted,
    );
    let sign = |key: &[u8], text: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text).as_ref().to_vec()
    };
    let stored = digest(&SHA256, &sign(&salted, b"Client Key"));
    // The client's key is what its proof leaves when the signature is taken off; its hash is what a server keeps.
    let signature = sign(stored.as_ref(), message.as_bytes());
    let proof = STANDARD.decode(proof).ok()?;
    let client_key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    let knows = digest(&SHA256, &client_key).as_ref() == stored.as_ref();
    if !knows && users.quirk != Quirk::Impostor {
        return None;
    }
    let server_key = match users.quirk {
        Quirk::Impostor => b"made up".to_vec(),
        _ => sign(&salted, b"Server Key"),
    };
    let verifier = sign(&server_key, message.as_bytes());
    let done = users.quirk != Quirk::EmptyMessage;
    if done {
        *let_in = Some(under_way.user.clone());
    }
    under_way.proven = true;
    let payload = format!("v={}", STANDARD.encode(verifier));
    Some(doc! {"conversationId": 1, "done": done, "payload": binary(&payload), "ok": 1.0})
}

fn binary(text: &str) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: text.as_bytes().to_vec(),
    }
}

fn text(command: &Document) -> Option<String> {
    let bytes = command.get_binary_generic("payload").ok()?.clone();
    String::from_utf8(bytes).ok()
}

fn receive(stream: &mut TcpStream) -> Option<(u32, Document)> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).ok()?;
    let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
    assert_eq!((number(8), number(12)), (0, 2013), "no request of OP_MSG");
    let mut rest = vec![0; number(0) as usize - 16];
    stream.read_exact(&mut rest).ok()?;
    assert_eq!(rest[..5], [0; 5], "flags and the kind of the section");
    Some((number(4), Document::from_reader(&rest[5..]).unwrap()))
}

fn send(stream: &mut TcpStream, answers: u32, document: &Document) -> Option<()> {
    let document = document.to_vec().unwrap();
    let length = u32::try_from(21 + document.len()).unwrap();
    let mut bytes = Vec::new();
    for number in [length, 9, answers, 2013, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.push(0);
    bytes.extend(document);
    stream.write_all(&bytes).ok()
}
