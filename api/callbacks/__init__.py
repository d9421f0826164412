"""What outside services call: notifications of sign-in providers and of stores. Each verifies the sender's signature."""
