"""The application: window, command line, the walk from file to result, reports, batch and storage."""

__version__ = "0.1.0"
