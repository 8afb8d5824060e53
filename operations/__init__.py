"""Watching over Socialdesk: alerts, the operators' page, metrics, signs of life."""
