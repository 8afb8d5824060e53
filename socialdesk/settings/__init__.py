"""All settings. What differs between installations comes from the environment (see env.py)."""

from __future__ import annotations

from socialdesk.settings.installation import *
from socialdesk.settings.installation import env as env
from socialdesk.settings.networks import *
from socialdesk.settings.pages import *
from socialdesk.settings.record import *
from socialdesk.settings.servers import *
from socialdesk.settings.signing_in import *
from socialdesk.settings.watching import *
from socialdesk.settings.work import *

env.refuse_unknown()
