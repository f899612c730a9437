"""The things Haechi speaks of: frozen, without I/O."""
