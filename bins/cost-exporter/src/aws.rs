//! AWS, with the configuration of its own tools.

#[cfg(feature = "aws")]
pub(crate) use with::Aws;
#[cfg(not(feature = "aws"))]
pub(crate) use without::Aws;

#[cfg(feature = "aws")]
mod with {
    use std::time::Duration;

    use cost_exporter::aws::{
        AccountId, AwsBudgets, CloudWatchSink, CostExplorer, InvalidAccountId, InvalidCloudWatch,
        S3Ledger,
    };
    use cost_exporter::{BudgetSource, Config, CostSource, Ledger, MetricSink};
    use windlass_cli::{Failure, Printer};

    use crate::args::FromArgs;
    use crate::failures;
    use crate::place::Place;

    /// Where Cost Explorer and Budgets are.
    const HOME: &str = "us-east-1";
    const REGION: &str =
        "name one with --region, AWS_REGION, or `region` in [cloudwatch] of the configuration";

    #[derive(Debug)]
    pub(crate) struct Aws {
        home: windlass_cli::aws::SdkConfig,
        regional: windlass_cli::aws::SdkConfig,
        account: Option<AccountId>,
    }

    impl Aws {
        /// Loads the configuration. Whose credentials they are is asked if the configuration does not say it.
        pub(crate) async fn load(
            args: &FromArgs,
            config: &Config,
            ask: bool,
            printer: &Printer,
        ) -> Result<Self, Failure> {
            let region = args
                .region
                .as_deref()
                .or(config.cloudwatch.region.as_deref());
            let regional = windlass_cli::aws::load(region).await?;
            let home = regional
                .clone()
                .into_builder()
                .region(aws_sdk_costexplorer::config::Region::new(HOME))
                .build();
            let account = match &config.aws.account {
                Some(account) => Some(parsed(account, "aws.account")?),
                None if ask => {
                    let client = aws_sdk_sts::Client::new(&home);
                    let asked = AccountId::of_caller(&client).await;
                    asked
                        .map_err(|error| {
                            let reason = failures::cost(&error);
                            printer.note(&format!(
                                "whose account this is could not be asked, so the ledger is not held against it (`account` in [aws] says it): {}",
                                reason.message()
                            ));
                        })
                        .ok()
                }
                None => None,
            };
            Ok(Self {
                home,
                regional,
                account,
            })
        }

        pub(crate) fn source(&self, patience: Duration) -> Box<dyn CostSource> {
            let source = CostExplorer::new(aws_sdk_costexplorer::Client::new(&self.home));
            Box::new(source.account(self.account.clone()).patience(patience))
        }

        pub(crate) fn budgets(
            &self,
            config: &Config,
        ) -> Result<Option<Box<dyn BudgetSource>>, Failure> {
            let Some(account) = &config.aws.budgets_account else {
                return Ok(None);
            };
            Ok(Some(Box::new(AwsBudgets::new(
                aws_sdk_budgets::Client::new(&self.home),
                parsed(account, "aws.budgets-account")?,
            ))))
        }

        pub(crate) fn ledger(&self, place: &Place) -> Result<Box<dyn Ledger>, Failure> {
            let Place::S3 { bucket, key } = place else {
                unreachable!("the others are on this machine");
            };
            if self.regional.region().is_none() {
                return Err(Failure::usage("there is no region for the ledger in S3").hint(REGION));
            }
            Ok(Box::new(S3Ledger::new(
                aws_sdk_s3::Client::new(&self.regional),
                bucket,
                key,
            )))
        }

        pub(crate) fn cloudwatch(
            &self,
            namespace: Option<&str>,
            config: &Config,
            patience: Duration,
        ) -> Result<Box<dyn MetricSink>, Failure> {
            let client = aws_sdk_cloudwatch::Client::new(&self.regional);
            let sink = CloudWatchSink::of_config(client, namespace, config);
            let sink = sink.map_err(|error| {
                let failure = Failure::usage("CloudWatch cannot be used").caused_by(&error);
                match error {
                    InvalidCloudWatch::Region(_) => failure.hint(REGION),
                    _ => failure,
                }
            })?;
            Ok(Box::new(sink.patience(patience)))
        }
    }

    fn parsed(account: &str, key: &str) -> Result<AccountId, Failure> {
        account.parse().map_err(|error: InvalidAccountId| {
            Failure::usage(format!("`{key}` cannot be used")).caused_by(&error)
        })
    }
}

#[cfg(not(feature = "aws"))]
mod without {
    //! A build that knows nothing of AWS.

    use std::time::Duration;

    use cost_exporter::{BudgetSource, Config, CostSource, Ledger, MetricSink};
    use windlass_cli::{Failure, Printer};

    use crate::args::FromArgs;
    use crate::place::Place;

    #[derive(Debug)]
    pub(crate) enum Aws {}

    impl Aws {
        pub(crate) async fn load(
            _args: &FromArgs,
            _config: &Config,
            _ask: bool,
            _printer: &Printer,
        ) -> Result<Self, Failure> {
            Err(
                Failure::usage("this build was made without AWS (feature `aws`)")
                    .hint("use --source file:PATH and a ledger on this machine"),
            )
        }

        pub(crate) fn source(&self, _patience: Duration) -> Box<dyn CostSource> {
            match *self {}
        }

        pub(crate) fn budgets(
            &self,
            _config: &Config,
        ) -> Result<Option<Box<dyn BudgetSource>>, Failure> {
            match *self {}
        }

        pub(crate) fn ledger(&self, _place: &Place) -> Result<Box<dyn Ledger>, Failure> {
            match *self {}
        }

        pub(crate) fn cloudwatch(
            &self,
            _namespace: Option<&str>,
            _config: &Config,
            _patience: Duration,
        ) -> Result<Box<dyn MetricSink>, Failure> {
            match *self {}
        }
    }
}
