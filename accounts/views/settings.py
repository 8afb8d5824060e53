"""One's own profile, and what the organisation has set."""

from __future__ import annotations

from django.conf import settings as conf
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.forms.people import ProfileForm
from accounts.levels import CAPABILITIES, Capability, Level, OrgCapability
from accounts.policy import decide_org, require_org
from accounts.selectors import people as selectors
from accounts.services.people import user_change_profile
from accounts.views.common import show_form, tell
from accounts.web import actor_of, person_of, show_invalid


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    me = person_of(request)
    initial = {name: getattr(me, name) for name in ("full_name", "time_zone", "alert_emails")}
    form = ProfileForm(request.POST or None, initial=initial)
    form.fields[
        "time_zone"
    ].help_text = (
        f"Times are shown to you in this zone. Empty: {conf.TIME_ZONE}, the organisation's."
    )
    if form.is_valid():
        try:
            user_change_profile(actor=actor_of(request), user=me, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, "Saved.")
            return redirect("profile")
    context = {
        "rights": selectors.rights_of(me),
        "has_mfa": selectors.people().get(pk=me.pk).has_mfa,  # type: ignore[attr-defined]  # annotated
        "may_see_organisation": bool(decide_org(actor_of(request), OrgCapability.SETTINGS)),
    }
    return show_form(request, form, "accounts/settings/profile.html", **context)


@require_GET
def organisation(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    context = {
        "values": _values(),
        "levels": list(Level),
        "capabilities": [
            (capability, [capability in CAPABILITIES[level] for level in Level])
            for capability in Capability
        ],
        "may_see_organisation": True,
    }
    return render(request, "accounts/settings/organisation.html", context)


def _values() -> list[tuple[str, str, str]]:
    """What an administrator wants to know without a shell: label, value, the setting's name."""
    mfa = "Demanded from everybody" if conf.REQUIRE_MFA else "Left to each person"
    hosts = ", ".join(sorted(conf.ALLOW_PRIVATE_HOSTS)) or "None"
    return [
        ("Name", conf.ORGANISATION, "SOCIALDESK_ORGANISATION"),
        ("Address", conf.BASE_URL, "SOCIALDESK_BASE_URL"),
        ("Time zone", conf.TIME_ZONE, "SOCIALDESK_TIME_ZONE"),
        ("Multi-factor sign-in", mfa, "SOCIALDESK_REQUIRE_MFA"),
        ("An invitation is good for", f"{conf.INVITATION_DAYS} days", "SOCIALDESK_INVITATION_DAYS"),
        ("An account is dormant after", f"{conf.DORMANT_DAYS} days", "SOCIALDESK_DORMANT_DAYS"),
        (
            "Signing in again after",
            f"{conf.SESSION_COOKIE_AGE // 3600} hours",
            "SOCIALDESK_SESSION_HOURS",
        ),
        (
            "Held when late by more than",
            f"{conf.OVERDUE_GRACE_S // 60} minutes",
            "SOCIALDESK_OVERDUE_GRACE_S",
        ),
        ("E-mail comes from", conf.DEFAULT_FROM_EMAIL, "SOCIALDESK_MAIL_FROM"),
        ("Platforms on private addresses", hosts, "SOCIALDESK_ALLOW_PRIVATE_HOSTS"),
    ]
