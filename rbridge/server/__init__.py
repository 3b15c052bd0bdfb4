"""The daemon on the laptop."""
