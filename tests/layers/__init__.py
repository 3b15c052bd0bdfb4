"""Checks of the architecture: what may import what, where I/O may be, what the tree and the docs hold."""
