"""Telling people of findings: what a message says, the ways out, and the outbox."""
