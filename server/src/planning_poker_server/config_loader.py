"""Layers of configuration, checked once and frozen.

From the lowest to the highest: the defaults that came with the program,
default.toml, <environment>.toml and local.toml of the configuration folder,
variables such as PLANNING_POKER_SERVER__PORT, and what the caller overrides.
Dynaconf lays them over each other and reads the values of variables; nothing
is read at import, and nothing is kept.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dynaconf import Dynaconf  # type: ignore[import-untyped]

from planning_poker_model.limits import GameLimits
from planning_poker_server.config_rules import NOT_ABOVE, RULES, Text
from planning_poker_server.settings import (
    DatabaseSettings,
    LoggingSettings,
    RetentionSettings,
    RoomSettings,
    ServerSettings,
    Settings,
    StreamSettings,
)

PREFIX: Final = "PLANNING_POKER_"
CONFIG_DIR_VARIABLE: Final = f"{PREFIX}CONFIG_DIR"
ENVIRONMENT_VARIABLES: Final = (f"{PREFIX}ENVIRONMENT", "ENVIRONMENT")
DEFAULT_ENVIRONMENT: Final = "development"
COMMAND_LINE: Final = "the command line"

_NOT_SETTINGS: Final = frozenset({CONFIG_DIR_VARIABLE, f"{PREFIX}ENVIRONMENT"})
_NOT_ENVIRONMENTS: Final = frozenset({"default", "local"})
_SHOWN: Final = 60
"""Characters of a bad value that a message repeats."""


class ConfigurationError(Exception):
    """The configuration cannot be used; the message names every problem, one a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"The configuration cannot be used ({count}):{lines}")


