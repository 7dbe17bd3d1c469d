"""The service's own tests. `conftest` has the application without a server; `test_process` starts the service."""
