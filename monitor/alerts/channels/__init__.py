"""Ways out for alerts: one file each."""

from __future__ import annotations

import sys
from typing import Final

from monitor.alerts.channels._base import Channel, ChannelUnit, Refused
from monitor.discovery import discover

CHANNELS: Final[dict[str, ChannelUnit]] = discover(sys.modules[__name__], "CHANNEL", ChannelUnit)

__all__ = ["CHANNELS", "Channel", "ChannelUnit", "Refused"]
