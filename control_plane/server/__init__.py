"""The server as a whole: the only place that knows the control plane, the API, the hooks and MediaMTX at once."""

from control_plane.server.serving import Started, serve

__all__ = ["Started", "serve"]
