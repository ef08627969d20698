//! TLS, with certificates verified as the platform does.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, crypto};

/// Wraps connections; the root certificates are loaded once, at the first one.
#[derive(Debug, Default)]
pub(super) struct Tls {
    config: OnceLock<Result<Config, String>>,
}

/// What is offered to HTTP servers, and to all others.
#[derive(Debug, Clone)]
struct Config {
    http: Arc<ClientConfig>,
    other: Arc<ClientConfig>,
}

impl Config {
    fn new(mut config: ClientConfig) -> Self {
        let other = Arc::new(config.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            http: Arc::new(config),
            other,
        }
    }
}

impl Tls {
    /// Shakes hands for the host that the URL names.
    pub(super) async fn wrap(
        &self,
        stream: TcpStream,
        host: &str,
        is_http: bool,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let config = self.config.get_or_init(|| {
            configure()
                .map(Config::new)
                .map_err(|error| crate::text::chain(&error))
        });
        let config = config
            .as_ref()
            .map_err(|error| io::Error::other(error.clone()))?;
        let config = if is_http { &config.http } else { &config.other };
        TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
    }
}

fn configure() -> Result<ClientConfig, rustls::Error> {
    // The provider is named, because the process-wide one belongs to the program.
    Ok(
        ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth(),
    )
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;
    use crate::net::Dialer;
    use crate::network::NetworkProbe;
    use crate::probe::{Observation, Probe, State};
    use crate::target::Target;

    fn provider() -> Arc<crypto::CryptoProvider> {
        Arc::new(crypto::aws_lc_rs::default_provider())
    }

    /// A server with a certificate of its own for `localhost`, and a configuration that trusts it.
    async fn server() -> (Target, ClientConfig) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 1024]).await;
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"UP\"}";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let trusting = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (
            format!("https://localhost:{port}/actuator/health")
                .parse()
                .unwrap(),
            trusting,
        )
    }

    async fn probe(tls: Tls, target: &Target) -> Observation {
        NetworkProbe::with_dialer(Dialer::with_tls(tls))
            .probe(target)
            .await
    }

    #[tokio::test]
    async fn a_trusted_certificate_of_the_right_name_is_needed() {
        let (target, trusting) = server().await;
        let trusting = || Tls {
            config: Ok(Config::new(trusting.clone())).into(),
        };
        assert_eq!(probe(trusting(), &target).await.state, State::Up);

        let stranger = probe(Tls::default(), &target).await;
        let State::Unknown { reason } = stranger.state else {
            panic!("{stranger:?}")
        };
        assert_eq!(
            reason,
            "cannot be asked over https: no trusted connection to `localhost`"
        );
        assert!(stranger.error.unwrap().contains("certificate"));

        let other_name: Target = target
            .url
            .as_str()
            .replace("localhost", "127.0.0.1")
            .parse()
            .unwrap();
        let misnamed = probe(trusting(), &other_name).await;
        assert!(
            matches!(misnamed.state, State::Unknown { .. }),
            "{misnamed:?}"
        );
    }
}
