"""The personal socket: tells a signed-in user at once what is new."""
