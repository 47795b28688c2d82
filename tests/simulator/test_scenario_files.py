"""What is wrong with a scenario's file is named by its line, all of it at once."""

from pathlib import Path

import pytest

from planning_poker_simulator.scenarios import BadScenario, Scenario, load_scenario
from planning_poker_simulator.scenarios.shelf import read_scenario

GOOD = """\
name: A good one
players:
  - Ada
  - name: Bob
    role: observer
  - name: Voter
    count: 3
actions:
  - join: everyone
outcomes:
  - phase: lobby
"""


def problems(text: str) -> list[str]:
    """Of a file: "12: what is wrong"."""
    with pytest.raises(BadScenario) as error:
        load_scenario(text, "x.yaml")
    assert str(error.value).startswith("x.yaml:")
    return [f"{line}: {what}" for line, what in error.value.problems]


def with_actions(*lines: str) -> str:
    actions = "".join(f"  {line}\n" for line in lines)
    return GOOD.replace("  - join: everyone\n", actions)


def with_outcome(line: str) -> str:
    return GOOD.replace("  - phase: lobby\n", f"  {line}\n")


def loaded(*actions: str) -> Scenario:
    return load_scenario(with_actions(*actions), "x.yaml")


def test_all_that_is_wrong_is_named_by_line_and_in_order() -> None:
    text = (
        GOOD.replace("observer", "observr").replace("lobby", "lobbi").replace("name: A", "nam: A")
    )
    assert problems(text) == [
        "1: the scenario needs “name”",
        "1: the scenario has no “nam” (did you mean “name”?); it takes name, description, "
        "settings, server, players, actions or outcomes",
        "5: players[2].role must be voter or observer, not “observr” (did you mean “observer”?)",
        "11: outcomes[1].phase must be lobby, voting, revealed or ended, not “lobbi” "
        "(did you mean “lobby”?)",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("- vot: {Ada: 5}", "actions[1]: there is no action “vot” (did you mean “vote”?)"),
        ("- vote: {Adda: 5}", "actions[1].vote names “Adda”, who is none of the players"),
        ("- vote: Ada", "actions[1].vote must be names with what belongs to each"),
        ("- vote: {Ada: 5, Ada: 8}", "actions[1].vote has “Ada” twice"),
        ("- join: [Ada, Ada]", "actions[1].join names Ada twice"),
        ("- {join: Ada, leave: Ada}", "is an action and says both “join” and “leave”"),
        ("- {join: Ada, after: -5s}", "actions[1].after must be a time such as 200ms"),
        ("- {join: Ada, after: 5}", "actions[1].after must be a time such as 200ms"),
        ("- advance: 400d", "actions[1].advance is longer than a year: 400d"),
        ("- reveal: now", "actions[1].reveal takes nothing, not “now”"),
        ("- {reveal: , force: perhaps}", "actions[1].force must be yes or no"),
        ("- {reveal: , expect: CLOSED}", "actions[1].expect must be a known one, not “CLOSED”"),
        ("- {reveal: , by: [Ada]}", "actions[1].by must be a text, not a list"),
        ("- {reveal: , by: Voter}", "actions[1].by must be one player"),
        ("- {freeze: Ada, expect: ROUND_CLOSED}", "has no “expect”"),
        ("- {hold: Ada, direction: up}", "direction must be to_player, to_server or both"),
        ("- change_role: {Ada: boss}", "must be voter or observer, not “boss”"),
        ("- change_game: {deck: tarot}", "deck must be fibonacci,"),
        ("- {repeat: 0, actions: []}", "repeat must be a whole number from 1 to 1,000"),
        ("- {repeat: 2}", "actions[1] needs “actions”"),
        ("- {for_each: Bobb, actions: []}", "names “Bobb”, who is none of the players"),
        ("- parallel: [{check: []}]", "actions[1].parallel cannot hold “check”"),
        ("- check: [{voters: Ada}]", "check[1]: there is no outcome “voters”"),
        ("- 5", "actions[1] must be keys with values, not “5”"),
        ("- &a {join: *a}", "aliases (*name) are not for scenarios"),
        ("- join: [", "this is not YAML"),
    ],
)
def test_an_action_that_cannot_be_is_named(line: str, problem: str) -> None:
    found = problems(with_actions(line))
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("- votes: {Eve: 5}", "outcomes[1].votes names “Eve”"),
        ("- events: {vote_submited: 1}", "not “vote_submited” (did you mean “vote_submitted”?)"),
        ("- events: {vote_submitted: few}", "must be a whole number"),
        ("- saw: {Ada: reveal}", "saw.Ada must be a known one, not “reveal”"),
        (
            "- statistics: {average: 5}",
            "agreement, consensus_card or suggested_card, not “average”",
        ),
        ("- {delivery: votes_revealed, pending: Eve}", "outcomes[1].pending names “Eve”"),
        ("- {phase: lobby, story: Login}", "outcomes[1] has no “story”"),
    ],
)
def test_an_outcome_that_cannot_be_is_named(line: str, problem: str) -> None:
    found = problems(with_outcome(line))
    assert any(problem in each and each.startswith("11: ") for each in found), found


