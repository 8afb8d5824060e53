from __future__ import annotations

from django.urls import path

from accounts.views import reviews

app_name = "reviews"
urlpatterns = [
    path("", reviews.reviews, name="reviews"),
    path("new/", reviews.new, name="new"),
    path("<int:review_id>/", reviews.review, name="review"),
    path("<int:review_id>/accounts/<int:account_id>/", reviews.account, name="account"),
]
