//! The rules that keep a deployment within its bounds.

use super::model::Task;

/// The rules, which a test may break on purpose.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Rules {
    #[cfg(any(test, feature = "testing"))]
    pub(super) flaw: Option<Flaw>,
}

/// A rule that is broken on purpose, to see that a check of the bounds finds it.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// A healthy task is stopped although only the minimum is there.
    StopsAtTheMinimum,
    /// The minimum is rounded down.
    RoundsTheMinimumDown,
    /// A task that is being stopped holds no place.
    ForgetsStoppingTasks,
}

impl Rules {
    #[cfg(any(test, feature = "testing"))]
    fn has(self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The least number of healthy tasks and the greatest number of tasks.
    pub(super) fn bounds(self, desired: u32, minimum: u32, maximum: u32) -> (u32, u32) {
        let (least, most) = crate::service::bounds(desired, minimum, maximum);
        #[cfg(any(test, feature = "testing"))]
        if self.has(Flaw::RoundsTheMinimumDown) {
            return (desired * minimum / 100, most);
        }
        (least, most)
    }

    /// Whether one healthy task may go.
    pub(super) const fn spares(self, healthy: u32, minimum: u32) -> bool {
        #[cfg(any(test, feature = "testing"))]
        if matches!(self.flaw, Some(Flaw::StopsAtTheMinimum)) {
            return healthy >= minimum;
        }
        healthy > minimum
    }

    /// Whether a task takes one of the places that the maximum allows.
    pub(super) fn holds_place(self, task: &Task) -> bool {
        #[cfg(any(test, feature = "testing"))]
        if self.has(Flaw::ForgetsStoppingTasks) {
            return task.is_wanted();
        }
        task.is_alive()
    }
}
