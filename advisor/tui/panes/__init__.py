"""The six screens, one a file."""
