"""Push messages to browsers (Web Push)."""
