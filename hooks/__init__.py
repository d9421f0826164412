"""Hooks of MediaMTX: the HTTP listener that it calls, and the script that it runs to post events."""

from pathlib import Path

SEND_EVENT = Path(__file__).with_name("send_event.py")
