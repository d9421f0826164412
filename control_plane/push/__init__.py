"""Push messages to phones and browsers: `enqueue` writes them to an outbox, a background job sends them."""
