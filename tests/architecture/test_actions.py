"""Every change is an action."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

PACKAGES = (
    "accounts.services",
    "scheduling.services",
    "mentions.services",
    "operations.services",
    "audit.services",
)


def _functions():
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [package]
        if hasattr(root, "__path__"):
            names += [m.name for m in pkgutil.walk_packages(root.__path__, f"{package}.")]
        for name in names:
            module = importlib.import_module(name)
            for attribute, value in vars(module).items():
                if (
                    inspect.isfunction(value)
                    and not attribute.startswith("_")
                    and value.__module__ == name
                ):
                    yield pytest.param(value, id=f"{name}.{attribute}")


SERVICES = list(_functions())


def test_there_are_services():
    assert len(SERVICES) > 20


@pytest.mark.parametrize("service", SERVICES)
def test_a_public_service_is_an_action_with_an_explicit_actor(service):
    signature = inspect.signature(service)
    assert getattr(service, "is_action", False), "decorate it with @action, or keep it private"
    assert signature.parameters["actor"].default is inspect.Parameter.empty
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
