"""What the commands of the command line share: where the configuration, the data and the plugins are, and how they end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from holomush import bundled
from holomush.config import Config, load_config
from holomush.errors import HolomushError

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML file with settings."),
    click.option("--data", "--data-dir", "data", type=click.Path(path_type=Path), help="Folder of the database.  [default: data]"),
    click.option(
        "--plugin-dir",
        "plugin_dirs",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Folder of plugin folders, besides the bundled ones and ./plugins. May be given again.",
    ),
)


def where_options(command: F) -> F:
    """``--config``, ``--data`` (or ``--data-dir``) and ``--plugin-dir``, for ``read_config``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_config(config_file: Path | None, data: Path | None, plugin_dirs: tuple[Path, ...]) -> Config:
    """The configuration; options win over the file. Raises ``HolomushError``."""
    config = load_config(config_file) if config_file is not None else Config()
    if data is not None:
        config = attrs.evolve(config, data=data)
    if plugin_dirs:
        folders = (*config.plugins.folders, *plugin_dirs)
        config = attrs.evolve(config, plugins=attrs.evolve(config.plugins, folders=folders))
    return config


def plugin_folders(config: Config) -> list[Path]:
    """The folders to look for plugins in, the bundled ones first, so that later ones can stand in for them."""
    for folder in config.plugins.folders:
        if not folder.is_dir():
            raise HolomushError(f"plugins: {folder}: there is no such folder")
    folders = [bundled.PLUGINS, Path("plugins"), *config.plugins.folders]
    return list(dict.fromkeys(folder.resolve() for folder in folders))


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turn a ``HolomushError``, or a group of them, into lines on standard error and exit status 1."""
    problems: list[str] = []
    try:
        yield
    except* HolomushError as group:
        problems += _messages(group)
    # Not in the block above: early releases of Python 3.11 make a traceback of a SystemExit that is raised in there.
    for line in dict.fromkeys(problems):
        click.echo(f"holomush: {line}", err=True)
    if problems:
        sys.exit(1)


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep what the log would say off standard error, where it goes as long as nobody has set up logging."""
    logger, nowhere = logging.getLogger("holomush"), logging.NullHandler()
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.removeHandler(nowhere)


def _messages(group: BaseExceptionGroup[HolomushError]) -> Iterator[str]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _messages(exc)
        else:
            yield from str(exc).splitlines()
