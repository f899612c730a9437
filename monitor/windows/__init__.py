"""Hashes of dense windows: finds a photo inside another picture by hashes alone."""
