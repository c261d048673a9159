"""Starts tachograph in programs whose Python does not have it: ``tachograph run`` puts this directory on PYTHONPATH.

Python imports a module of this name when it starts, before the program. This one starts the package that it lies in,
and of that directory nothing else can be imported; then it makes way for the program's own ``sitecustomize``, as if it
had never been there. PYTHONPATH alone stays as it is, for the program's children.

Any Python may be a child, so this is written for all of them; it does nothing where the extension does not fit.
"""

import os
import sys

_directory = os.path.dirname(__file__)
while _directory in sys.path:
    sys.path.remove(_directory)
sys.path_importer_cache.pop(_directory, None)
_this = sys.modules.pop("sitecustomize")  # kept, because Python 2 clears a module that nobody has

# Where tachograph is installed as well, its own start-up file has been faster.
if "TACHOGRAPH_RUN" in os.environ and sys.version_info >= (3, 11) and "tachograph" not in sys.modules:
    import importlib.util

    _package = os.path.dirname(_directory)
    _file = os.path.join(_package, "__init__.py")
    _spec = importlib.util.spec_from_file_location("tachograph", _file, submodule_search_locations=[_package])
    if _spec is not None and _spec.loader is not None:
        _module = importlib.util.module_from_spec(_spec)
        sys.modules["tachograph"] = _module
        try:
            _spec.loader.exec_module(_module)
            __import__("tachograph._startup")
        except ImportError:
            pass
        if "tachograph._startup" not in sys.modules or "tachograph._absent" in sys.modules:  # for another Python
            for _name in [name for name in sys.modules if name.split(".")[0] == "tachograph"]:
                del sys.modules[_name]

# The program's own, if it has one. What it raises is for Python to tell, as ever.
__import__("sitecustomize")
