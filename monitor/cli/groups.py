"""The commands of one thing, such as `haechi cases`, which lists when it is told nothing else."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class ListingGroup(TyperGroup):
    """A group whose command `list` is meant where none is named.

    Options before the command's name are the command's own: `haechi cases --json list`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own class
        """Put the command's name first."""
        if args[:1] and args[0] in ctx.help_option_names:
            return super().parse_args(ctx, args)
        parser = self.commands["list"].make_parser(ctx)
        parser.allow_interspersed_args = False
        _, rest, _ = parser.parse_args(list(args))
        first = args[: len(args) - len(rest)]
        return super().parse_args(ctx, [*(rest[:1] or ["list"]), *first, *rest[1:]])
