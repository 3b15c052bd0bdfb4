"""rbridge beside the rmate programs that people already have."""
