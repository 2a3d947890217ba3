"""Read by Python at its start: gives modules the constants that VISOR_TEST_CONSTANTS names. They are put in
the source, so that what is computed from a constant as its module is imported follows."""

import os
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

_CONSTANTS: dict[str, dict[str, str]] = {}
for _word in os.environ.get("VISOR_TEST_CONSTANTS", "").split():
    _module, _, _given = _word.partition(":")
    _name, _, _value = _given.partition("=")
    _CONSTANTS.setdefault(_module, {})[_name] = _value


class _Changed(SourceFileLoader):
    """Loads the source anew: what is compiled already has the constants as they are written."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        for name, value in _CONSTANTS[fullname].items():
            source, count = re.subn(
                rf"^( *{name}(?:: *\w+)? *= *)[\d_.*+ ]+(,?)$", rf"\g<1>{value}\2", source, flags=re.MULTILINE
            )
            if count != 1:
                sys.exit(f"{fullname} sets {name} to a number {count} times, not once.")
        return compile(source, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _CONSTANTS:
            return None
        spec: Any = PathFinder.find_spec(fullname, path, target)
        spec.loader = _Changed(fullname, spec.origin)
        return spec


if _CONSTANTS:
    sys.meta_path.insert(0, _Finder())
