"""The confusion matrix as a table of shades."""

import re

from jaxcnn.reporting.charts.heat_table import DARKEST, heat_table


def test_shades_are_shares_of_the_row():
    text = str(heat_table(["cat", "<dog>"], [[75, 25], [0, 0]], label="confusion"))
    cells = re.findall(r'<td class="(hit|miss)" style="--shade: (\d+)%">.*?title="([^"]*)">([^<]*)<', text)
    assert cells == [
        ("hit", str(round(DARKEST * 0.75**0.5)), "cat taken for cat: 75", "75"),
        ("miss", str(round(DARKEST * 0.5)), "cat taken for &lt;dog&gt;: 25", "25"),
        ("miss", "0", "&lt;dog&gt; taken for cat: 0", "·"),
        ("hit", "0", "&lt;dog&gt; taken for &lt;dog&gt;: 0", "·"),
    ]
    assert text.count('scope="col"') == text.count('scope="row"') == 2
