"""Composition only: settings, addresses, the Celery app and the launcher."""
