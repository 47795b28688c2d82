"""Seeds to be run in every test: those that find a bug of ours again, and some that find none.

What a seed means changes whenever the simulation does. So each bug that was
found is kept as a mutation, too, by which its seed can be found anew.
"""

from typing import Final

from tests.simulation import mutations

_REFUSED: Final = "refused without effect"
REGRESSIONS: Final[dict[mutations.Plant, tuple[int, str]]] = {
    mutations.a_refusal_speaks_for_earlier_attempts: (95, _REFUSED),
    mutations.who_left_stays_present: (1, "presence"),
    mutations.what_is_blocked_hides_an_acknowledgement: (21, "no redelivery without cause"),
    mutations.a_doubt_is_forgotten_once_it_is_settled: (50, _REFUSED),
    mutations.who_loses_the_seat_by_it_gets_no_receipt: (297, _REFUSED),
    mutations.a_lost_seat_speaks_for_earlier_tries: (688, _REFUSED),
    mutations.a_seat_that_was_lost_with_its_stream_is_held: (1203, "presence"),
}
"""Each bug that the simulation found in our code, and a seed and a checker that find it."""

CLEAN: Final = tuple(range(20))
