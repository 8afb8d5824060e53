#!/bin/bash
# Runs once, when the database volume is new. The application's role owns its database and is no
# superuser.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/database_password)" --username postgres <<'SQL'
CREATE ROLE socialdesk LOGIN PASSWORD :'password';
CREATE DATABASE socialdesk OWNER socialdesk;
SQL