def load_settings(
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    environment: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read all layers and check them.

    `config_dir`, `environ` and `environment` default to `find_config_dir`, the
    process's variables and what these say; `overrides` maps settings
    ("server.port") to values above all layers. Raises ConfigurationError naming
    every bad or unknown key.
    """
    environ = os.environ if environ is None else environ
    folder = find_config_dir(environ) if config_dir is None else config_dir
    if not folder.is_dir():
        raise ConfigurationError([f"there is no configuration folder {str(folder)!r}"])
    layers = _Layers()
    source, name = (COMMAND_LINE, environment) if environment else _named_environment(environ)
    layers.problems += _environment_problems(folder, source, name)
    for path in _files(folder, name):
        layers.add_file(path)
    layers.add_variables(environ)
    for key, value in (overrides or {}).items():
        layers.put(key, value, COMMAND_LINE)
    return _settings(name, layers.checked())


def find_config_dir(environ: Mapping[str, str]) -> Path:
    """PLANNING_POKER_CONFIG_DIR, else ./config if it has a default.toml, else what came along."""
    if named := environ.get(CONFIG_DIR_VARIABLE):
        return Path(named)
    here = Path("config")
    return here if (here / "default.toml").is_file() else bundled_config_dir()


def bundled_config_dir() -> Path:
    """The configuration that came with the program."""
    return bundled("config")


def bundled(folder: str) -> Path:
    """A folder that came with the program: in the package, or in the source tree."""
    packaged = Path(__file__).parent / folder
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / folder


def _named_environment(environ: Mapping[str, str]) -> tuple[str, str]:
    """The environment, after where it was named."""
    return next(
        ((key, environ[key]) for key in ENVIRONMENT_VARIABLES if environ.get(key)),
        ("the default", DEFAULT_ENVIRONMENT),
    )


def _environment_problems(folder: Path, source: str, name: str) -> list[str]:
    """A problem where the folder has no file for this environment."""
    known = sorted({path.stem for path in folder.glob("*.toml")} - _NOT_ENVIRONMENTS)
    if name in known:
        return []
    there_is = ", ".join(known) or "none"
    return [
        f"environment: {_shown(name)} (from {source}) has no file in {str(folder)!r}; "
        f"there is: {there_is}"
    ]


def _files(folder: Path, environment: str) -> Iterator[Path]:
    """The files of the layers that exist, the lowest first."""
    bundled = bundled_config_dir() / "default.toml"
    own = folder / "default.toml"
    yield bundled
    if own.is_file() and not own.samefile(bundled):
        yield own
    known = {path.stem: path for path in folder.glob("*.toml")}
    for name in (environment, "local"):
        if name in known and name != "default":
            yield known[name]


def _empty_dynaconf() -> Any:
    """Dynaconf that loads nothing by itself and has no part in process-wide state."""
    return Dynaconf(
        settings_files=[],
        core_loaders=[],
        loaders=[],
        preload=[],
        includes=[],
        environments=False,
        envvar_prefix=None,
        load_dotenv=False,
        merge_enabled=True,
    )


@dataclass(slots=True)
class _Layers:
    """Dynaconf's settings as they grow, where each came from, and what was wrong."""

    problems: list[str] = field(default_factory=list)
    _sources: dict[str, str] = field(default_factory=dict)
    _settings: Any = field(default_factory=_empty_dynaconf)
    _failed: set[str] = field(default_factory=set)

    def add_file(self, path: Path) -> None:
        """Lay a TOML file over what is there."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.problems.append(f"{path}: cannot be read: {error}")
            return
        for section, keys in content.items():
            if not isinstance(keys, dict):
                self._unknown(section, str(path), is_table=False)
                continue
            for key, value in keys.items():
                self.put(f"{section}.{key}", value, str(path))

    def add_variables(self, environ: Mapping[str, str]) -> None:
        """Lay the PLANNING_POKER_ variables over what is there."""
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
                continue
            if _is_service_link(variable, environ):
                continue
            path = variable.removeprefix(PREFIX).lower().replace("__", ".")
            self.put(path, environ[variable], variable, parse=True)

    def put(self, path: str, value: object, source: str, *, parse: bool = False) -> None:
        """Set one setting; `parse` reads a variable's text as TOML first."""
        rule = RULES.get(path)
        if rule is None:
            self._unknown(path, source)
            return
        self._sources[path] = source
        key = path.replace(".", "__")
        try:
            if parse and value in ("True", "False"):
                value = str(value).lower()
            self._settings.set(key, value, tomlfy=parse)
            if parse and isinstance(rule, Text) and not isinstance(self._value(path), str):
                self._settings.set(key, value)  # "8" for a text is that text, not a number
        except Exception as error:  # Dynaconf's parsers raise what they like
            self._failed.add(path)
            shown = "its value cannot be read" if _is_private(path) else _escaped(str(error))
            self.problems.append(f"{path}: {shown} (from {source})")

    def checked(self) -> dict[str, Any]:
        """Every setting's value; raises ConfigurationError if there was any problem."""
        values = {path: self._value(path) for path in RULES}
        good = set()
        for path, value in values.items():
            if RULES[path].allows(value):
                good.add(path)
            elif path not in self._failed:
                self.problems.append(self._bad_value(path, value))
        for lower, upper in NOT_ABOVE:
            if {lower, upper} <= good and values[lower] > values[upper]:
                self.problems.append(
                    f"{lower}: must not be above {upper} ({values[lower]} > {values[upper]})"
                )
        if self.problems:
            raise ConfigurationError(self.problems)
        return values

    def _value(self, path: str) -> Any:
        section, _, key = path.partition(".")
        return self._settings.get(section.upper(), {}).get(key)

    def _bad_value(self, path: str, value: object) -> str:
        wanted = RULES[path].wanted
        if value is None:
            return f"{path}: is missing; it must be {wanted}"
        got = "" if _is_private(path) else f", not {_shown(value)}"
        return f"{path}: must be {wanted}{got} (from {self._sources[path]})"

    def _unknown(self, path: str, source: str, *, is_table: bool = True) -> None:
        self.problems.append(f"{_escaped(path)}: {_advice(path, is_table)} (from {source})")


def _advice(path: str, is_table: bool) -> str:
    """What to say of a key that is no setting."""
    sections = sorted({known.partition(".")[0] for known in RULES})
    section, _, _ = path.partition(".")
    if section in sections and not is_table:
        return "must be a table of settings"
    _, _, key = path.rpartition(".")
    near = difflib.get_close_matches(path, RULES, n=1) or [
        known for known in RULES if known.endswith(f".{key}")
    ]
    if near:
        return f"is not a setting; did you mean {near[0]}?"
    if section in sections:
        keys = (known.partition(".")[2] for known in RULES if known.startswith(f"{section}."))
        return f"is not a setting; {section} has {', '.join(keys)}"
    return f"is not a setting; the sections are {', '.join(sections)}"


def _is_service_link(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether Kubernetes set this to announce a service that is named planning-poker."""
    rest = variable.removeprefix(PREFIX)
    return "KUBERNETES_SERVICE_HOST" in environ and (
        rest.startswith(("SERVICE_HOST", "SERVICE_PORT", "PORT_"))
        or (rest == "PORT" and "://" in environ[variable])
    )


def _is_private(path: str) -> bool:
    rule = RULES[path]
    return isinstance(rule, Text) and rule.private


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _settings(environment: str, values: Mapping[str, Any]) -> Settings:
    """Freeze checked values."""

    def section(name: str) -> dict[str, Any]:
        start = f"{name}."
        return {
            path.removeprefix(start): value
            for path, value in values.items()
            if path.startswith(start)
        }

    stream = section("stream")
    stream["commands_per_second"] = float(stream["commands_per_second"])
    return Settings(
        environment=environment,
        server=ServerSettings(**section("server")),
        database=DatabaseSettings(**section("database")),
        stream=StreamSettings(**stream),
        room=RoomSettings(**section("room")),
        game=GameLimits(**section("game")),
        retention=RetentionSettings(**section("retention")),
        logging=LoggingSettings(**section("logging")),
    )
