"""A reply names the person it answers where the platform tells nobody else."""

from __future__ import annotations

import pytest
from django.urls import reverse

from mentions.addressing import addressed
from mentions.models import Mention
from scheduling.models import Post
from tests.factories import MentionFactory, UserFactory, give


def mention(acct: str | None) -> Mention:
    return Mention(reply_ref={"remote_id": "7", "extra": {"acct": acct} if acct else {}})


@pytest.mark.parametrize(
    ("acct", "text", "said"),
    [
        ("ana@other.example", "Thank you", "@ana@other.example Thank you"),
        ("ana", "Thank you", "@ana Thank you"),
        ("ana", "Thank you @ana", "Thank you @ana"),
        ("ana", "Thank you @Ana.", "Thank you @Ana."),
        ("ana", "Thank you @anabel", "@ana Thank you @anabel"),
        ("ana", "mail@ana", "@ana mail@ana"),
        ("ana", "", ""),
        (None, "Thank you", "Thank you"),
    ],
)
def test_who_is_named(acct, text, said):
    assert addressed(text, mention(acct)) == said


@pytest.mark.django_db
def test_what_is_approved_is_what_is_said_with_the_name_in_it_and_counted(sign_in):
    found = MentionFactory(reply_ref={"remote_id": "7", "extra": {"acct": "ana"}})
    user = UserFactory()
    give(user, "contributor", found.account)
    client = sign_in(user)
    pk = found.conversation_id
    data = {"to": found.pk, "text": "x" * 495, "answered": 0}
    counted = client.post(reverse("mentions:reply_check", args=[pk]), data).content.decode()
    assert "0 left" in counted
    client.post(reverse("mentions:reply", args=[pk]), data)
    assert Post.objects.get().text == "@ana " + "x" * 495
