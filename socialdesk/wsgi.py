"""The web process's entry."""

import os
from threading import Thread

from django.core.wsgi import get_wsgi_application

from platforms.registry import warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialdesk.settings")
application = get_wsgi_application()
# Beside the first requests, so that neither they nor the start wait for it.
Thread(target=warm_up, name="warm-up", daemon=True).start()
