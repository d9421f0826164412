"""Direct messages: conversations of two, with numbered messages."""
