"""Bytes to records and back, without I/O, clock or operating system: the protocol that both ends share."""
