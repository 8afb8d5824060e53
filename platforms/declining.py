"""What a platform cannot do about what came in is refused in the words of its declaration."""

from __future__ import annotations

from typing import ClassVar

from platforms.contract import Feature, PlatformInfo, Refused


class Declining:
    """The base of adapters: each overrides what its platform can do."""

    info: ClassVar[PlatformInfo]

    def hide(self, remote_id: str) -> None:
        raise _declined(self.info, Feature.HIDE)

    def show(self, remote_id: str) -> None:
        raise _declined(self.info, Feature.HIDE)

    def remove(self, remote_id: str) -> None:
        raise _declined(self.info, Feature.REMOVE)

    def block(self, remote_person_id: str) -> None:
        raise _declined(self.info, Feature.BLOCK)

    def unblock(self, remote_person_id: str) -> None:
        raise _declined(self.info, Feature.BLOCK)


def _declined(info: PlatformInfo, feature: Feature) -> Refused:
    return Refused(info.measure(feature).says, code="not_supported")
