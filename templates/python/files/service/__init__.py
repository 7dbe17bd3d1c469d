"""The service. `routes` is the place to start."""
