"""Every address of the site, by room."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from accounts.views.app_document import app_document
from operations.views.metrics import metrics
from socialdesk import health, views

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", views.my_day, name="my_day"),
    path("my-day/access/", views.my_access, name="my_access"),
    path("search/", views.search, name="search"),
    path("auth/", include("accounts.urls.sign_in")),
    path("people/", include("accounts.urls.people")),
    path("oauth-client-metadata.json", app_document, name="app_document"),
    path("accounts/", include("accounts.urls.social")),
    path("reviews/", include("accounts.urls.reviews")),
    path("settings/", include("accounts.urls.settings")),
    path("", include("scheduling.urls")),
    path("inbox/", include("mentions.urls")),
    path("operations/", include("operations.urls")),
    path("metrics", metrics, name="metrics"),
    path("record/", include("audit.urls")),
]

handler500 = "socialdesk.errors.server_error"

if settings.DEBUG:
    from socialdesk.gallery import gallery

    urlpatterns.append(path("gallery/", gallery, name="gallery"))
