from accounts.models.access import (
    Grant,
    SocialAccountGroupObjectPermission,
    SocialAccountUserObjectPermission,
)
from accounts.models.apps import AuthorisationRequest, PlatformApp
from accounts.models.conditions import (
    Acceptance,
    Condition,
    Lapse,
    Notice,
    PolicyDocument,
    PolicyVersion,
    Training,
    TrainingRecord,
)
from accounts.models.credentials import Credential, Lockdown, LockdownState
from accounts.models.people import Invitation, Team, User
from accounts.models.reviews import AccessReview, Outcome, ReviewItem
from accounts.models.social import SocialAccount

__all__ = [
    "Acceptance",
    "AccessReview",
    "AuthorisationRequest",
    "Condition",
    "Credential",
    "Grant",
    "Invitation",
    "Lapse",
    "Lockdown",
    "LockdownState",
    "Notice",
    "Outcome",
    "PlatformApp",
    "PolicyDocument",
    "PolicyVersion",
    "ReviewItem",
    "SocialAccount",
    "SocialAccountGroupObjectPermission",
    "SocialAccountUserObjectPermission",
    "Team",
    "Training",
    "TrainingRecord",
    "User",
]
