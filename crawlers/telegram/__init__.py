"""Telegram: pages of the public web preview in, posts out."""
