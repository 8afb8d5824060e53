from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path


def sign_in(request):
    names = ",".join(User.objects.values_list("email", flat=True))
    return HttpResponse(f"<form>{names}</form>")


def readyz(request):
    try:
        User.objects.exists()
    except DatabaseError:
        return HttpResponse("the database is not there", status=503)
    return HttpResponse("ok")


urlpatterns = [
    path("", lambda request: HttpResponseRedirect("/sign-in/")),
    path("sign-in/", sign_in),
    path("readyz", readyz),
]
