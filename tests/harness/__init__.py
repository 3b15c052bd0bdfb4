"""What the tests stand on: set-up, private environments, real sshds, terminals, and the one way to wait.

Modules that ``python3 -m tests`` imports before anything is installed (areas, setup, steps, run) use the
standard library only; the others are for the tests themselves.
"""
