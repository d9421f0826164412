"""Purchases from Google Play."""
