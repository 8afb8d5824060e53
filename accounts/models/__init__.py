from accounts.models.access import (
    Grant,
    SocialAccountGroupObjectPermission,
    SocialAccountUserObjectPermission,
)
from accounts.models.people import Invitation, Team, User
from accounts.models.social import Credential, SocialAccount

__all__ = [
    "Credential",
    "Grant",
    "Invitation",
    "SocialAccount",
    "SocialAccountGroupObjectPermission",
    "SocialAccountUserObjectPermission",
    "Team",
    "User",
]
