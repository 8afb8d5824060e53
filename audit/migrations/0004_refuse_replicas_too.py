"""Triggers that refuse even where `session_replication_role` switches ordinary triggers off."""

from django.db import migrations

ALWAYS = """
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only;
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_no_truncate;
"""
UNDO = """
ALTER TABLE audit_event ENABLE TRIGGER audit_event_append_only;
ALTER TABLE audit_event ENABLE TRIGGER audit_event_no_truncate;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_order_by_time")]
    operations = [migrations.RunSQL(ALWAYS, UNDO)]
