"""Exact search of 256-bit hashes: all that are near, none left out."""
