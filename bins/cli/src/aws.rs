//! Loading the AWS configuration, which only binaries do.

pub use aws_config::SdkConfig;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use url::Url;

use crate::Failure;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one try may go without an answer. By itself the SDK waits for ever.
const READ: Duration = Duration::from_secs(120);

/// Loads region and credentials the way the AWS CLI does: environment, profile, container or instance role. A region
/// from the project's configuration wins over the surroundings.
///
/// A try that is not answered within two minutes is given up, and may be made again.
///
/// Endpoints may be set with `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, as in every AWS tool. An empty one is as
/// good as none.
///
/// # Errors
/// A usage failure that names the variable of an endpoint that is no URL, before anybody is asked at it. Its value is not
/// told: it may hold a password.
pub async fn load(region: Option<&str>) -> Result<SdkConfig, Failure> {
    check_endpoints(std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    }))?;
    let patience = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .build();
    let mut loader =
        aws_config::defaults(aws_config::BehaviorVersion::latest()).timeout_config(patience);
    if let Some(region) = region {
        loader = loader.region(aws_config::Region::new(region.to_owned()));
    }
    Ok(without_empty(&loader.load().await))
}

fn check_endpoints(variables: impl IntoIterator<Item = (String, String)>) -> Result<(), Failure> {
    for (name, value) in variables {
        let is_endpoint = name == "AWS_ENDPOINT_URL" || name.starts_with("AWS_ENDPOINT_URL_");
        if is_endpoint && !is_blank(&value) && !is_endpoint_url(&value) {
            return Err(
                Failure::usage(format!("{name} is not the URL of an endpoint")).hint(format!(
                    "write it as http://HOST:PORT or https://HOST, or unset {name}"
                )),
            );
        }
    }
    Ok(())
}

fn is_endpoint_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The same without endpoints that are empty, which the SDK takes for a mistake of the program.
fn without_empty(config: &SdkConfig) -> SdkConfig {
    let mut builder = config.to_builder();
    if config.endpoint_url().is_some_and(is_blank) {
        builder.set_endpoint_url(None);
    }
    if config.service_config().is_some() {
        builder.set_service_config(Some(NotEmpty(config.clone())));
    }
    builder.build()
}

/// The settings of single services but for those that are empty.
#[derive(Debug)]
struct NotEmpty(SdkConfig);

impl LoadServiceConfig for NotEmpty {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let settings = self.0.service_config()?;
        settings.load_config(key).filter(|value| !is_blank(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, value: &str) -> Result<(), Failure> {
        check_endpoints([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn an_endpoint_that_is_no_url_is_named_and_its_value_is_not() {
        for wrong in [
            "localhost:1",
            "not a url",
            "ftp://geheim@x",
            "http://",
            "https:///",
        ] {
            let failure = checked("AWS_ENDPOINT_URL_ECS", wrong).unwrap_err();
            assert_eq!(failure.exit(), crate::Exit::Usage);
            let text = failure.to_string();
            assert!(text.contains("AWS_ENDPOINT_URL_ECS"), "{text}");
            assert!(!text.contains("geheim"), "{text}");
        }
    }

    #[test]
    fn urls_and_nothing_are_endpoints() {
        for right in [
            "",
            " ",
            "http://127.0.0.1:4566",
            "https://ecs.example.com/x",
        ] {
            checked("AWS_ENDPOINT_URL", right).unwrap();
        }
        checked("AWS_ENDPOINT", "no url").unwrap();
    }

    #[test]
    fn an_empty_endpoint_is_none() {
        let config = SdkConfig::builder().endpoint_url("").build();
        assert_eq!(without_empty(&config).endpoint_url(), None);
    }
}
