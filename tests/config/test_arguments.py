"""Arguments of the command line: what a share is."""

import pytest

from stylenet.config.arguments import split_share


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("a.png", ("a.png", 1)),
        ("a.png:2", ("a.png", 2)),
        ("a:b:0.25", ("a:b", 0.25)),
        ("a:.5", ("a", 0.5)),
        ("a:5.", ("a", 5)),
        ("a:0", ("a", 0)),
        (":2", (":2", 1)),
        ("a:1.2.3", ("a:1.2.3", 1)),
        ("a:²", ("a:²", 1)),
        ("a:" + "9" * 400, ("a:" + "9" * 400, 1)),
        ("a:0." + "0" * 400 + "1", ("a", 0)),
        ("a:0.0000001", ("a:0.0000001", 1)),
    ],
)
def test_a_share_is_a_number_that_sums_are_exact_with(text, split):
    assert split_share(text) == split
