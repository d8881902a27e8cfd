import base64
import re

from hypothesis import given
from hypothesis import strategies as st

from autodeal_devstack.sandbox.draw_codes import boleto_svg, qr_png_base64, qr_svg

PATTERNS = ("nnwwn", "wnnnw", "nwnnw", "wwnnn", "nnwnw", "wnwnn", "nwwnn", "nnnww", "wnnwn", "nwnwn")


def read_bars(svg: str) -> str:
    """Read interleaved two of five back from the widths of bars and gaps."""
    bars = [(int(x), int(width)) for x, width in re.findall(r"M(\d+) 0h(\d+)v60", svg)]
    ends = [x + width for x, width in bars]
    gaps = [following[0] - end for following, end in zip(bars[1:], ends, strict=False)]
    names = {1: "n", 3: "w"}
    bar_names = "".join(names[width] for _, width in bars)
    gap_names = "".join(names[width] for width in gaps)
    assert (bar_names[:2], gap_names[:2]) == ("nn", "nn")
    assert (bar_names[-2:], gap_names[-1]) == ("wn", "n")
    digits = ""
    for start in range(2, len(bar_names) - 2, 5):
        digits += str(PATTERNS.index(bar_names[start : start + 5]))
        digits += str(PATTERNS.index(gap_names[start : start + 5]))
    return digits


@given(st.from_regex(r"[0-9]{44}", fullmatch=True))
def test_digits_come_back_when_the_bars_are_read(barcode: str) -> None:
    assert read_bars(boleto_svg(barcode)) == barcode


def test_qr_code_is_a_picture_when_drawn() -> None:
    assert base64.b64decode(qr_png_base64("00020126")).startswith(b"\x89PNG\r\n")
    assert re.match(r'<svg viewBox="0 0 \d+ \d+" class="qr">', qr_svg("00020126"))
