"""ssh as rbridge uses it: always the user's own OpenSSH programs, never an implementation of the protocol."""
