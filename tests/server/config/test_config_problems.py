from pathlib import Path

import pytest

from planning_poker_server.config_loader import ConfigurationError, load_settings
from planning_poker_server.config_rules import RULES, Number, Rule, Whole

SHIPPED = Path("config")


def problems(environ: dict[str, str] | None = None, config: Path = SHIPPED) -> list[str]:
    """What is said about this configuration, which must be refused."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config, environ or {})
    assert str(caught.value).splitlines()[1:] == [f"  {line}" for line in caught.value.problems]
    return list(caught.value.problems)


def only_problem(environ: dict[str, str] | None = None, config: Path = SHIPPED) -> str:
    (problem,) = problems(environ, config)
    return problem


def config_with(base: Path, text: str) -> Path:
    (base / "development.toml").write_text("", encoding="utf-8")
    (base / "local.toml").write_text(text, encoding="utf-8")
    return base


def test_one_message_names_every_bad_and_unknown_key_and_where_it_came_from(
    tmp_path: Path,
) -> None:
    text = "colour = 1\n[server]\nport = 'x'\nprot = 5\n[sever]\nhost = 'a'\n"
    config = config_with(tmp_path, text)
    environ = {
        "ENVIRONMENT": "prod",
        "PLANNING_POKER_ROOM__IDLE_MS": "-1",
        "PLANNING_POKER_STREAM__WINDOW": "5",
        "PLANNING_POKER_PORT": "5",
    }
    local = config / "local.toml"
    assert problems(environ, config) == [
        f"environment: 'prod' (from ENVIRONMENT) has no file in {str(config)!r}; "
        "there is: development",
        "colour: is not a setting; the sections are database, game, logging, room, server, stream "
        f"(from {local})",
        f"server.prot: is not a setting; did you mean server.port? (from {local})",
        f"sever.host: is not a setting; did you mean server.host? (from {local})",
        "port: is not a setting; did you mean server.port? (from PLANNING_POKER_PORT)",
        "stream.window: is not a setting; did you mean stream.window_bytes? "
        "(from PLANNING_POKER_STREAM__WINDOW)",
        f"server.port: must be a whole number from 0 to 65535, not 'x' (from {local})",
        "room.idle_ms: must be a whole number from 0 to 86400000, not -1 "
        "(from PLANNING_POKER_ROOM__IDLE_MS)",
    ]


def test_an_unknown_environment_is_told_which_there_are() -> None:
    for name in ("prod", "../production", "default", "local", "Production", "a/b"):
        problem = only_problem({"PLANNING_POKER_ENVIRONMENT": name})
        assert problem.startswith(f"environment: {name!r} (from PLANNING_POKER_ENVIRONMENT)")
        assert problem.endswith("there is: development, production, staging")


@pytest.mark.parametrize(
    "variable",
    [
        "PLANNING_POKER_SERVER",
        "PLANNING_POKER_SERVER_PORT",
        "PLANNING_POKER_SERVER__PORT__LOW",
        "PLANNING_POKER___PORT",
        "PLANNING_POKER_",
    ],
)
def test_a_variable_that_matches_no_setting_is_refused(variable: str) -> None:
    problem = only_problem({variable: "1"})
    assert "is not a setting; " in problem
    assert problem.endswith(f"(from {variable})")


@pytest.mark.parametrize("text", ["abc", "1.0", "1e3", "true", "", "[1]", "{a=1}", "65536", "-1"])
def test_a_whole_number_is_not_anything_else(text: str) -> None:
    problem = only_problem({"PLANNING_POKER_SERVER__PORT": text})
    assert problem.startswith("server.port: must be a whole number from 0 to 65535, not ")


@pytest.mark.parametrize("text", ["1", "yes", "on", "TRUE", ""])
def test_a_boolean_is_not_what_merely_looks_like_one(text: str) -> None:
    problem = only_problem({"PLANNING_POKER_SERVER__REFLECTION": text})
    assert problem.startswith("server.reflection: must be true or false, not ")


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "true", "fast", "0"])
def test_a_rate_is_a_finite_number_in_its_range(text: str) -> None:
    problem = only_problem({"PLANNING_POKER_STREAM__COMMANDS_PER_SECOND": text})
    assert problem.startswith("stream.commands_per_second: must be a number from 0.1 to 100000")


def test_a_choice_names_what_there_is_to_choose_from() -> None:
    problem = only_problem({"PLANNING_POKER_LOGGING__FORMAT": "xml"})
    assert problem.startswith("logging.format: must be one of text, json, not 'xml'")


def test_the_database_url_is_never_repeated_since_it_may_hold_a_password() -> None:
    for url in ("postgresql://ada:hunter2@db/x", "@int hunter2", "sqlite://hunter2"):
        problem = only_problem({"PLANNING_POKER_DATABASE__URL": url})
        assert problem.startswith("database.url: ")
        assert "hunter2" not in problem


def test_the_value_of_an_unknown_key_is_never_repeated() -> None:
    assert "hunter2" not in only_problem({"PLANNING_POKER_API_TOKEN": "hunter2"})


def test_a_long_value_is_cut_and_a_hostile_one_escaped(tmp_path: Path) -> None:
    long = only_problem({"PLANNING_POKER_LOGGING__LEVEL": "x" * 10_000})
    assert len(long) < 300
    hostile = only_problem(
        config=config_with(tmp_path, '"a\\nb\\u001b[31m" = 1\n[logging]\nlevel = "INFO"')
    )
    assert "\x1b" not in hostile
    assert hostile.startswith("a\\nb\\x1b[31m: is not a setting")


def test_a_value_that_cannot_be_read_names_its_key() -> None:
    environ = {"PLANNING_POKER_SERVER__PORT": "@int x", "PLANNING_POKER_SERVER__HOST": "@jinja x"}
    port, host = sorted(problems(environ), reverse=True)
    assert port.startswith("server.port: Cannot convert 'x' to integer")
    assert host.startswith("server.host: ")


def test_a_setting_that_a_variable_deletes_is_missing() -> None:
    problem = only_problem({"PLANNING_POKER_ROOM__IDLE_MS": "@del"})
    assert problem.startswith("room.idle_ms: is missing; it must be a whole number")


@pytest.mark.parametrize("line", ["port = '5'", "port = 5.0", "port = true", "port = [5]"])
def test_a_file_is_not_read_more_kindly_than_toml_is(tmp_path: Path, line: str) -> None:
    problem = only_problem(config=config_with(tmp_path, f"[server]\n{line}"))
    assert problem.startswith("server.port: must be a whole number")


def test_a_section_that_is_no_table_is_refused(tmp_path: Path) -> None:
    problem = only_problem(config=config_with(tmp_path, "server = 5"))
    assert problem.startswith("server: must be a table of settings")


def test_dynaconfs_own_markers_in_a_file_are_unknown_keys(tmp_path: Path) -> None:
    config = config_with(tmp_path, "dynaconf_include = ['/etc/passwd']\n[server]\ndynaconf_merge=1")
    assert [line.split(":")[0] for line in problems(config=config)] == [
        "dynaconf_include",
        "server.dynaconf_merge",
    ]


@pytest.mark.parametrize("content", [b"[server\nport = 1", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    config = config_with(tmp_path, "")
    (config / "local.toml").write_bytes(content)
    assert only_problem(config=config).startswith(f"{config / 'local.toml'}: cannot be read: ")


def test_settings_that_contradict_each_other_are_both_named() -> None:
    problem = only_problem({"PLANNING_POKER_STREAM__MAX_UNANSWERED": "8"})
    assert problem == (
        "stream.max_unanswered_per_game: must not be above stream.max_unanswered (16 > 8)"
    )


def test_what_kubernetes_sets_for_a_service_of_our_name_is_left_alone() -> None:
    links = {
        "PLANNING_POKER_SERVICE_HOST": "10.0.0.1",
        "PLANNING_POKER_SERVICE_PORT": "50051",
        "PLANNING_POKER_SERVICE_PORT_GRPC": "50051",
        "PLANNING_POKER_PORT": "tcp://10.0.0.1:50051",
        "PLANNING_POKER_PORT_50051_TCP": "tcp://10.0.0.1:50051",
        "PLANNING_POKER_PORT_50051_TCP_ADDR": "10.0.0.1",
    }
    load_settings(SHIPPED, links | {"KUBERNETES_SERVICE_HOST": "10.0.0.2"})
    assert len(problems(links)) == len(links), "elsewhere they are mistakes"
    mistake = {"KUBERNETES_SERVICE_HOST": "10.0.0.2", "PLANNING_POKER_PORT": "5"}
    assert only_problem(mistake).startswith("port: is not a setting")


def bounds() -> list[tuple[str, Rule, float]]:
    """Each numeric setting with a value just outside, on either side."""
    cases: list[tuple[str, Rule, float]] = []
    for path, rule in RULES.items():
        if isinstance(rule, Whole):
            cases += [(path, rule, rule.low - 1), (path, rule, rule.high + 1)]
        elif isinstance(rule, Number):
            cases += [(path, rule, rule.low / 2), (path, rule, rule.high * 2)]
    return cases


@pytest.mark.parametrize(("path", "rule", "value"), bounds())
def test_a_number_out_of_its_range_is_refused_with_the_range(
    path: str, rule: Rule, value: float
) -> None:
    variable = "PLANNING_POKER_" + path.upper().replace(".", "__")
    assert f"{path}: must be {rule.wanted}, not {value} (from {variable})" in problems(
        {variable: str(value)}
    )
