"""The example in docs/events.md, run by node as it stands, through a proxy that behaves as proxies do."""

import re
import shutil
from pathlib import Path

import pytest

from tests.docs.following import comes_through

PAGE = Path(__file__).parents[2] / "docs" / "events.md"

DRIVER = """
import { follow } from "./follow.mjs";
const stop = new AbortController();
let services = new Set(), begins = 0;
await follow(process.argv[2], {
  signal: stop.signal,
  pause: 20,
  begin() { services = new Set(); begins += 1; },
  take(message) {
    if (message.type === "snapshot" || message.type === "service-register") services.add(message.service);
    if (message.type === "service-unregister") services.delete(message.service);
    console.log(JSON.stringify({ services: [...services].sort(), begins }));
    if (message.service === "zz") stop.abort();
  },
});
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_page_that_follows_so_comes_through_what_proxies_answer_and_what_is_compacted(
    tmp_path: Path,
) -> None:
    """A proxy that is away, a server that is full, a cut, and a place that is gone meanwhile."""
    [code] = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "follow.mjs").write_text(code, encoding="utf-8")
    (tmp_path / "driver.mjs").write_text(DRIVER, encoding="utf-8")
    comes_through(["node", "driver.mjs"], tmp_path)
