"""The `haechi` command: wires everything together, and nobody imports it."""
