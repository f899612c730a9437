"""Telegram: read by accounts, or by pages of the public web preview."""

from __future__ import annotations

import logging

# Before it is imported: it tells of each request, of some with their arguments.
logging.getLogger("telethon").setLevel(logging.ERROR)
