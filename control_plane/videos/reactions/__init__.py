"""Likes, favourites, reposts and shares of videos, and videos that a user is not interested in."""
