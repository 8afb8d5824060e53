"""Commitments beside each leaf, erasures, witnesses and the record's check of itself."""

import django.db.models.deletion
from django.db import migrations, models

ERASING = """
CREATE TRIGGER audit_erasure_append_only BEFORE UPDATE OR DELETE ON audit_erasure
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_erasure_no_truncate BEFORE TRUNCATE ON audit_erasure
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_erasure ENABLE ALWAYS TRIGGER audit_erasure_append_only;
ALTER TABLE audit_erasure ENABLE ALWAYS TRIGGER audit_erasure_no_truncate;

-- The one change that an event may see: content goes for which an erasure is on record.
CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    erased audit_event := OLD;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF EXISTS (SELECT FROM audit_erasure WHERE event_id = OLD.id AND part = 'who') THEN
            erased.actor_label := ''; erased.address := ''; erased.words := '';
        END IF;
        IF EXISTS (SELECT FROM audit_erasure WHERE event_id = OLD.id AND part = 'what') THEN
            erased.subject_label := ''; erased.account_label := ''; erased.words := '';
            erased.data := '{}';
        END IF;
        erased.search := NEW.search;
        IF NEW IS NOT DISTINCT FROM erased AND erased.words = '' AND OLD IS DISTINCT FROM NEW
            AND EXISTS (SELECT FROM audit_erasure WHERE event_id = OLD.id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit record is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER audit_event_append_only ON audit_event;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only;
"""
UNDO = """
DROP TRIGGER audit_event_append_only ON audit_event;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_append_only;
DROP FUNCTION audit_event_refuse();
DROP TRIGGER audit_erasure_no_truncate ON audit_erasure;
DROP TRIGGER audit_erasure_append_only ON audit_erasure;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_sealing")]

    operations = [
        migrations.AddField(
            "leaf", "who", models.BinaryField(default=b""), preserve_default=False
        ),
        migrations.AddField(
            "leaf", "what", models.BinaryField(default=b""), preserve_default=False
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "event_id",
                        "part",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                (
                    "part",
                    models.CharField(choices=[("who", "who"), ("what", "what")], max_length=4),
                ),
                (
                    "by",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="audit.event",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            name="Witness",
            fields=[
                (
                    "name",
                    models.CharField(max_length=200, primary_key=True, serialize=False),
                ),
                ("size", models.BigIntegerField(default=0)),
                ("accepted_at", models.DateTimeField(null=True)),
                ("covers_until", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=200)),
            ],
            options={"default_permissions": (), "ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="SelfCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("next_index", models.BigIntegerField(default=0)),
                ("ran_at", models.DateTimeField(null=True)),
                ("whole_at", models.DateTimeField(null=True)),
                ("fault", models.CharField(blank=True, max_length=500)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL(ERASING, UNDO),
    ]
