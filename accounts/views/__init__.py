"""Pages of people, teams, social accounts, levels and settings."""
