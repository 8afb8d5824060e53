"""How far the record has been forwarded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_vacuum_queue")]
    operations = [
        migrations.CreateModel(
            name="Forward",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("next_index", models.BigIntegerField(default=0)),
                ("taken_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
            ],
            options={"ordering": ["name"], "default_permissions": ()},
        )
    ]
