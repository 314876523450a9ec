"""`ndx-match cache`: show or delete the data that were fetched from the network and kept."""

from __future__ import annotations

from datetime import datetime

import click
from rich.filesize import decimal

from ..errors import InputError
from ..storage.remote.cache import SIZE_VARIABLE, Cache, size_limit
from .common import Example, command, say_text, table


@command(
    Example("ndx-match cache", "Show what is kept"),
    Example("ndx-match cache --clear", "Delete it"),
    prints_result=True,
)
@click.option("--clear", is_flag=True, help="Delete everything that is kept.")
def cache(clear: bool) -> None:
    """Show where data of files on the network are kept, and how much, or delete them."""
    user_cache = Cache.of_user()
    if user_cache is None:
        raise InputError("Nothing is kept: the extra `remote` is not installed, or there is no home folder.")
    files = user_cache.files()
    size = decimal(sum(file.size for file in files))
    if clear:
        user_cache.clear()
        say_text(f"{user_cache.folder}: {len(files)} files deleted ({size})")
        return
    say_text(f"{user_cache.folder}: {len(files)} files, {size} of {decimal(size_limit())} at most ({SIZE_VARIABLE})")
    if files:
        rows = [
            (decimal(file.size), datetime.fromtimestamp(file.used).strftime("%Y-%m-%d %H:%M"), file.address)
            for file in files
        ]
        say_text("\n" + table([("size", "used last", "address"), *rows]))
