from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0013_corrections'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='media',
            options={'default_permissions': (), 'ordering': ['part', 'position', 'id']},
        ),
        migrations.AddField(
            model_name='media',
            name='part',
            field=models.PositiveSmallIntegerField(default=1),
        ),
    ]
