//! The traits for what costs are read from.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{AwsBudget, BillName, CostPage, CostQuery, Error, Forecast, ForecastQuery, PageToken};

/// Where costs are read: Cost Explorer, or something that answers like it.
///
/// # Contract
///
/// - **Each call is one request**, and each request is billed, but for those that never left ([`Error::NotSent`]). An implementation never asks twice for one call: the engine
///   counts, and retries what may be retried.
/// - **Pages.** A day may begin on one page and go on in the next; a cell stands on one page only. A token belongs to the
///   query it was answered to. [`Error::PagesChanged`] means to begin again.
/// - **Days** that the source knows nothing of may be missing, or be there without cells. Days that were not asked for are
///   never there.
/// - **Amounts** are those of the source to the last digit; one that cannot be kept exactly is an error.
/// - **`estimated`** is false only when the source says that the numbers are final. Even then they may change: a source that
///   is asked again always tells its latest numbers.
/// - **Forecasts** fail where there is no data for one ([`Error::DataUnavailable`], [`Error::Refused`]); costs can be read
///   all the same.
#[async_trait]
pub trait CostSource: Debug + Send + Sync {
    /// A page of costs; the first one without a token.
    ///
    /// # Errors
    /// When the source cannot be asked, refuses, or cannot be understood.
    async fn costs(&self, query: &CostQuery, page: Option<&PageToken>) -> Result<CostPage, Error>;

    /// What some days that begin today will cost.
    ///
    /// # Errors
    /// As for costs, and when there is no data for a forecast.
    async fn forecast(&self, query: &ForecastQuery) -> Result<Forecast, Error>;

    /// Whose bill it tells, where that is known. A ledger of another one is refused.
    fn bill(&self) -> Option<BillName> {
        None
    }

    /// Whether a request costs money. What does not is neither counted nor limited.
    fn is_billed(&self) -> bool {
        true
    }
}

/// Where budgets are read that somebody else keeps: AWS Budgets.
///
/// # Contract
///
/// All budgets of money are told, whatever their number. Reading them is not billed.
#[async_trait]
pub trait BudgetSource: Debug + Send + Sync {
    /// The budgets.
    ///
    /// # Errors
    /// When the source cannot be asked or refuses.
    async fn budgets(&self) -> Result<Vec<AwsBudget>, Error>;
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: CostSource + ?Sized> CostSource for $pointer<T> {
            async fn costs(
                &self,
                query: &CostQuery,
                page: Option<&PageToken>,
            ) -> Result<CostPage, Error> {
                (**self).costs(query, page).await
            }

            async fn forecast(&self, query: &ForecastQuery) -> Result<Forecast, Error> {
                (**self).forecast(query).await
            }

            fn bill(&self) -> Option<BillName> {
                (**self).bill()
            }

            fn is_billed(&self) -> bool {
                (**self).is_billed()
            }
        }

        #[async_trait]
        impl<T: BudgetSource + ?Sized> BudgetSource for $pointer<T> {
            async fn budgets(&self) -> Result<Vec<AwsBudget>, Error> {
                (**self).budgets().await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
