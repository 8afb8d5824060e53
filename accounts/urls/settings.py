from __future__ import annotations

from django.urls import path

from accounts.views import own_conditions, platform_apps, settings

urlpatterns = [
    path("", settings.profile, name="profile"),
    path("conditions/", own_conditions.mine, name="my_conditions"),
    path("conditions/policies/<int:document_id>/", own_conditions.read, name="policy_read"),
    path("organisation/", settings.organisation, name="organisation"),
    path("platforms/", platform_apps.platforms, name="platform_apps"),
    path("platforms/<slug:platform>/", platform_apps.platform, name="platform_app"),
    path("platforms/apps/<uuid:app_id>/test/", platform_apps.test, name="platform_app_test"),
    path("platforms/apps/<uuid:app_id>/remove/", platform_apps.remove, name="platform_app_remove"),
]
