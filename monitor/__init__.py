"""What Haechi knows and tells: models, hashes, registry, store, search, alerts, command line."""

from importlib.metadata import version

__version__ = version("haechi")
