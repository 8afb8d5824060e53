"""Looking up by address, and how many events each quarter of an hour has."""

from django.db import migrations, models
from django.db.models import Q

COUNT = """
INSERT INTO audit_quarter (at, events, readings)
SELECT date_bin('15 minutes', e.occurred_at, '2000-01-01Z'), count(*),
    count(*) FILTER (WHERE e.name = 'record.read')
FROM audit_event e JOIN audit_leaf l ON l.event_id = e.id GROUP BY 1
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0008_forward")]
    operations = [
        migrations.AddIndex(
            "event",
            models.Index(
                fields=["address", "occurred_at", "id"],
                condition=~Q(address=""),
                name="event_address",
            ),
        ),
        migrations.CreateModel(
            name="Quarter",
            fields=[
                ("at", models.DateTimeField(primary_key=True, serialize=False)),
                ("events", models.IntegerField()),
                ("readings", models.IntegerField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(COUNT, migrations.RunSQL.noop),
    ]
