"""Push messages to phones by Firebase Cloud Messaging."""
