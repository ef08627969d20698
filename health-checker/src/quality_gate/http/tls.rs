//! https: certificates are verified, before any token is sent.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::{Sonar, SonarError, SonarHttp};

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_refused_and_gets_no_request() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        match TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            // A client may tell of its refusal only after the handshake; what matters is that it sends nothing.
            Ok(mut stream) => stream.read(&mut [0; 16]).await.unwrap_or(0),
            Err(_) => 0,
        }
    });
    let server = format!("https://localhost:{port}").parse().unwrap();
    let version = Some("10.4".parse().unwrap());
    let token = Some("squ_hunter2".parse().unwrap());
    let sonar = SonarHttp::new(server, token).unwrap().version(version);
    let error = sonar.task(&"T1".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, SonarError::Untrusted { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "cannot ask for task `T1`: the certificate of https://localhost:{port} is not trusted"
        )
    );
    assert_eq!(received.await.unwrap(), 0);
}
