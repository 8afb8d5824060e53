from __future__ import annotations

from django.urls import path

from accounts.views import (
    account,
    account_register,
    authorising,
    connecting,
    connecting_failed,
    levels,
    register,
)

app_name = "accounts"
urlpatterns = [
    path("", register.register, name="register"),
    path("register/", account_register.register, name="full_register"),
    path("register/csv/", account_register.register_csv, name="register_csv"),
    path("connect/", connecting.choose, name="connect"),
    path("connect/back/<slug:platform>/", authorising.back, name="connect_back"),
    path("connect/failed/<slug:why>/", connecting_failed.show, name="connect_failed"),
    path("connect/found/<uuid:request_id>/", authorising.found, name="connect_found"),
    path("connect/<slug:platform>/begin/", authorising.begin, name="connect_begin"),
    path("connect/<slug:platform>/", connecting.connect, name="connect_to"),
    path("<int:account_id>/", account.account, name="account"),
    path("<int:account_id>/check/", account.check, name="check"),
    path("<int:account_id>/change/", account.change, name="change"),
    path("<int:account_id>/freeze/", account.freeze, name="freeze"),
    path("<int:account_id>/unfreeze/", account.unfreeze, name="unfreeze"),
    path("<int:account_id>/lock-down/", account.lock_down, name="lock_down"),
    path("<int:account_id>/disconnect/", account.disconnect, name="disconnect"),
    path("<int:account_id>/reconnect/", connecting.reconnect, name="reconnect"),
    path("<int:account_id>/reconnect/begin/", authorising.begin_again, name="reconnect_begin"),
    path("<int:account_id>/levels/give/", levels.give, name="give"),
    path("<int:account_id>/levels/<int:grant_id>/people/", levels.team_people, name="team_people"),
    path("<int:account_id>/levels/<int:grant_id>/end/", levels.end, name="end_grant"),
]
