//! SCRAM-SHA-256: proof of a password that does not tell it, and proof that the server knows it as well.
//!
//! RFC 5802 and RFC 7677. Passwords here are printable ASCII, which SASLprep (RFC 4013) leaves as it is.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::password::Password;

/// `n,,` in Base64: no channel binding.
const NO_BINDING: &str = "biws";

/// RFC 7677's least. With fewer a server that is none could find the password sooner.
const LEAST_ITERATIONS: u32 = 4096;
/// More would be a way to hold the function up. MongoDB's default is 15,000.
const MOST_ITERATIONS: u32 = 1_000_000;

/// A login with its nonce.
#[derive(Debug)]
pub(super) struct Exchange {
    nonce: String,
    first_bare: String,
}

/// What the server has to answer in the end.
pub(super) struct Proof(Tag);

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(…)")
    }
}

impl Exchange {
    pub(super) fn new(user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            first_bare: format!("n={user},r={nonce}"),
            nonce,
        }
    }

    /// The client's first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// The client's last message after the server's first, and what the server has to say to it.
    pub(super) fn answer(
        &self,
        server_first: &str,
        password: &Password,
    ) -> Result<(String, Proof), &'static str> {
        let mut parts = server_first.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(iterations)) = (part("r="), part("s="), part("i="))
        else {
            return Err("its part of the login is not SCRAM's");
        };
        let has_own = nonce
            .strip_prefix(&self.nonce)
            .is_some_and(|own| !own.is_empty());
        if !has_own {
            return Err("it answers another login");
        }
        let salt = STANDARD.decode(salt);
        let salt = salt.map_err(|_| "its part of the login is not SCRAM's")?;
        let iterations = iterations
            .parse()
            .ok()
            .filter(|count| (LEAST_ITERATIONS..=MOST_ITERATIONS).contains(count))
            .and_then(NonZeroU32::new)
            .ok_or("its count of iterations is not from 4,096 to 1,000,000")?;

        let mut salted = [0; SHA256_OUTPUT_LEN];
        let secret = password.reveal().as_bytes();
        derive(PBKDF2_HMAC_SHA256, iterations, &salt, secret, &mut salted);
        let without_proof = format!("c={NO_BINDING},r={nonce}");
        let message = format!("{},{server_first},{without_proof}", self.first_bare);
        let client_key = mac(&salted, b"Client Key");
        let stored_key = digest(&SHA256, client_key.as_ref());
        let signature = mac(stored_key.as_ref(), message.as_bytes());
        let pairs = client_key.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
        let server_key = mac(&salted, b"Server Key");
        let proof = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((proof, Proof(mac(server_key.as_ref(), message.as_bytes()))))
    }
}

impl Proof {
    /// Whether the server's last message shows that it knows the password.
    pub(super) fn check(&self, server_final: &str) -> Result<(), &'static str> {
        let told = server_final
            .split(',')
            .next()
            .and_then(|part| STANDARD.decode(part.strip_prefix("v=")?).ok());
        told.and_then(|told| verify_slices_are_equal(&told, self.0.as_ref()).ok())
            .ok_or("it does not prove that it knows the password")
    }
}

fn mac(key: &[u8], message: &[u8]) -> Tag {
    sign(&Key::new(HMAC_SHA256, key), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7677, section 3.
    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn exchange() -> Exchange {
        Exchange::new("user", "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    #[test]
    fn the_example_of_rfc_7677_comes_out() {
        let exchange = exchange();
        assert_eq!(exchange.first(), FIRST);
        let (last, proof) = exchange
            .answer(SERVER_FIRST, &"pencil".parse().unwrap())
            .unwrap();
        assert_eq!(last, LAST);
        assert_eq!(proof.check(SERVER_FINAL), Ok(()));
        assert_eq!(proof.check(&format!("{SERVER_FINAL},x=y")), Ok(()));
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let (_, proof) = exchange()
            .answer(SERVER_FIRST, &"pencil".parse().unwrap())
            .unwrap();
        for told in [
            "",
            "v=",
            "v=AAAA",
            "e=other-error",
            "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ] {
            assert!(proof.check(told).is_err(), "{told}");
        }
    }

    #[test]
    fn what_a_server_may_not_say_is_refused() {
        for told in [
            "",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
            "r=another%hvYDp,s=W22Z,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1000001",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-1",
            "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
        ] {
            let answered = exchange().answer(told, &"pencil".parse().unwrap());
            assert!(answered.is_err(), "{told}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_place() {
        let exchange = Exchange::new("a=b,r=c", "x".to_owned());
        assert_eq!(exchange.first(), "n,,n=a=3Db=2Cr=3Dc,r=x");
    }
}
