"""What runs on the host: it finds the daemon, hands over the files and writes what comes back."""
