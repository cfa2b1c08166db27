"""The version, where everything below the package's own front can import it."""

VERSION = "0.1.0"
