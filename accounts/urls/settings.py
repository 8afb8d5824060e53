from __future__ import annotations

from django.urls import path

from accounts.views import settings

urlpatterns = [
    path("", settings.profile, name="profile"),
    path("organisation/", settings.organisation, name="organisation"),
]
