"""The queue of unsealed events is emptied all day: have what is left of it cleared away early."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_evidence")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE audit_unsealed SET (autovacuum_vacuum_scale_factor = 0,"
            " autovacuum_vacuum_threshold = 5000)",
            "ALTER TABLE audit_unsealed RESET (autovacuum_vacuum_scale_factor,"
            " autovacuum_vacuum_threshold)",
        )
    ]
