//! Loading the AWS configuration, which only binaries do.

pub use aws_config::SdkConfig;

/// Loads region and credentials the way the AWS CLI does: environment, profile, container or instance role. A region
/// from the project's configuration wins over the surroundings.
///
/// Endpoints may be set with `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`, as in every AWS tool.
pub async fn load(region: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
    if let Some(region) = region {
        loader = loader.region(aws_config::Region::new(region.to_owned()));
    }
    loader.load().await
}
