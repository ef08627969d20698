//! Serves a registry with the quirks that the flags name, prints its address, and on Ctrl-C what it was asked, as JSON.
//!
//! ```console
//! $ cargo run -p image-tagger --features server --example registry_server -- --ecr --repository app --cut-upload 65536,2
//! 127.0.0.1:38133
//! ```

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{Auth, Quirks, RegistryServer, Throttle, When};
use image_tagger::{Credential, OciLayout, Registry};

const USAGE: &str = "registry_server [FLAGS]
  --layout DIR              keep images in OCI layouts below DIR, not in memory
  --port PORT               answer at this port, not at any that is free
  --repository PATH         create a repository; may be repeated
  --ecr                     as Amazon ECR: needs --repository
  --refuse-mounts           answer each mount with an upload session
  --immutable               let no tag move but `latest`
  --basic USER:PASSWORD     want these credentials
  --bearer USER:PASSWORD    want a token, issued for these credentials
  --expire-after N          let each token be used N times
  --throttle-every K        answer each K-th request with 503
  --retry-after SECONDS     say in the 503 when to come back
  --cut-upload BYTES,TIMES  cut the connection in the middle of a blob
  --delay MILLISECONDS      answer slowly";

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Default)]
struct Flags {
    layout: Option<String>,
    port: u16,
    repositories: Vec<String>,
    ecr: bool,
    refuse_mounts: bool,
    immutable: bool,
    auth: Option<Auth>,
    expire_after: Option<u64>,
    throttle_every: Option<u64>,
    retry_after: Option<u64>,
    cut_upload: Option<(u64, u64)>,
    delay: Option<u64>,
}

impl Flags {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut flags = Self::default();
        while let Some(flag) = arguments.next() {
            match &*flag {
                "--ecr" => flags.ecr = true,
                "--refuse-mounts" => flags.refuse_mounts = true,
                "--immutable" => flags.immutable = true,
                _ => {
                    let value = arguments.next().unwrap_or_default();
                    flags
                        .set(&flag, &value)
                        .map_err(|error| format!("`{flag} {value}`: {error}\n{USAGE}"))?;
                }
            }
        }
        Ok(flags)
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), Failure> {
        match flag {
            "--layout" => self.layout = Some(value.to_owned()),
            "--port" => self.port = value.parse()?,
            "--repository" => self.repositories.push(value.to_owned()),
            "--basic" => self.auth = Some(Auth::basic(credential(value)?)),
            "--bearer" => self.auth = Some(Auth::bearer(credential(value)?)),
            "--expire-after" => self.expire_after = Some(value.parse()?),
            "--throttle-every" => self.throttle_every = Some(value.parse()?),
            "--retry-after" => self.retry_after = Some(value.parse()?),
            "--cut-upload" => {
                let (bytes, times) = value.split_once(',').ok_or("it takes BYTES,TIMES")?;
                self.cut_upload = Some((bytes.parse()?, times.parse()?));
            }
            "--delay" => self.delay = Some(value.parse()?),
            _ => return Err("there is no such flag".into()),
        }
        Ok(())
    }

    fn quirks(&self) -> Result<Quirks, Failure> {
        let mut quirks = if self.ecr {
            Quirks::ecr()
        } else {
            Quirks::new().refuse_mounts(self.refuse_mounts)
        };
        if self.immutable {
            quirks = quirks.immutable_except(["latest".parse()?]);
        }
        if let Some(auth) = &self.auth {
            let auth = auth.clone();
            quirks = quirks.auth(match self.expire_after {
                Some(requests) => auth.expires_after_requests(requests),
                None => auth,
            });
        }
        if let Some(every) = self.throttle_every {
            let throttle = Throttle::unavailable();
            let throttle = match self.retry_after {
                Some(seconds) => throttle.retry_after(Duration::from_secs(seconds)),
                None => throttle,
            };
            quirks = quirks.throttle(throttle, When::every(every));
        }
        if let Some((bytes, times)) = self.cut_upload {
            quirks = quirks.cut_upload(bytes, times);
        }
        if let Some(delay) = self.delay {
            quirks = quirks.delay(Duration::from_millis(delay), When::always());
        }
        Ok(quirks)
    }
}

fn credential(pair: &str) -> Result<Credential, Failure> {
    let (username, secret) = pair.split_once(':').ok_or("it takes USER:PASSWORD")?;
    Ok(Credential::new(username, secret))
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program's output is what it is for")]
async fn main() -> Result<(), Failure> {
    let flags = Flags::parse(std::env::args().skip(1))?;
    let registry: Arc<dyn Registry> = match &flags.layout {
        Some(folder) => Arc::new(OciLayout::new(folder)),
        None => Arc::new(SimRegistry::new()),
    };
    let mut builder = RegistryServer::builder(registry).port(flags.port);
    if flags.layout.is_some() {
        // The folder's name stays the same whatever the port.
        builder = builder.host("localhost");
    }
    let server = builder.quirks(flags.quirks()?).start().await?;
    for path in &flags.repositories {
        server.create_repository(path)?;
    }
    println!("{}", server.address());
    tokio::signal::ctrl_c().await?;
    println!("{}", serde_json::to_string_pretty(&server.summary())?);
    server.shutdown().await;
    Ok(())
}
