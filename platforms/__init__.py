"""The outside networks. Nothing in here knows Django or anything else of Socialdesk."""
