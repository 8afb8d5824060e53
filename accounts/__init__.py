"""People, teams, social accounts, credentials and grants; and who may do what."""
