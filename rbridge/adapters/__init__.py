"""The daemon's side of the editors, behind the contract in :mod:`rbridge.adapters.base`."""
