import os

from django.contrib.auth.models import User
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path


def sign_in(request):
    names = ",".join(User.objects.values_list("email", flat=True))
    return HttpResponse(f"<form>{names}</form>")


def die(request):
    os.kill(os.getppid(), 9)
    return HttpResponse("")


urlpatterns = [
    path("", lambda request: HttpResponseRedirect("/sign-in/")),
    path("sign-in/", sign_in),
    path("readyz", lambda request: HttpResponse("ok")),
    path("die", die),
]
