"""Secrets at rest: MultiFernet, bound to the row they belong to.

A sealed value copied to another row or column does not open there, so nobody with write access
to the database can make one account post with another's credentials.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models


class SealBroken(Exception):  # says what happened
    """A sealed value does not open: wrong key, or moved from another row."""


class Ciphertext(str):
    """A value as it lies in the database."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<sealed>"


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])


def seal(value: str, *, binding: str) -> Ciphertext:
    """`value`, sealed for the place `binding` names."""
    body = json.dumps([binding, value]).encode()
    return Ciphertext(_fernet().encrypt(body).decode())


def unseal(sealed: str, *, binding: str) -> str:
    """What was sealed. Raises SealBroken."""
    try:
        place, value = json.loads(_fernet().decrypt(sealed.encode()))
    except InvalidToken:
        raise SealBroken(
            "A stored secret does not open with the keys in SOCIALDESK_CREDENTIAL_KEYS."
        ) from None
    if place != binding:
        raise SealBroken("A stored secret belongs to another row and was not opened.")
    return str(value)


def sealed_with_newest_key(sealed: str) -> bool:
    """Whether `sealed` was made with the newest key."""
    try:
        Fernet(settings.CREDENTIAL_KEYS[0]).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


class _Opener:
    """Opens on reading, so that a row can be loaded and passed about without its secret."""

    def __init__(self, field: SealedTextField) -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> Any:
        if instance is None:
            return self
        if self.field.attname not in instance.__dict__:
            instance.refresh_from_db(fields=[self.field.attname])
        raw = instance.__dict__[self.field.attname]
        if isinstance(raw, Ciphertext):
            return unseal(raw, binding=self.field.binding(instance))
        return raw

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedTextField(models.TextField):  # type: ignore[type-arg]  # not generic at run time
    """Text that is sealed in the database. Its row needs a primary key before it is saved."""

    def contribute_to_class(self, cls: type[models.Model], name: str, **kwargs: Any) -> None:  # type: ignore[override]  # the stub narrows kwargs
        super().contribute_to_class(cls, name, **kwargs)
        setattr(cls, self.attname, _Opener(self))

    def binding(self, instance: models.Model) -> str:
        if instance.pk is None:
            raise ValueError("a sealed field needs its row's primary key first")
        return f"{instance._meta.label_lower}:{instance.pk}:{self.attname}"

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return Ciphertext(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        raw = model_instance.__dict__.get(self.attname)
        if not raw or isinstance(raw, Ciphertext):
            return raw
        sealed = seal(raw, binding=self.binding(model_instance))
        model_instance.__dict__[self.attname] = sealed
        return sealed


def sealed_fields() -> dict[type[models.Model], list[str]]:
    """The models of every room that hold something sealed, and the names of those fields."""
    found: dict[type[models.Model], list[str]] = {}
    for model in apps.get_models():
        names = [f.attname for f in model._meta.fields if isinstance(f, SealedTextField)]
        if names:
            found[model] = names
    return found


def sealed_as(row: models.Model, name: str, value: str) -> str:
    """`value` as it lies in the field `name` of `row`, for an update that is not by `save`."""
    field = row._meta.get_field(name)
    assert isinstance(field, SealedTextField)
    return seal(value, binding=field.binding(row)) if value else value
