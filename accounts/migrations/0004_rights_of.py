"""Rights are looked up by who has them and on what; the old indexes doubled guardian's own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_governing"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="socialaccountgroupobjectpermission", name="right_by_group"
        ),
        migrations.RemoveIndex(
            model_name="socialaccountuserobjectpermission", name="right_by_user"
        ),
        migrations.AddIndex(
            model_name="socialaccountgroupobjectpermission",
            index=models.Index(
                fields=["group", "content_object"],
                include=["permission", "grant"],
                name="rights_of_group",
            ),
        ),
        migrations.AddIndex(
            model_name="socialaccountuserobjectpermission",
            index=models.Index(
                fields=["user", "content_object"],
                include=["permission", "grant"],
                name="rights_of_user",
            ),
        ),
    ]
