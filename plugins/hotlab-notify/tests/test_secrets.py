"""What may be shown of a URL."""

from __future__ import annotations

import pytest
from hotlab_notify.secrets import HIDDEN, safe_label, safe_scheme, without_secrets


@pytest.mark.parametrize(
    ("private_url", "label"),
    [
        ("json://u:****@host:80/pathkey?+X-Token=key", "json://u:****@host:80/"),
        ("slack://T...A/B...B/c...C/%23lab?footer=key", "slack://T...A/B...B/c...C/%23lab"),
    ],
)
def test_label_is_without_query_and_webhook_path(private_url: str, label: str) -> None:
    """A label leaves out the query, which apprise does not hide, and a webhook's path."""
    assert safe_label(private_url) == label


def test_text_is_cleared_of_all_parts_of_a_url() -> None:
    """User, short password, path and query go, as written and as decoded; other words stay."""
    url = "jsons://me:p%40s@example.org/hooks/tok%2Fen99?key=querykey"
    text = "403 for me with p@s at /hooks/tok/en99 (tok%2Fen99): querykey refused"
    cleared = without_secrets(text, url)
    for secret in ("p@s", "tok/en99", "tok%2Fen99", "querykey"):
        assert secret not in cleared
    assert cleared.startswith("403 for ")
    assert cleared.endswith(f"{HIDDEN} refused")


@pytest.mark.parametrize("url", ["hunter2", "user:hunter2@host", "://hunter2", "1hunter2://x"])
def test_no_scheme_is_guessed(url: str) -> None:
    """Only what can be nothing else is shown as a scheme."""
    assert safe_scheme(url) is None
