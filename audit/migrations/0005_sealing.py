"""The tree over the events, its checkpoints, and the queue of events that wait for their place."""

from django.db import migrations, models

KEPT = ("audit_leaf", "audit_node", "audit_checkpoint")

REFUSE = "".join(
    f"""
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate;
"""
    for table in KEPT
)
UNDO_REFUSE = "".join(
    f"DROP TRIGGER {table}_no_truncate ON {table}; DROP TRIGGER {table}_append_only ON {table};"
    for table in KEPT
)

QUEUE = """
CREATE FUNCTION audit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (event_id) SELECT id FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_event_queue AFTER INSERT ON audit_event
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit_queue();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_queue;
INSERT INTO audit_unsealed (event_id) SELECT id FROM audit_event;
"""
UNDO_QUEUE = """
DROP TRIGGER audit_event_queue ON audit_event;
DROP FUNCTION audit_queue();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_refuse_replicas_too")]

    operations = [
        migrations.CreateModel(
            name="Unsealed",
            fields=[("event_id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("index", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField(unique=True)),
                ("hash", models.BinaryField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Salt",
            fields=[
                ("event_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("who", models.BinaryField(null=True)),
                ("what", models.BinaryField(null=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level",
                        "index",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={"default_permissions": (), "ordering": ["-size"]},
        ),
        migrations.RunSQL(REFUSE, UNDO_REFUSE),
        migrations.RunSQL(QUEUE, UNDO_QUEUE),
    ]
