"""What is exported; that it truly arrives is in `test_process`."""

import pytest

from service.telemetry import exported

EVERYTHING = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("env", "sent"),
    [
        pytest.param({}, set(), id="no endpoint"),
        pytest.param(EVERYTHING, {"traces", "metrics", "logs"}, id="one for all"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://tempo:4318/v1/traces"}, {"traces"}, id="its own"),
        pytest.param(
            EVERYTHING | {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}, {"traces"}, id="switched off"
        ),
    ],
)
def test_what_is_exported_is_said_by_opentelemetrys_own_variables(
    env: dict[str, str], sent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform collects metrics and logs in another way, and says so."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert {signal for signal in ("traces", "metrics", "logs") if exported(signal)} == sent
