//! Is the new build serving? Health probes on fresh connections with consecutive-success polling and build identity
