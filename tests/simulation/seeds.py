"""Seeds to be run in every test: those that find a bug of ours again, and some that find none.

What a seed means changes whenever the simulation does. So each bug that was
found is kept as a mutation, too, by which its seed can be found anew.
"""

from typing import Final

from tests.simulation import mutations

REGRESSIONS: Final[dict[mutations.Plant, int]] = {
    mutations.a_refusal_speaks_for_earlier_attempts: 12,
    mutations.who_left_stays_present: 1,
    mutations.what_is_blocked_hides_an_acknowledgement: 24,
    mutations.a_doubt_is_forgotten_once_it_is_settled: 11,
    mutations.who_loses_the_seat_by_it_gets_no_receipt: 123,
}
"""Each bug that the simulation found in our code, and a seed that finds it."""

CLEAN: Final = tuple(range(20))
