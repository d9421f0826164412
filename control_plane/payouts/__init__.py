"""Payouts: the addresses that users are paid out to, requests, and what operators do with them."""
