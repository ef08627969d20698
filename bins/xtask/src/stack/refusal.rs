//! "Access denied" as each of AWS's protocols writes it.

use serde_json::json;

use super::action::{ACCOUNT, Protocol};
use super::http::Response;
use super::iam::Need;

/// What AWS answers whom a policy does not allow something.
pub(super) fn denied(protocol: Protocol, principal: &str, need: &Need) -> Response {
    let message = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{principal}/check is not authorized to perform: {action} on resource: {resource} \
         because no identity-based policy allows the {action} action",
        action = need.action,
        resource = need.resource,
    );
    refused(
        protocol,
        403,
        ("AccessDeniedException", "AccessDenied"),
        &message,
    )
}

/// What is answered to a request that the stand-in does not know: no service of AWS says this.
pub(super) fn not_known(protocol: Protocol, message: &str) -> Response {
    refused(protocol, 400, ("NotKnownHere", "NotKnownHere"), message)
}

fn refused(
    protocol: Protocol,
    status: u16,
    (json_code, xml_code): (&str, &str),
    message: &str,
) -> Response {
    match protocol {
        Protocol::Json => Response::new(
            400,
            "application/x-amz-json-1.1",
            json!({"__type": json_code, "message": message}).to_string(),
        ),
        Protocol::Query => Response::new(
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{xml_code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            ),
        ),
        Protocol::Rest => Response::new(
            status,
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{xml_code}</Code><Message>{message}</Message></Error>"
            ),
        ),
        Protocol::Registry => Response::new(
            status,
            "application/json",
            json!({"errors": [{"code": "DENIED", "message": message}]}).to_string(),
        ),
        Protocol::Cbor => {
            let mut body = vec![0xa2];
            for text in ["__type", xml_code, "message", message] {
                cbor_text(&mut body, text);
            }
            cbor(status, body)
        }
    }
}

/// An answer in CBOR.
pub(super) fn cbor(status: u16, body: Vec<u8>) -> Response {
    Response::new(status, "application/cbor", body).header("smithy-protocol", "rpc-v2-cbor")
}

fn cbor_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ 0..=23 => out.push(0x60 + u8::try_from(short).unwrap_or_default()),
        long => {
            out.push(0x79);
            out.extend(u16::try_from(long).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_names_the_action() {
        let need = Need::new("s3:PutObject", "arn:aws:s3:::b/k");
        for protocol in [
            Protocol::Json,
            Protocol::Cbor,
            Protocol::Query,
            Protocol::Rest,
            Protocol::Registry,
        ] {
            let answer = denied(protocol, "sdt-dev-deployer", &need);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                text.contains(
                    "not authorized to perform: s3:PutObject on resource: arn:aws:s3:::b/k"
                ),
                "{text}"
            );
            assert!(answer.status >= 400);
        }
    }
}
