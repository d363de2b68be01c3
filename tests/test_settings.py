"""A wrong value stops the start with one line: the key, its fault, the variable, the mend."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.commands.serve import known_secrets
from bot.errors import SettingsError
from bot.settings import Settings, load_settings

KEY = "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = caught.value.message
    assert "\n" not in message
    return message


def from_file(text: str) -> Settings:
    Path("config.yml").write_text(text, encoding="utf-8")
    return load_settings()


def test_nothing_set_runs_as_shipped() -> None:
    shipped = load_settings()
    assert shipped.wecom.api_base == "https://qyapi.weixin.qq.com/cgi-bin/"
    assert shipped.dialogue.auto_send is False
    assert shipped.database.url.startswith("sqlite+aiosqlite:///")
    assert shipped.http.host == "127.0.0.1"
    assert len(shipped.wecom.missing()) == 4


def test_the_shipped_file_says_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[1])
    assert load_settings().model_dump() == Settings().model_dump()


def test_journeys_run_when_asked_and_in_rehearsals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings().outreach_runs
    monkeypatch.setenv("BOT_CLOCK__START", "2026-11-23T08:00:00+08:00")
    assert load_settings().outreach_runs
    monkeypatch.setenv("BOT_OUTREACH__ENABLED", "false")
    assert not load_settings().outreach_runs
    monkeypatch.delenv("BOT_CLOCK__START")
    monkeypatch.setenv("BOT_OUTREACH__ENABLED", "true")
    assert load_settings().outreach_runs


FIXED = {
    "BOT_HTTP__HOST": ("0.0.0.0", lambda one: one.http.host),
    "BOT_HTTP__PORT": ("9000", lambda one: str(one.http.port)),
    "BOT_DATABASE__URL": ("postgresql+psycopg://u:p@h/db", lambda one: one.database.url),
    "BOT_WECOM__API_BASE": ("http://127.0.0.1:1/cgi-bin/", lambda one: one.wecom.api_base),
    "BOT_WECOM__CORP_ID": ("ww1", lambda one: one.wecom.corp_id),
    "BOT_WECOM__AGENT_ID": ("1000002", lambda one: str(one.wecom.agent_id)),
    "BOT_WECOM__SECRET": ("s3cret", lambda one: one.wecom.secret.get_secret_value()),
    "BOT_WECOM__TOKEN": ("t0ken", lambda one: one.wecom.token.get_secret_value()),
    "BOT_WECOM__ENCODING_AES_KEY": (
        KEY,
        lambda one: one.wecom.encoding_aes_key.get_secret_value(),
    ),
    "BOT_API__TOKEN": ("api-token", lambda one: one.api.token.get_secret_value()),
    "BOT_NLU__ENGINE": ("rasa", lambda one: one.nlu.engine),
    "BOT_NLU__RASA_URL": ("http://127.0.0.1:5005", lambda one: one.nlu.rasa_url),
    "BOT_DIALOGUE__AUTO_SEND": ("True", lambda one: str(one.dialogue.auto_send)),
    "BOT_DIALOGUE__BURST_SECONDS": ("1.5", lambda one: str(one.dialogue.burst_seconds)),
}


@pytest.mark.parametrize("variable", FIXED)
def test_every_promised_variable_is_read(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    value, read = FIXED[variable]
    monkeypatch.setenv(variable, value)
    assert read(load_settings()) == value


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_HTTP__PORT", "9001")
    loaded = from_file("http: {port: 9000, host: 0.0.0.0}\n")
    assert (loaded.http.port, loaded.http.host) == (9001, "0.0.0.0")


def test_bot_config_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("http: {port: 9100}\n")
    monkeypatch.setenv("BOT_CONFIG", str(tmp_path / "mine.yml"))
    assert load_settings().http.port == 9100
    (tmp_path / "other.yml").write_text("http: {port: 9200}\n")
    assert load_settings(tmp_path / "other.yml").http.port == 9200


@pytest.mark.parametrize("value", ["a, b,,c", '["a", "b", "c"]'])
def test_lists_from_the_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BOT_DIALOGUE__AUTO_INTENTS", value)
    assert load_settings().dialogue.auto_intents == ["a", "b", "c"]


def test_an_empty_agent_id_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_WECOM__AGENT_ID", "")
    assert load_settings().wecom.agent_id is None


def test_an_empty_section_is_its_defaults() -> None:
    assert from_file("http:\nwecom:\n").http.port == 8800


def test_an_empty_file_is_the_defaults() -> None:
    assert from_file("# nothing\n").http.port == 8800


@pytest.mark.parametrize("base", ["http://a/cgi-bin", "http://a/cgi-bin/", "http://a/cgi-bin//"])
def test_the_api_base_ends_with_one_slash(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    monkeypatch.setenv("BOT_WECOM__API_BASE", base)
    assert load_settings().wecom.api_base == "http://a/cgi-bin/"


WRONG = {
    ("BOT_HTTP__PORT", "http.port"): ["eighty", "", "65536", "-1", "1.5"],
    ("BOT_DATABASE__URL", "database.url"): [
        "mysql://a/b",
        "",
        "sqlite:///x",
        "postgresql+psycopg://u:p@h:port/db",
        "postgresql+psycopg://u:p@[::1/db",
    ],
    ("BOT_WECOM__API_BASE", "wecom.api_base"): ["qyapi.weixin.qq.com", "", "ftp://x"],
    ("BOT_WECOM__AGENT_ID", "wecom.agent_id"): ["agent"],
    ("BOT_WECOM__ENCODING_AES_KEY", "wecom.encoding_aes_key"): [
        "short",
        KEY + "=",
        KEY[:-1] + "-",
    ],
    ("BOT_WECOM__TIMEOUT_SECONDS", "wecom.timeout_seconds"): ["0", "61", "nan", "soon"],
    ("BOT_NLU__ENGINE", "nlu.engine"): ["gpt", "", "Rasa"],
    ("BOT_DIALOGUE__AUTO_SEND", "dialogue.auto_send"): ["maybe", ""],
    ("BOT_DIALOGUE__AUTO_INTENTS", "dialogue.auto_intents"): ['["greet"', '{"a": 1}'],
    ("BOT_DIALOGUE__BURST_SECONDS", "dialogue.burst_seconds"): ["-1", "61", "x"],
    ("BOT_DIALOGUE__AUTO_CONFIDENCE", "dialogue.auto_confidence"): ["1.1", "90%"],
    ("BOT_SHOP__TIMEZONE", "shop.timezone"): ["Mars/Base", "", "Asia", "../etc", "/etc/passwd"],
    ("BOT_SHOP__NAME", "shop.name"): ["", "x" * 41],
    ("BOT_LOGGING__LEVEL", "logging.level"): ["loud", "info"],
    ("BOT_HTTP__COLOUR", "http.colour"): ["blue"],
    ("BOT_HTTP", "http"): ["9000"],
}
CASES = [(*names, value) for names, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("variable", "key", "value"), CASES)
def test_a_wrong_value_names_key_variable_and_fault(
    monkeypatch: pytest.MonkeyPatch, variable: str, key: str, value: str
) -> None:
    message = refused(monkeypatch, **{variable: value})
    assert f"设置 {key}" in message
    assert variable in message
    assert "config.yml" in message


FILES = {
    "not YAML": "http: {port: 9000\n",
    "a tab": "http:\n\tport: 9000\n",
    "a list": "- a\n- b\n",
    "a word": "hello\n",
    "an unknown section": "htpp:\n  port: 9000\n",
    "a numeric key": "1: 2\n",
    "a numeric key inside": "http: {1: 2}\n",
    "a list for a section": "http: [1]\n",
    "a control character": "http: \x00\n",
    "an object": "http: !!python/object/apply:os.system ['true']\n",
    "a date for a name": "shop: {name: 2026-11-20}\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_wrong_file_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_file(text)
    assert "config.yml" in caught.value.message
    assert "\n" not in caught.value.message
    assert not re.search(r"found|expect|scanning|\[Errno", caught.value.message)


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nowhere.yml" in refused(monkeypatch, BOT_CONFIG="nowhere.yml")


def test_a_folder_or_a_picture_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "读不了" in refused(monkeypatch, BOT_CONFIG=".")
    Path("picture.yml").write_bytes(b"\x89PNG\xff\xfe")
    assert "picture.yml" in refused(monkeypatch, BOT_CONFIG="picture.yml")


def test_several_faults_name_the_first_and_count_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = refused(
        monkeypatch, BOT_HTTP__PORT="x", BOT_WECOM__AGENT_ID="y", BOT_NLU__ENGINE="z"
    )
    assert "另有 2 处" in message


SECRETS = {
    "BOT_WECOM__ENCODING_AES_KEY": "not-the-right-length-7Hq2",
    "BOT_DATABASE__URL": "mysql://bot:not-for-logs-7Hq2@h/db",
}


@pytest.mark.parametrize("variable", SECRETS)
def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    message = refused(monkeypatch, **{variable: SECRETS[variable]})
    assert "7Hq2" not in message


def test_a_secret_in_the_wrong_shape_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        from_file("wecom: {secret: [not-for-logs-7Hq2], token: {a: not-for-logs-7Hq2}}\n")
    assert "7Hq2" not in caught.value.message


def test_settings_never_show_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("WECOM__SECRET", "WECOM__TOKEN", "API__TOKEN", "NLU__RASA_TOKEN"):
        monkeypatch.setenv(f"BOT_{variable}", f"hidden-7Hq2-{variable}")
    loaded = load_settings()
    assert "7Hq2" not in f"{loaded!r} {loaded} {loaded.model_dump()}"
    assert sum("7Hq2" in secret for secret in known_secrets(loaded)) == 4


def test_the_database_password_is_a_secret_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE__URL", "postgresql+psycopg://bot:p%4055word@h/db")
    assert "p@55word" in known_secrets(load_settings())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(list(FIXED)),
        st.text(max_size=20).filter(lambda text: "\x00" not in text and text.isprintable()),
    )
)
def test_any_environment_loads_or_is_refused_in_one_line(values: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        try:
            load_settings()
        except SettingsError as error:
            assert len(error.message.splitlines()) == 1
