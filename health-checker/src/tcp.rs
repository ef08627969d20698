//! Probing a bare TCP port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::net::{Clock, Dialer, Endpoint, Trouble, read_more};
use crate::probe::Observation;
use crate::target::Target;

/// How long a connection must last. Proxies accept for a server that is not there and close a moment later.
const MUST_LAST: Duration = Duration::from_millis(50);

/// Asks one address of a target.
pub(crate) async fn ask(
    dialer: &Dialer,
    target: &Target,
    address: SocketAddr,
    clock: &Clock,
) -> Result<Observation, Trouble> {
    let endpoint = Endpoint::of(&target.url)?;
    let mut stream = dialer.connect(&endpoint, address, clock).await?;
    let up = Observation::up().latency(clock.elapsed());
    let left = clock.deadline.saturating_duration_since(Instant::now());
    let mut banner = Vec::new();
    let more = read_more(&mut *stream, &mut banner, 1, clock);
    match timeout(MUST_LAST.min(left), more).await {
        // It waits to be spoken to, or speaks first: both are a server.
        Err(_) | Ok(Ok(()) | Err(Trouble::Silent { .. })) => Ok(up),
        Ok(Err(Trouble::Closed { error, .. })) => Err(Trouble::broken(
            "accepts the connection and closes it at once, as a proxy does that has no server",
            error,
        )),
        Ok(Err(trouble)) => Err(trouble),
    }
}
