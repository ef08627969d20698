//! The contract of [`ControlPlane`](crate::ControlPlane), as checks that every implementation passes.
