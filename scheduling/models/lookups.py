"""A look-up that Django lacks."""

from __future__ import annotations

from typing import Any

from django.db import models


@models.BigAutoField.register_lookup
class AnyOf(models.Lookup):
    """`pk__any_of=ids`: what `pk__in` finds, with one parameter however many there are.

    Putting hundreds of parameters into a query takes longer than answering it.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", (*parameters, list(self.rhs))
