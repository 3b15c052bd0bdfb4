"""rbridge: edit files on a remote host in the editor on your laptop."""

__version__ = "0.1.0"
