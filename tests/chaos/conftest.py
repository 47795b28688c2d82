from tests.integration.conftest import only_warnings as only_warnings
