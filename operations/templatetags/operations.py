"""Spans of time on the operators' pages."""

from __future__ import annotations

from datetime import timedelta

from django import template

register = template.Library()


@register.filter
def span(value: timedelta | None) -> str:
    """`{{ late.p99|span }}` is '0.8 s', '12 s', '4 min' or '3.2 h'; a dash where there is none."""
    return "–" if value is None else seconds(value.total_seconds())


@register.filter
def seconds(value: float) -> str:
    """`{{ 71.4|seconds }}` is '71 s'."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"
