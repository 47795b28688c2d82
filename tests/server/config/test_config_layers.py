import dataclasses
import tomllib
from pathlib import Path

import pytest

from planning_poker_server.config_loader import (
    ConfigurationError,
    bundled_config_dir,
    find_config_dir,
    load_settings,
)
from planning_poker_server.config_rules import RULES
from planning_poker_server.settings import Settings

SHIPPED = Path("config")


def folder(base: Path, **files: str) -> Path:
    """A configuration folder with an empty development.toml and these files."""
    base.mkdir(exist_ok=True)
    for name, text in {"development": "", **files}.items():
        (base / f"{name}.toml").write_text(text, encoding="utf-8")
    return base


def test_the_environment_is_development_unless_a_variable_says_otherwise() -> None:
    assert load_settings(SHIPPED, {}).environment == "development"
    assert load_settings(SHIPPED, {"ENVIRONMENT": "staging"}).environment == "staging"
    both = {"ENVIRONMENT": "staging", "PLANNING_POKER_ENVIRONMENT": "production"}
    assert load_settings(SHIPPED, both).environment == "production"


def test_an_empty_variable_names_no_environment() -> None:
    environ = {"PLANNING_POKER_ENVIRONMENT": "", "ENVIRONMENT": "production"}
    assert load_settings(SHIPPED, environ).environment == "production"


def test_each_layer_overrides_the_one_before_and_keeps_the_rest(tmp_path: Path) -> None:
    config = folder(
        tmp_path,
        default="[server]\nport = 1\nmax_connections = 1\nhost = 'a'\nnode_id = 'a'",
        development="[server]\nport = 2\nmax_connections = 2\nhost = 'b'",
        local="[server]\nport = 3\nmax_connections = 3",
    )
    environ = {"PLANNING_POKER_SERVER__PORT": "4"}
    server = load_settings(config, environ).server
    assert (server.port, server.max_connections, server.host, server.node_id) == (4, 3, "b", "a")


def test_overrides_stand_above_the_variables() -> None:
    environ = {"PLANNING_POKER_SERVER__PORT": "4"}
    assert load_settings(SHIPPED, environ, overrides={"server.port": 5}).server.port == 5


def test_a_caller_may_name_the_environment_itself() -> None:
    settings = load_settings(SHIPPED, {"ENVIRONMENT": "staging"}, environment="production")
    assert settings.environment == "production"


def test_a_folder_may_leave_out_what_the_program_has_a_default_for(tmp_path: Path) -> None:
    config = folder(tmp_path, default="[server]\nport = 7")
    settings = load_settings(config, {})
    assert settings.server.port == 7
    assert settings.room == load_settings(SHIPPED, {}).room


def test_the_files_of_other_environments_are_not_read(tmp_path: Path) -> None:
    config = folder(tmp_path, staging="[nonsense]\nx = 1", **{"default.local": "[x]\ny = 1"})
    assert load_settings(config, {}).environment == "development"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50052", 50052), ("5_000", 5000), ("@int 9", 9), ("0x10", 16)],
)
def test_a_variable_is_read_as_a_number_where_a_number_is_wanted(text: str, expected: int) -> None:
    assert load_settings(SHIPPED, {"PLANNING_POKER_SERVER__PORT": text}).server.port == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), ("True", True), ("false", False), ("False", False)]
)
def test_a_variable_is_read_as_a_boolean_where_one_is_wanted(text: str, expected: bool) -> None:
    settings = load_settings(SHIPPED, {"PLANNING_POKER_SERVER__REFLECTION": text})
    assert settings.server.reflection is expected


@pytest.mark.parametrize("text", ["007", "12", "1.5", "true", "node-1", ""])
def test_a_variable_stays_text_where_text_is_wanted(text: str) -> None:
    assert load_settings(SHIPPED, {"PLANNING_POKER_SERVER__NODE_ID": text}).server.node_id == text


def test_a_whole_number_serves_where_any_number_is_wanted() -> None:
    environ = {"PLANNING_POKER_STREAM__COMMANDS_PER_SECOND": "20"}
    rate = load_settings(SHIPPED, environ).stream.commands_per_second
    assert rate == 20.0
    assert isinstance(rate, float)


def test_a_value_can_come_from_a_file_that_holds_a_secret(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("sqlite:///from-a-file.db")
    environ = {"PLANNING_POKER_DATABASE__URL": f"@read_file {secret}"}
    assert load_settings(SHIPPED, environ).database.url == "sqlite:///from-a-file.db"


def test_the_process_variables_are_read_when_none_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANNING_POKER_SERVER__PORT", "6")
    assert load_settings(SHIPPED).server.port == 6


def test_two_loads_share_nothing() -> None:
    load_settings(SHIPPED, {"PLANNING_POKER_SERVER__PORT": "4"})
    assert load_settings(SHIPPED, {}).server.port == 50051


def test_settings_of_dynaconf_itself_have_no_part_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 1")
    for name in ("SETTINGS_FILE", "INCLUDES", "PRELOAD", "SECRETS"):
        monkeypatch.setenv(f"{name}_FOR_DYNACONF", str(other))
    monkeypatch.setenv("DYNACONF_SERVER__PORT", "2")
    assert load_settings(SHIPPED).server.port == 50051


def test_the_folder_is_the_named_one_then_the_present_one_then_the_bundled_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config_dir({}) == bundled_config_dir()
    folder(tmp_path / "config")
    assert find_config_dir({}) == bundled_config_dir(), "a folder without default.toml is not ours"
    folder(tmp_path / "config", default="")
    assert find_config_dir({}) == Path("config")
    assert find_config_dir({"PLANNING_POKER_CONFIG_DIR": "/etc/pp"}) == Path("/etc/pp")


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no configuration folder 'nowhere'"):
        load_settings(None, {"PLANNING_POKER_CONFIG_DIR": "nowhere"})


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_shipped_environment_loads(environment: str) -> None:
    settings = load_settings(SHIPPED, {"ENVIRONMENT": environment})
    assert settings.environment == environment


def test_production_logs_for_programs_and_tells_strangers_nothing() -> None:
    settings = load_settings(SHIPPED, {"ENVIRONMENT": "production"})
    assert settings.logging.format == "json"
    assert settings.server.reflection is False
    assert settings.server.host == "127.0.0.1", "plain text must not leave the machine by default"


def test_default_toml_holds_every_setting_and_every_setting_has_a_rule() -> None:
    content = tomllib.loads((SHIPPED / "default.toml").read_text())
    in_file = {f"{section}.{key}" for section, keys in content.items() for key in keys}
    sections = {
        field.name: field.type
        for field in dataclasses.fields(Settings)
        if dataclasses.is_dataclass(field.type)
    }
    frozen = {
        f"{name}.{field.name}"
        for name, kind in sections.items()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
    }
    assert in_file == frozen == set(RULES)
