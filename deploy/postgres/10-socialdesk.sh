#!/bin/bash
# Runs once, when the database volume is new. The application's role owns its database and nothing
# else: it cannot switch off the triggers that keep the audit record as it is.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/database_password)" --username postgres <<'SQL'
CREATE ROLE socialdesk LOGIN PASSWORD :'password';
CREATE DATABASE socialdesk OWNER socialdesk;
SQL
