//! How many requests are under way at once: fewer when the registry says that there are too many.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// The most requests at once.
const MOST: usize = 16;

/// How many there may be to begin with.
const FIRST: usize = 8;

/// A number of places that halves when the registry throttles, and grows by one when as many requests as there are places
/// went well: additive increase, multiplicative decrease.
#[derive(Debug)]
pub(super) struct Limit {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    places: usize,
    taken: usize,
    /// Requests that went well since the number last changed.
    streak: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                places: FIRST,
                taken: 0,
                streak: 0,
            }),
            freed: Notify::new(),
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Limit);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.taken -= 1);
        self.0.freed.notify_one();
    }
}

impl Limit {
    /// Waits for a place.
    pub(super) async fn place(&self) -> Place<'_> {
        loop {
            let is_free = self.change(|state| {
                let is_free = state.taken < state.places;
                state.taken += usize::from(is_free);
                is_free
            });
            if is_free {
                return Place(self);
            }
            self.freed.notified().await;
        }
    }

    /// Takes note that the registry throttled.
    pub(super) fn throttled(&self) {
        self.change(|state| {
            state.places = (state.places / 2).max(1);
            state.streak = 0;
        });
    }

    /// Takes note that a request went well.
    pub(super) fn went_well(&self) {
        let grew = self.change(|state| {
            state.streak += 1;
            let grows = state.streak >= state.places && state.places < MOST;
            if grows {
                state.places += 1;
                state.streak = 0;
            }
            grows
        });
        if grew {
            self.freed.notify_one();
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn places(limit: &Limit) -> usize {
        limit.change(|state| state.places)
    }

    #[test]
    fn throttling_halves_and_success_adds_one() {
        let limit = Limit::default();
        limit.throttled();
        assert_eq!(places(&limit), FIRST / 2);
        for _ in 0..10 {
            limit.throttled();
        }
        assert_eq!(places(&limit), 1, "never none");
        limit.went_well();
        assert_eq!(places(&limit), 2);
        limit.went_well();
        assert_eq!(places(&limit), 2);
        limit.went_well();
        assert_eq!(places(&limit), 3);
        for _ in 0..1000 {
            limit.went_well();
        }
        assert_eq!(places(&limit), MOST);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_there_are_places_and_all_get_one() {
        let limit = Arc::new(Limit::default());
        for _ in 0..2 {
            limit.throttled();
        }
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (limit, now, most) = (limit.clone(), now.clone(), most.clone());
                tokio::spawn(async move {
                    let _place = limit.place().await;
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
