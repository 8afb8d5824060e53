from __future__ import annotations

from django.urls import path

from accounts.views import conditions, invitations, joining, leaving, people, person, teams

app_name = "people"
urlpatterns = [
    path("", people.people, name="people"),
    path("levels/", people.matrix, name="matrix"),
    path("options/", people.options, name="options"),
    path("invite/", invitations.invite, name="invite"),
    path("invitations/", invitations.invitations, name="invitations"),
    path("invitations/<int:invitation_id>/again/", invitations.again, name="invite_again"),
    path("invitations/<int:invitation_id>/withdraw/", invitations.withdraw, name="withdraw"),
    path("join/", joining.join, name="join"),
    path("join/<str:token>/", joining.follow, name="follow"),
    path("teams/", teams.teams, name="teams"),
    path("teams/new/", teams.create, name="team_new"),
    path("teams/<int:team_id>/", teams.team, name="team"),
    path("teams/<int:team_id>/change/", teams.change, name="team_change"),
    path("teams/<int:team_id>/add/", teams.add, name="member_add"),
    path("teams/<int:team_id>/remove/<int:person_id>/", teams.remove, name="member_remove"),
    path("conditions/", conditions.overview, name="conditions"),
    path("conditions/trainings/new/", conditions.training_new, name="training_new"),
    path("conditions/trainings/<int:training_id>/", conditions.training, name="training"),
    path(
        "conditions/trainings/<int:training_id>/change/",
        conditions.training_edit,
        name="training_change",
    ),
    path(
        "conditions/trainings/<int:training_id>/record/",
        conditions.record_add,
        name="training_record",
    ),
    path(
        "conditions/trainings/<int:training_id>/levels/",
        conditions.training_levels,
        name="training_levels",
    ),
    path(
        "conditions/records/<int:record_id>/withdraw/",
        conditions.record_withdraw,
        name="record_withdraw",
    ),
    path("conditions/policies/new/", conditions.policy_new, name="policy_new"),
    path("conditions/policies/<int:document_id>/", conditions.policy, name="policy"),
    path(
        "conditions/policies/<int:document_id>/version/",
        conditions.policy_version,
        name="policy_version",
    ),
    path(
        "conditions/policies/<int:document_id>/levels/",
        conditions.policy_levels,
        name="policy_levels",
    ),
    path("<int:person_id>/", person.person, name="person"),
    path("<int:person_id>/freeze/", person.freeze, name="freeze"),
    path("<int:person_id>/unfreeze/", person.unfreeze, name="unfreeze"),
    path("<int:person_id>/roles/", person.roles, name="roles"),
    path("<int:person_id>/leave/", leaving.leave, name="leave"),
]
