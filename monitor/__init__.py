"""What Haechi knows and tells: models, hashes, registry, store, search, alerts, command line."""
