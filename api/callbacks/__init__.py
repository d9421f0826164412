"""What outside services call: notifications of sign-in providers. Each verifies the sender's signature."""
