"""What the platforms let us do: budgets of requests, and breakers for those that are down.

Kept in Redis, for all workers together. Nothing in here is needed to be right: a Redis that has
forgotten everything, or cannot be reached, lets all go, and what it forgot is counted again from
the attempts in the database. See ADR 17.
"""
