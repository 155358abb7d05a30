"""Collection runs: leases, cursors, the scope gate, gaps and receipts."""
