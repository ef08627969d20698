//! https, with certificates verified as the platform does.

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
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// Shakes hands for the host that the URL names.
    pub(super) async fn wrap(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        // A URL writes an IPv6 address in brackets, a certificate does not.
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let config = self.config.get_or_init(|| {
            configure()
                .map(Arc::new)
                .map_err(|error| crate::text::chain(&error))
        });
        let config = config.clone().map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, stream).await
    }
}

fn configure() -> Result<ClientConfig, rustls::Error> {
    // The provider is named, because the process-wide one belongs to the program.
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
