//! How budgets stand.

use super::Work;
use crate::meter::in_time;
use crate::statement::Statement;
use crate::{Basis, Budget, BudgetState, CellKey, Error, Event, LedgerCell, Projection};

impl Work<'_> {
    pub(super) async fn budgets(
        self,
        statement: &Statement<'_>,
        projected: Option<&Projection>,
    ) -> Result<Vec<BudgetState>, Error> {
        let mut states = Vec::new();
        for budget in &self.options.budgets {
            states.push(self.budget(budget, statement, projected)?);
        }
        if let Some(source) = self.parts.budgets {
            match in_time(self.patience(), "read budgets", source.budgets()).await {
                Ok(found) => states.extend(found.iter().map(BudgetState::of_aws)),
                Err(error) => self.observer.observe(Event::NoBudgets {
                    reason: error.chain(),
                    hint: error.hint(),
                }),
            }
        }
        Ok(states)
    }

    fn budget(
        self,
        budget: &Budget,
        statement: &Statement<'_>,
        projected: Option<&Projection>,
    ) -> Result<BudgetState, Error> {
        let basis = budget.basis.unwrap_or(self.options.main_basis);
        if let Some(reason) = unknown(budget, basis, statement) {
            self.observer.observe(Event::BudgetUnknown {
                budget: budget.name.clone(),
                reason: reason.clone(),
            });
            return Ok(budget.state(basis, Err(reason), None));
        }
        let actual = statement.month_sum(basis, |_| true, |key| watches(budget, key))?;
        let end = projected
            .filter(|end| {
                budget.covers_everything() && end.basis == basis && end.currency == budget.currency
            })
            .map(|end| end.mean);
        Ok(budget.state(basis, Ok(actual), end))
    }
}

fn watches(budget: &Budget, key: &CellKey) -> bool {
    let environment = budget.environment.as_ref();
    let service = budget.service.as_ref();
    key.currency == budget.currency
        && environment.is_none_or(|wanted| *wanted == key.environment)
        && service.is_none_or(|wanted| *wanted == key.service)
}

/// Why nothing can be said of a budget: there are costs, and none of them are those it watches. Nothing spent would be the
/// wrong word for a name that is misspelt.
fn unknown(budget: &Budget, basis: Basis, statement: &Statement<'_>) -> Option<String> {
    let watched =
        |cell: &LedgerCell| cell.amounts.contains_key(&basis) && watches(budget, &cell.key);
    if statement.cells().next().is_none() || statement.cells().any(watched) {
        return None;
    }
    let mut of = vec![format!("in {} by the basis {basis}", budget.currency)];
    of.extend(
        budget
            .environment
            .as_ref()
            .map(|name| format!("in the environment `{}`", name.as_str())),
    );
    of.extend(
        budget
            .service
            .as_ref()
            .map(|name| format!("for the service `{name}`")),
    );
    Some(format!("there are no costs {}", of.join(", ")))
}
