"""The Sandbox: a small social network of its own, to try everything without credentials.

`SandboxAdapter` reaches it over HTTP; `python -m platforms.sandbox` runs it. The two share nothing:
importing the adapter does not import the server.
"""

from platforms.sandbox.adapter import SandboxAdapter

__all__ = ["SandboxAdapter"]
