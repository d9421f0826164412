"""What all WebSockets of this server share: frames, limits, pings, closing, and the identity of the user."""
