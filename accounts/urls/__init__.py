"""Addresses of people, social accounts, settings and sign-in."""
