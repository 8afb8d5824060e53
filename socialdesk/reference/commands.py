"""The commands, from their own parsers.

Not from `--help`: how that is laid out differs with the version of Python and the terminal.
"""

from __future__ import annotations

from argparse import Action, ArgumentParser
from collections.abc import Iterator

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import DjangoHelpFormatter

from accounts.management.base import EXIT_CODES, DeskCommand
from socialdesk.reference.markdown import code, page, table


def commands_page() -> str:
    parts = [part for name, command in _ours() for part in _command(name, command)]
    return page(
        "Commands",
        "*/management/commands/",
        "For operators and scripts. Run them as `.venv/bin/python manage.py NAME …` in a working "
        "copy (beside a `make run` they work on its database), or as `docker compose exec web "
        "python manage.py NAME …` on a server.",
        "Each takes `--help`, and `--json`, which prints one JSON object with `ok` in it instead "
        "of words for people. An account is named by its number, its handle or, where several "
        "platforms know the handle, `platform:handle`.",
        f"```\n{EXIT_CODES.strip()}\n```",
        *parts,
    )


def _ours() -> Iterator[tuple[str, DeskCommand]]:
    for name, app in sorted(get_commands().items()):
        if isinstance(app, str) and app.startswith("django."):
            continue
        command = load_command_class(app, name) if isinstance(app, str) else app
        if isinstance(command, DeskCommand):
            yield name, command


def _command(name: str, command: DeskCommand) -> list[str]:
    parser = command.create_parser("manage.py", name)
    shown = [a for a in parser._actions if _is_ours(a)]
    rows = [(code(_name(a)), _help(a)) for a in shown if "--json" not in a.option_strings]
    return [
        f"## {name}",
        _prose(command.help),
        f"```\n{_usage(name, parser, shown)}\n```",
        table(("Argument", "Meaning"), rows) if rows else "",
    ]


def _is_ours(action: Action) -> bool:
    names = set(action.option_strings)
    return not names & (DjangoHelpFormatter.show_last | {"-h", "--skip-checks"})


def _prose(text: str) -> str:
    """Help that was laid out by hand stays as it is."""
    return f"```\n{text.strip()}\n```" if "\n" in text else text


def _name(action: Action) -> str:
    if not action.option_strings:
        return _metavar(action)
    value = "" if action.nargs == 0 else f" {_metavar(action)}"
    return f"{action.option_strings[0]}{value}"


def _metavar(action: Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return action.dest.upper().replace("_", "-")


def _help(action: Action) -> str:
    default = "SOCIALDESK_TIME_ZONE" if action.default == settings.TIME_ZONE else action.default
    words = (action.help or "") % {"default": default}
    choices = ", ".join(code(str(choice)) for choice in action.choices or ())
    return "; ".join(part for part in (words, choices and f"one of {choices}") if part)


def _usage(name: str, parser: ArgumentParser, shown: list[Action]) -> str:
    groups = parser._mutually_exclusive_groups
    grouped = {action.dest for group in groups for action in group._group_actions}
    single = [action for action in shown if action.dest not in grouped]
    words = [_word(action) for action in single if not action.option_strings]
    for group in groups:
        either = " | ".join(_name(action) for action in group._group_actions)
        words.append(f"({either})" if group.required else f"[{either}]")
    options = [action for action in single if action.option_strings]
    words += [_word(action) for action in sorted(options, key=_weight)]
    return " ".join(["manage.py", name, *words])


def _weight(action: Action) -> int:
    """What has to be there first, --json last."""
    return 0 if action.required else 2 if "--json" in action.option_strings else 1


def _word(action: Action) -> str:
    return _name(action) if action.required and action.nargs != "?" else f"[{_name(action)}]"
