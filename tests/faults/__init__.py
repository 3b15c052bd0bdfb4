"""Faults on purpose: what fails, and what must hold nevertheless."""
