"""Events for the open sockets of one user, `/ws/me`."""
