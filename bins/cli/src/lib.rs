//! What every windlass binary shares: printer, progress, exit codes, GitHub outputs, errors with hints
