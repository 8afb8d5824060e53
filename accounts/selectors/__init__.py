"""What pages read of people, teams, accounts and grants."""
