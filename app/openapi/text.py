"""The text of openapi.yaml."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """No anchors, and text of several lines as it reads."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(schema: dict[str, Any]) -> str:
    """The schema as YAML, in its own order."""
    text: str = yaml.dump(schema, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text
