"""The whole way: a real sshd, a real forward, a real daemon, a real client, an editor that saves."""
