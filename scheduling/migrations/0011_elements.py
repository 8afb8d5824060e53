"""Posts get a thread, a poll and what else goes along. What has none of it keeps its hash."""

from django.db import migrations, models


def forget_what_was_not_asked(apps, schema_editor):
    """Limits that were stored while no adapter declared threads or polls: a thread of one post.

    Without them the platform's own are used, until the account is connected anew.
    """
    account_model = apps.get_model("accounts", "SocialAccount")
    for account in account_model.objects.filter(declared_limits__parts_max=1).iterator():
        limits = account.declared_limits
        del limits["parts_max"]
        if limits.get("poll") is None:
            limits.pop("poll", None)
        account.declared_limits = limits
        account.save(update_fields=["declared_limits"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_used_at"),
        ("scheduling", "0010_right_ends"),
    ]

    operations = [
        migrations.AddField("delivery", "own_elements", models.JSONField(blank=True, null=True)),
        migrations.AddField("delivery", "remote_parts", models.JSONField(blank=True, default=list)),
        migrations.AddField(
            "historicaldelivery", "own_elements", models.JSONField(blank=True, null=True)
        ),
        migrations.AddField(
            "historicalpost", "elements", models.JSONField(blank=True, default=dict)
        ),
        migrations.AddField("post", "elements", models.JSONField(blank=True, default=dict)),
        migrations.RunPython(forget_what_was_not_asked, migrations.RunPython.noop),
    ]
