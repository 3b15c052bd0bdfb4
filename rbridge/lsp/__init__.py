"""Language servers of the host in the laptop's editor."""
