"""Nothing is sent twice to whom the test tools did no harm."""

from tests.integration.wiretap import wiretap as wiretap
