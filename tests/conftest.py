"""Fixtures for every test. PostgreSQL and Valkey come from the plugin tests/services.py."""
