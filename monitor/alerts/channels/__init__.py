"""Ways out for alerts: one file each."""
