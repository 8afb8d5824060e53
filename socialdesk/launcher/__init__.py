"""Starts all of Socialdesk on one machine: embedded PostgreSQL and Valkey, and the processes.

For a first try, for development and for the tests. A real installation runs its own PostgreSQL,
Redis and process manager and needs nothing of this package.
"""
