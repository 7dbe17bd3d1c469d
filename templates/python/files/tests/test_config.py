"""The environment: defaults, what is set, and mistakes by name."""

import pytest

from service.config import Config, ConfigError, read_config


def test_an_empty_environment_gives_the_defaults() -> None:
    """A new service starts with no setting at all."""
    config = read_config({"PORT": ""})

    assert config == Config()
    assert (config.port, config.host, config.log_level, config.version) == ([[ port ]], None, "info", "development")
    assert (config.shutdown_delay_ms, config.shutdown_timeout_ms) == (5_000, 20_000)


def test_what_is_set_is_used() -> None:
    """Variables are the fields' names in capitals."""
    config = read_config({"PORT": "0", "HOST": "127.0.0.1", "LOG_LEVEL": "debug", "VERSION": "abc"})

    assert config == Config(port=0, host="127.0.0.1", log_level="debug", version="abc")


def test_each_service_url_is_a_dependency() -> None:
    """The platform sets one for each service that this one may call."""
    config = read_config(
        {
            "VEHICLES_SERVICE_URL": "http://vehicles:3000/",
            "PRICE_LIST_2_SERVICE_URL": "https://prices/api",
            "REQUIRED_DEPENDENCIES": "vehicles, ",
        }
    )

    assert config.dependencies == {"vehicles": "http://vehicles:3000", "price-list-2": "https://prices/api"}
    assert config.required_dependencies == {"vehicles"}


@pytest.mark.parametrize("port", ["eighty", "-1", "65536", "3.5", "80.0", "0x50", " 80", "8_0"])
def test_a_bad_port_is_refused_by_name(port: str) -> None:
    """A service that takes another port instead looks alive and is never reached."""
    with pytest.raises(ConfigError, match=r"^PORT must be .*, not "):
        read_config({"PORT": port})


@pytest.mark.parametrize("url", ["vehicles:3000", "ftp://vehicles", "http://", "http://vehicles?a=b", "http://v/#top"])
def test_a_bad_url_is_refused_by_name(url: str) -> None:
    """Paths are put behind it, so it has to be an address and no more."""
    with pytest.raises(ConfigError, match=r"^VEHICLES_SERVICE_URL must be an http"):
        read_config({"VEHICLES_SERVICE_URL": url})


def test_all_mistakes_are_named_at_once() -> None:
    """Nobody should have to start the service once for each of them."""
    with pytest.raises(ConfigError) as refused:
        read_config({"PORT": "x", "LOG_LEVEL": "loud", "A_SERVICE_URL": "b", "REQUIRED_DEPENDENCIES": "big-one"})

    named = [mistake.split()[0] for mistake in str(refused.value).split("; ")]
    assert named == ["PORT", "LOG_LEVEL", "A_SERVICE_URL", "REQUIRED_DEPENDENCIES"]
    assert "BIG_ONE_SERVICE_URL" in str(refused.value)
