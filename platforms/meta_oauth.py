"""How a person lets the desk act for Facebook Pages and Instagram accounts, in one."""

from __future__ import annotations

from datetime import timedelta

from platforms._graph import VERSION
from platforms.declared import LongLived, OAuth, Proof

META_OAUTH = OAuth(
    authorise_url=f"https://www.facebook.com/{VERSION}/dialog/oauth",
    token_path=f"/{VERSION}/oauth/access_token",
    scopes=(
        "pages_show_list",
        "pages_manage_posts",
        "pages_read_engagement",
        "pages_read_user_content",
        "pages_manage_engagement",
        "pages_messaging",
        "instagram_basic",
        "instagram_content_publish",
        "instagram_manage_comments",
        "business_management",
    ),
    app_help=(
        "An app of the type Business with the product Facebook Login. In that product's settings: "
        "this redirect address under Valid OAuth Redirect URIs. Id and secret are under App "
        "settings, Basic."
    ),
    console="https://developers.facebook.com/apps/",
    id_label="App ID",
    secret_label="App secret",  # noqa: S106 - a label on a form
    review=(
        "People with a role in the app can connect at once what they manage. For anybody else Meta "
        "wants App Review, which gives Advanced Access to each permission, and Business "
        "Verification."
    ),
    proof=Proof.ASKED,
    separator=",",
    # The tokens of Pages that a long-lived token lists do not end by themselves.
    long_lived=LongLived(
        f"/{VERSION}/oauth/access_token", "fb_exchange_token", "fb_exchange_token"
    ),
    revoke_path=f"/{VERSION}/me/permissions",
    revoke_method="DELETE",
    lists_accounts=True,
    app_of="facebook",
    granted_path=f"/{VERSION}/me/permissions",
    uses={
        "pages_show_list": "Pages cannot be listed.",
        "pages_manage_posts": "Nothing can be posted to the Page or deleted.",
        "pages_read_engagement": "The Page's posts cannot be read.",
        "pages_read_user_content": "Comments and visitors' posts do not come in.",
        "pages_manage_engagement": "Comments cannot be answered, hidden or deleted.",
        "pages_messaging": "Messages do not come in and cannot be answered.",
    },
    # https://developers.facebook.com/docs/facebook-login/auth-vs-data (November 2026)
    agreed_for=timedelta(days=90),
    site="Facebook",
)
"""One sign-in for both: a person's Pages, and the Instagram accounts that belong to them."""
META_REVOKE_HELP = (
    "On Facebook, as the person who connected it: Settings and privacy, Settings, Apps and "
    "websites, or Business integrations."
)