def test_players_of_the_same_name_are_named() -> None:
    text = GOOD.replace("name: Bob", "name: Ada")
    assert "4: players[2].name “Ada” is another player's already" in problems(text)
    assert "6: players[3].name “Ada” is another player's already" in problems(
        GOOD.replace("name: Voter", "name: Ada")
    )


def test_cards_are_what_is_written_whatever_yaml_makes_of_it() -> None:
    (step,) = loaded('- vote: {Ada: 5, Voter 1: "5", Voter 2: no, Voter 3: 0.5}').actions
    assert step.pairs == (("Ada", "5"), ("Voter 1", "5"), ("Voter 2", "no"), ("Voter 3", "0.5"))


def loaded_players(line: str) -> tuple[str, ...]:
    return loaded(line).actions[0].players


def test_players_are_named_alone_in_lists_in_crowds_and_but_for_some() -> None:
    crowd = ("Voter 1", "Voter 2", "Voter 3")
    assert loaded_players("- join: Ada") == ("Ada",)
    assert loaded_players("- join: [Bob, Ada]") == ("Bob", "Ada")
    assert loaded_players("- join: everyone") == ("Ada", "Bob", *crowd)
    assert loaded_players("- join: everyone but Ada") == ("Bob", *crowd)
    assert loaded_players("- join: everyone but Voter") == ("Ada", "Bob")
    assert loaded_players("- join: Voter") == crowd


def test_what_is_repeated_is_written_out_with_its_line() -> None:
    scenario = loaded(
        "- repeat: 2",
        "  actions:",
        "    - start: Story $n",
        "    - for_each: [Ada, Bob]",
        "      actions:",
        "        - vote: {$player: $n}",
    )
    assert [(each.line, each.verb, each.text, each.pairs) for each in scenario.actions] == [
        (11, "start", "Story 1", ()),
        (14, "vote", "", (("Ada", "1"),)),
        (14, "vote", "", (("Bob", "1"),)),
        (11, "start", "Story 2", ()),
        (14, "vote", "", (("Ada", "2"),)),
        (14, "vote", "", (("Bob", "2"),)),
    ]


def test_what_is_repeated_without_end_is_too_much() -> None:
    many = "{repeat: 1000, actions: [{repeat: 1000, actions: [{reveal: }]}]}"
    assert any("more than 10,000" in each for each in problems(with_actions(f"- {many}")))
    deep = "{repeat: 1, actions: [" * 10 + "]}" * 10
    assert any("nested too deeply" in each for each in problems(with_actions(f"- {deep}")))


@pytest.mark.parametrize(
    "text", ["", "[" * 5_000, "a: b: c", "--- 1\n--- 2", "- just a list", "\t"]
)
def test_what_is_no_scenario_at_all_is_told(text: str) -> None:
    assert problems(text)


def test_a_file_that_is_too_large_or_not_there_is_told(tmp_path: Path) -> None:
    assert problems("#" * 300_000) == ["1: the file has more than 262,144 characters"]
    with pytest.raises(BadScenario, match="cannot be read: No such file"):
        read_scenario(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadScenario, match="it is not UTF-8"):
        read_scenario(tmp_path / "bytes.yaml")


def written(folder: Path, text: str) -> Path:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_setting_that_the_server_does_not_have_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("players:", "server:\n  room: {settle: 5}\nplayers:", 1)
    with pytest.raises(BadScenario, match=r"x\.yaml:2: server: .*room\.settle"):
        read_scenario(written(tmp_path, text))


def test_what_only_a_server_of_our_own_can_do_is_refused_elsewhere_with_its_line(
    tmp_path: Path,
) -> None:
    text = with_actions(
        "- join: Ada", "- kill_server:", "- {reveal: , after: 2m}", "- parallel: [{stop_server: }]"
    )
    with pytest.raises(BadScenario) as error:
        read_scenario(written(tmp_path, text), elsewhere=True)
    assert [line for line, _ in error.value.problems] == [10, 11, 12]
    assert "kill_server" in error.value.problems[0].what
