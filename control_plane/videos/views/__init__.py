"""Views of videos: who watched what for how long."""
