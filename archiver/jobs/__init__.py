"""Jobs: long work in steps, the ledger of firings, the scheduler and the nightly run."""
