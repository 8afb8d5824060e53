"""`{% can %}`: the policy's answer in a template."""

from __future__ import annotations

from django import template

from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.policy import Decision, Rights, decide
from audit.actors import Actor

register = template.Library()


@register.simple_tag(takes_context=True)
def can(
    context: template.Context, actor: Actor, capability: str, account: SocialAccount
) -> Decision:
    """`{% can actor 'publish' account as may %}{% if may %}…{% else %}{{ may.reason }}{% endif %}`.

    A page about many accounts puts `rights` (accounts.policy.Rights) into its context, and then
    this asks the database nothing. Raises ValueError for a capability that does not exist.
    """
    wanted = Capability(f"account_{capability}")
    rights = context.get("rights")
    if isinstance(rights, Rights) and rights.actor == actor:
        return rights.decide(wanted, account)
    return decide(actor, wanted, account)
