"""Pages that bring rooms together: My day, and the search behind Ctrl-K."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def my_day(request: HttpRequest) -> HttpResponse:
    return render(request, "my_day.html")


def search(request: HttpRequest) -> HttpResponse:
    return render(request, "_components/search_results.html")
