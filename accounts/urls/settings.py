from __future__ import annotations

from django.urls import path

from accounts.views import own_conditions, settings

urlpatterns = [
    path("", settings.profile, name="profile"),
    path("conditions/", own_conditions.mine, name="my_conditions"),
    path("conditions/policies/<int:document_id>/", own_conditions.read, name="policy_read"),
    path("organisation/", settings.organisation, name="organisation"),
]
