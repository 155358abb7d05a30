"""Text from files of strangers, read in sandboxed child processes."""
