"""A person who has no mouse: everything is reached with Tab, letters and Enter.

Where the focus is must be seen at every step: an element that is focused and looks the same as
before fails the test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page

TABS_MAX = 80

# What a sighted person sees of the focus: an outline or a ring.
_LOOK = """() => {
  const look = (node) => {
    const style = getComputedStyle(node);
    const line = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return { line, ring: style.boxShadow };
  };
  const node = document.activeElement;
  const box = node.getBoundingClientRect();
  const around = node.closest("label, .drop") ?? node;
  const now = [look(node), look(around)];
  const middle = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    tag: node.tagName, id: node.id, name: (node.innerText || node.value || "").slice(0, 40),
    outlined: now.some((one) => one.line),
    ring: now.map((one) => one.ring).find((ring) => ring !== "none") ?? "",
    inside: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    covered: Boolean(middle) && !node.contains(middle) && !middle.contains(node) &&
      !around.contains(middle) && getComputedStyle(node).opacity !== "0",
  };
}"""


@dataclass
class Keyboard:
    """The keys of one page, and a look at the focus after each step."""

    page: Page
    trail: list[str] = field(default_factory=list)

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def write(self, words: str) -> None:
        self.page.keyboard.type(words)

    def tab_to(self, target: Locator, *, back: bool = False) -> None:
        """Tab until `target` has the focus, and see it; raises AssertionError if it never does."""
        self.trail = []
        for _ in range(TABS_MAX):
            self.press("Shift+Tab" if back else "Tab")
            if target.evaluate("(node) => node === document.activeElement"):
                self.see_focus()
                return
            self.trail.append(self._told(self.page.evaluate(_LOOK)))
        raise AssertionError(f"Tab never came to {target}; it went over {self.trail}")

    def see_focus(self) -> None:
        """The focused element is on the screen, not covered, and marked as focused."""
        look = self.page.evaluate(_LOOK)
        assert look["tag"] != "BODY", "nothing has the focus"
        assert look["inside"], f"the focus is off the screen: {look}"
        assert not look["covered"], f"the focus is under something else: {look}"
        assert look["outlined"] or look["ring"], f"the focus cannot be seen: {look}"

    @staticmethod
    def _told(look: dict[str, Any]) -> str:
        return f"{look['tag'].lower()}#{look['id']} {look['name']!r}"
