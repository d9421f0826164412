"""What MediaMTX calls, and the script that it runs to do so."""

from pathlib import Path

SEND_EVENT = Path(__file__).with_name("send_event.py")
