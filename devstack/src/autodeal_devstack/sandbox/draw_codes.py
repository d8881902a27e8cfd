"""Pictures of codes: the Pix code as QR (PNG for the answer, SVG for the page), the boleto's bars as SVG."""

import base64
import io

import segno

_QUIET_ZONE = 2
_ITF_PATTERNS = ("nnwwn", "wnnnw", "nwnnw", "wwnnn", "nnwnw", "wnwnn", "nwwnn", "nnnww", "wnnwn", "nwnwn")
_NARROW, _WIDE = 1, 3


def qr_png_base64(text: str) -> str:
    """Draw a QR code as PNG in base64.

    The mask is fixed: choosing the prettiest of eight costs four times as much and reads no better.
    """
    image = io.BytesIO()
    segno.make(text, micro=False, error="l", boost_error=False, mask=2).save(
        image, kind="png", scale=3, border=_QUIET_ZONE
    )
    return base64.b64encode(image.getvalue()).decode("ascii")


def qr_svg(text: str) -> str:
    """Draw a QR code as an SVG element that fills the box it stands in."""
    code = segno.make(text, micro=False, error="m")
    drawing: str = code.svg_inline(border=_QUIET_ZONE, omitsize=True, dark="#0f172a", svgclass="qr")
    return drawing


def boleto_svg(barcode: str) -> str:
    """Draw 44 digits as interleaved two of five: the first of two digits in bars, the second in gaps."""
    elements = [(True, _NARROW), (False, _NARROW), (True, _NARROW), (False, _NARROW)]
    for first, second in zip(barcode[::2], barcode[1::2], strict=True):
        for bar, gap in zip(_ITF_PATTERNS[int(first)], _ITF_PATTERNS[int(second)], strict=True):
            elements.append((True, _WIDE if bar == "w" else _NARROW))
            elements.append((False, _WIDE if gap == "w" else _NARROW))
    elements += [(True, _WIDE), (False, _NARROW), (True, _NARROW)]
    path: list[str] = []
    position = 0
    for is_bar, width in elements:
        if is_bar:
            path.append(f"M{position} 0h{width}v60h-{width}z")
        position += width
    return (
        f'<svg class="bars" viewBox="0 0 {position} 60" preserveAspectRatio="none" role="img" '
        f'aria-label="Código de barras"><path d="{"".join(path)}"/></svg>'
    )
