"""A Django project just large enough for the launcher to start it."""

import os
from urllib.parse import urlsplit

_database = urlsplit(os.environ["DATABASE_URL"])
SECRET_KEY = os.environ["SOCIALDESK_SECRET_KEY"]
DEMO = os.environ["SOCIALDESK_DEMO"] == "yes"
SANDBOX_URL = os.environ["SOCIALDESK_SANDBOX_URL"]
ALLOWED_HOSTS = os.environ["SOCIALDESK_ALLOWED_HOSTS"].split(",")
INSTALLED_APPS = [
    "socialdesk",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path[1:],
        "USER": _database.username,
        "PASSWORD": _database.password,
        "HOST": _database.hostname,
        "PORT": _database.port,
    }
}
ROOT_URLCONF = "socialdesk.urls"
STATICFILES_DIRS = ["frontend/dist"]
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(os.environ["SOCIALDESK_DATA_DIR"], "static")
CELERY_BROKER_URL = os.environ["REDIS_URL"]
USE_TZ = True
